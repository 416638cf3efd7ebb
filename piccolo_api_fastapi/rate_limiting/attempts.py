"""Charges that are reserved before something is tried, and given back when it went well."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from starlette.exceptions import HTTPException

from . import turns as waiting
from .algorithms.grammar import SECOND
from .quota import Quota
from .stores.store import Budget
from .turns import Turn

Take: TypeAlias = Callable[[Budget, str, int, bool], Awaitable[Quota]]
"""Charges a budget; at last whether the store itself has to say so, and not what is remembered."""

TurnName: TypeAlias = tuple[asyncio.AbstractEventLoop, str, str]
"""Who waits does so in an event loop, for a budget and a key."""

NOT_TRIED = (429, 503)
"""Answers to requests that were not looked at, so that they are no failures either."""


class Reservation:
    """
    An attempt that was charged.

    Args:
        quota: What was said of it.
        leave: Lets the next one in; nothing for one that was refused.
    """

    __slots__ = ("_leave", "quota")

    def __init__(self, quota: Quota, leave: Callable[[], None] | None) -> None:
        self.quota = quota
        self._leave = leave

    async def settle(self, *, failed: bool) -> None:
        """Give it back unless it failed, when that is known first; what comes later is too late."""
        leave, self._leave = self._leave, None
        if leave is None:
            return
        try:
            if not failed:
                await self.quota.refund()
        finally:
            leave()


class Attempts:
    """
    The attempts under way, and those that wait for them.

    Args:
        take: Asks the store.
        shadow: Whether who is refused goes on all the same.
    """

    def __init__(self, take: Take, *, shadow: bool) -> None:
        self._take = take
        self._shadow = shadow
        self.turns: dict[TurnName, Turn] = {}

    @asynccontextmanager
    async def attempt(self, budget: Budget, key: str, cost: int) -> AsyncIterator[Reservation]:
        """
        Charge for something that may fail, and give it back when it did not.

        While others are under way that may be given back, one that is refused waits for them.
        """
        name = (asyncio.get_running_loop(), budget.id, key)
        turn = self.turns.setdefault(name, Turn())
        is_held = False
        try:
            quota = await self._in_turn(turn, budget, key, cost)
            is_held = quota.allowed
        finally:
            if not is_held:
                self._tidy(name)

        def leave() -> None:
            turn.leave()
            self._tidy(name)

        reservation = Reservation(quota, leave if is_held else None)
        try:
            yield reservation
        except HTTPException as error:
            await reservation.settle(failed=error.status_code not in NOT_TRIED)
            raise
        except BaseException:
            await reservation.settle(failed=True)
            raise
        await reservation.settle(failed=quota.failed)

    async def _in_turn(self, turn: Turn, budget: Budget, key: str, cost: int) -> Quota:
        """Ask the store, again and again while something is under way that may be given back."""
        turn.ask()
        was_called = again = False
        while True:
            ended = turn.ended
            try:
                quota = await self._take(budget, key, cost, again)
                if quota.allowed:
                    turn.admit()
                    return quota
                again = await self._may_change(turn, quota, budget)
            except BaseException:
                turn.refuse()
                raise
            if again:
                continue
            is_old = ended != turn.ended  # what was given back meanwhile may be there now
            is_final = turn.refuse() and not is_old
            if self._shadow or is_final:
                return quota
            if is_old:
                turn.ask()
            elif not await turn.wait(again=was_called):
                return quota
            was_called = True

    async def _may_change(self, turn: Turn, quota: Quota, budget: Budget) -> bool:
        """
        Wait a moment for what other processes may give back, if this one has nothing under way.

        One a process and key does so, for all who stand in line. Where a place comes free by
        itself in less time than an attempt may take, new charges do not tell that others were
        given back: they must not keep anybody here.
        """
        if self._shadow or not turn.is_alone or not quota.is_recent:
            return False
        is_slow = budget.pace > waiting.RECENT * SECOND
        return await turn.pause(waiting.PATIENCE if is_slow else waiting.RECENT)

    def _tidy(self, name: TurnName) -> None:
        turn = self.turns.get(name)
        if turn is not None and turn.is_idle and not turn.line:
            del self.turns[name]
