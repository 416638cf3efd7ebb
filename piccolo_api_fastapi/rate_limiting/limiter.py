"""Asking a store, and what to do when it does not answer."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Literal, TypeAlias

from starlette.exceptions import HTTPException

from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.errors import StoreUnavailable
from piccolo_api_fastapi.events import AuthEvent, emit

from . import defaults
from .quota import Quota
from .stores import Budget, Store, StoreBusy, StoreDown
from .waiting import Turn

OnError: TypeAlias = Literal["local", "deny", "allow"]
TurnName: TypeAlias = tuple[asyncio.AbstractEventLoop, str, str]
"""Who waits does so in an event loop, for a budget and a key."""

NOT_TRIED = (429, 503)
"""Answers to requests that were not looked at, so that they are no failures either."""

REPORT_EVERY = 1.0
"""Seconds; a flood is one event a second, not one a request."""


class Limiter:
    """
    Charges budgets.

    Args:
        store: Of its own; by default the one of `use_store`.
        on_error: What to do while it does not answer.
        shadow: Whether who is refused goes on all the same.
    """

    def __init__(self, store: Store | None, on_error: OnError, *, shadow: bool) -> None:
        self._store = store
        self._on_error = on_error
        self.shadow = shadow
        self._turns: dict[TurnName, Turn] = {}
        self._refused = 0
        self._report_at = 0.0

    @property
    def store(self) -> Store:
        """Where it counts."""
        return defaults.default_store() if self._store is None else self._store

    async def take(self, budget: Budget, key: str, cost: int) -> Quota:
        """
        Charge a budget, or look at it for a cost of 0.

        Raises:
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        store = self.store
        try:
            verdict = await store.take(budget, key, cost)
        except (StoreDown, StoreBusy) as error:
            if self._on_error == "deny":
                raise StoreUnavailable from None
            if self._on_error == "allow" and isinstance(error, StoreDown):
                return Quota(degraded=True)
            store = defaults.LOCAL
            verdict = await store.take(budget, key, cost)
            return Quota((store, budget, key, cost), verdict, degraded=True)
        return Quota((store, budget, key, cost), verdict)

    async def reset(self, budget: Budget, key: str) -> None:
        """
        Forget a key, here and in the store.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        await defaults.LOCAL.reset(budget, key)
        try:
            await self.store.reset(budget, key)
        except (StoreDown, StoreBusy):
            raise StoreUnavailable from None

    @asynccontextmanager
    async def attempt(self, budget: Budget, key: str, cost: int) -> AsyncIterator[Quota]:
        """
        Charge for something that may fail, and give it back when it did not.

        While others are under way that may be given back, one that is refused waits for them.
        """
        name = (asyncio.get_running_loop(), budget.id, key)
        turn = self._turns.setdefault(name, Turn())
        is_held = False
        try:
            quota = await self._in_turn(turn, budget, key, cost)
            is_held = quota.allowed
        finally:
            if not is_held:
                self._tidy(name)
        if not is_held:
            yield quota
            return
        try:
            yield quota
        except HTTPException as error:
            if error.status_code in NOT_TRIED:
                await quota.refund()
            raise
        else:
            if not quota.failed:
                await quota.refund()
        finally:
            turn.leave()
            self._tidy(name)

    async def _in_turn(self, turn: Turn, budget: Budget, key: str, cost: int) -> Quota:
        """Ask the store, again and again while something is under way that may be given back."""
        turn.ask()
        again = False
        while True:
            ended = turn.ended
            try:
                quota = await self.take(budget, key, cost)
            except BaseException:
                turn.refuse()
                raise
            if quota.allowed:
                turn.admit()
                return quota
            is_old = ended != turn.ended  # what was given back meanwhile may be there now
            is_final = turn.refuse() and not is_old
            if self.shadow or is_final:
                return quota
            if is_old:
                turn.ask()
            elif not await turn.wait(again=again):
                return quota
            again = True

    def _tidy(self, name: TurnName) -> None:
        turn = self._turns.get(name)
        if turn is not None and turn.is_idle and not turn.line:
            del self._turns[name]

    async def report(self, quota: Quota) -> None:
        """Tell of a refusal, with those that came since the last time."""
        self._refused += 1
        now = time.monotonic()
        if now >= self._report_at:
            refused, self._refused = self._refused, 0
            self._report_at = now + REPORT_EVERY
            data = {"scope": quota.scope, "refused": refused, "shadow": self.shadow}
            await emit(AuthEvent("excess_rate_limit_exceeded", utcnow(), data=data))
