"""Charges that are reserved before an attempt, and refunded if it succeeds."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import TypeAlias

from starlette.exceptions import HTTPException

from . import turns
from .algorithms.grammar import SECOND
from .limiter import Limiter, Quota
from .stores.store import Budget
from .turns import Turn

TurnName: TypeAlias = tuple[asyncio.AbstractEventLoop, str, str]
"""Attempts wait for others of the same event loop, budget and key."""

NOT_TRIED = (429, 503)
"""Statuses of requests that were not processed, so that they do not count as failures."""


class Reservation:
    """
    An attempt that was charged.

    Args:
        quota: The answer of the store.
        leave: Ends the turn of this attempt; `None` if it was refused.
    """

    __slots__ = ("_leave", "quota")

    def __init__(self, quota: Quota, leave: Callable[[], None] | None) -> None:
        self.quota = quota
        self._leave = leave

    async def settle(self, *, failed: bool) -> None:
        """Refund the attempt unless it failed, and end its turn. Only the first call counts."""
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
    The attempts in progress, and those that wait for them.

    Args:
        limiter: The limiter that asks the store.
    """

    def __init__(self, limiter: Limiter) -> None:
        self._limiter = limiter
        self.turns: dict[TurnName, Turn] = {}

    @asynccontextmanager
    async def attempt(self, budget: Budget, key: str, cost: int) -> AsyncIterator[Reservation]:
        """
        Charge an attempt, and refund it unless it fails.

        A refused attempt waits while others are in progress, because they may be refunded.
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
        """Ask the store, and after a refusal again whenever something may have been refunded."""
        was_called = False
        turn.ask()
        while True:
            quota, ended = await self._ask(turn, budget, key, cost)
            if quota.allowed:
                turn.admit()
                return quota
            if self._limiter.shadow:
                turn.refuse()
                return quota
            if not await turn.wait_after_refusal(ended, was_called=was_called):
                return quota
            was_called = True

    async def _ask(self, turn: Turn, budget: Budget, key: str, cost: int) -> tuple[Quota, int]:
        """
        Ask the store, again and again while other processes may refund something.

        Returns:
            The answer, and how many attempts of this process had ended before it was asked for.
        """
        again = False
        try:
            while True:
                ended = turn.ended
                quota = await self._limiter.take(budget, key, cost, again=again)
                again = not quota.allowed and await self._may_change(turn, quota, budget)
                if not again:
                    return quota, ended
        except BaseException:
            turn.refuse()
            raise

    async def _may_change(self, turn: Turn, quota: Quota, budget: Budget) -> bool:
        """
        Pause for refunds of other processes, if this process has no attempt in progress.

        One caller of each process and key does so for all that wait. If a place is refilled
        faster than an attempt may take, a recent charge is no sign of refunds elsewhere, and
        must not keep the callers waiting.
        """
        if self._limiter.shadow or not turn.is_alone or not quota.is_recent:
            return False
        is_slow = budget.pace > turns.RECENT * SECOND
        return await turn.pause(turns.PATIENCE if is_slow else turns.RECENT)

    def _tidy(self, name: TurnName) -> None:
        turn = self.turns.get(name)
        if turn is not None and turn.is_idle and not turn.line:
            del self.turns[name]
