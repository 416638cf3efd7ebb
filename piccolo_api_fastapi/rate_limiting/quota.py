"""`Quota`: what a limit has left for a client."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TypeAlias

from . import turns
from .algorithms.grammar import SECOND
from .headers import Standing
from .stores.store import AnyRate, Budget, State, Store, StoreBusy, StoreDown, Verdict, marks_of

Charge: TypeAlias = tuple[Store, Budget, str, int]
"""The store, the budget, the key and the cost of a charge."""


class Quota:
    """
    What a `RateLimit` has left for a client; the dependency returns it.

    ```python
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import Quota, RateLimit

    app = FastAPI()


    @app.get("/")
    async def index(quota: Annotated[Quota, Depends(RateLimit("10/minute"))]) -> int | None:
        return quota.remaining
    ```

    Attributes:
        allowed: Whether the charge was admitted. False only after `peek` and with `shadow=True`.
        degraded: Whether the store did not answer. The figures are then those of this process.
        failed: Set it to keep the charge of a `FailureLimit`, however the request ends.
    """

    __slots__ = ("_budget", "_cost", "_key", "_store", "_verdict", "allowed", "degraded", "failed")

    def __init__(
        self,
        charged: Charge | None = None,
        verdict: Verdict | None = None,
        *,
        degraded: bool = False,
    ) -> None:
        self._store: Store | None = None
        self._budget: Budget | None = None
        self._key = ""
        self._cost = 0
        if charged is not None:
            self._store, self._budget, self._key, self._cost = charged
        self._verdict = verdict
        self.allowed = verdict is None or verdict.allowed
        self.degraded = degraded
        self.failed = False

    @property
    def is_recent(self) -> bool:
        """Whether the key was charged in the last seconds, so that a refund may follow."""
        age = -1 if self._verdict is None else self._verdict.now - self._verdict.newest
        return 0 <= age < turns.RECENT * SECOND

    @property
    def remaining(self) -> int | None:
        """How much more is admitted now, or `None` without a limit."""
        if self._verdict is None or self._budget is None:
            return None
        now, states = self._verdict.now, self._verdict.states
        return min(
            rate.remaining(state, now)
            for rate, state in zip(self._budget.rates, states, strict=True)
        )

    @property
    def retry_after(self) -> timedelta:
        """The time until the same cost is admitted; zero if it was admitted."""
        if self.allowed or self._verdict is None or self._budget is None:
            return timedelta()
        now, states, cost = self._verdict.now, self._verdict.states, self._cost or 1
        pairs = zip(self._budget.rates, states, strict=True)
        return timedelta(microseconds=max(rate.wait(state, now, cost) for rate, state in pairs))

    @property
    def reset_after(self) -> timedelta:
        """The time until the limit is as if it had never been charged."""
        if self._verdict is None or self._budget is None:
            return timedelta()
        now, states = self._verdict.now, self._verdict.states
        pairs = zip(self._budget.rates, states, strict=True)
        return timedelta(microseconds=max(rate.until_reset(state, now) for rate, state in pairs))

    @property
    def standings(self) -> Sequence[Standing]:
        """The standing of each limit, or none if the store did not answer."""
        if self._verdict is None or self._budget is None or self.degraded:
            return ()
        now, states = self._verdict.now, self._verdict.states
        rates = self._budget.rates
        if len(rates) == 1:
            return (_standing(rates[0], states[0], now),)
        return [_standing(rate, state, now) for rate, state in zip(rates, states, strict=True)]

    async def refund(self) -> None:
        """Refund the charge. A second call does nothing."""
        cost, self._cost = self._cost, 0
        if self._store is None or self._budget is None or self._verdict is None:
            return
        if cost and self.allowed:
            with suppress(StoreDown, StoreBusy):
                marks = marks_of(self._budget, self._verdict)
                await self._store.take(self._budget, self._key, -cost, marks)

    @property
    def scope(self) -> str | None:
        """The name of what is limited."""
        return self._budget.scope if self._budget is not None else None

    @property
    def charged(self) -> "tuple[str, str] | None":
        """The budget and the key that were charged, or `None` if the cost was 0."""
        return (self._budget.id, self._key) if self._budget is not None and self._cost else None


def _standing(rate: AnyRate, state: State, now: int) -> Standing:
    """The standing of one limit. Seconds are rounded up, so that no client returns too early."""
    remaining, more, reset = rate.figures(state, now)
    window, more, reset = -(-rate.window // SECOND), -(-more // SECOND), -(-reset // SECOND)
    return Standing(rate.name, rate.most, window, remaining, more, reset)
