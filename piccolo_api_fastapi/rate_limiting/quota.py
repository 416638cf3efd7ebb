"""What a limit says of a request."""

from collections.abc import Sequence
from contextlib import suppress
from datetime import timedelta
from typing import TypeAlias

from . import turns as waiting
from .algorithms.grammar import SECOND
from .headers import Standing
from .stores.store import AnyRate, Budget, State, Store, StoreBusy, StoreDown, Verdict, marks_of

Charge: TypeAlias = tuple[Store, Budget, str, int]
"""What was asked of a store: for which budget, whose key, and how much."""


class Quota:
    """
    How a client stands with a `RateLimit`; what the dependency returns.

    Attributes:
        allowed: Whether it was admitted; false only after `peek`, and with `shadow=True`.
        degraded: The store did not answer, and this is what the process alone knows, if anything.
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
        """Whether something was charged just now, perhaps elsewhere, that may yet be given back."""
        age = -1 if self._verdict is None else self._verdict.now - self._verdict.newest
        return 0 <= age < waiting.RECENT * SECOND

    @property
    def remaining(self) -> int | None:
        """How many more are admitted now; `None` when there is no limit."""
        if self._verdict is None or self._budget is None:
            return None
        now, states = self._verdict.now, self._verdict.states
        return min(
            rate.remaining(state, now)
            for rate, state in zip(self._budget.rates, states, strict=True)
        )

    @property
    def retry_after(self) -> timedelta:
        """How long until the same is admitted; nothing when it was."""
        if self.allowed or self._verdict is None or self._budget is None:
            return timedelta()
        now, states, cost = self._verdict.now, self._verdict.states, self._cost or 1
        pairs = zip(self._budget.rates, states, strict=True)
        return timedelta(microseconds=max(rate.wait(state, now, cost) for rate, state in pairs))

    @property
    def reset_after(self) -> timedelta:
        """How long until it is as if nothing had been."""
        if self._verdict is None or self._budget is None:
            return timedelta()
        now, states = self._verdict.now, self._verdict.states
        pairs = zip(self._budget.rates, states, strict=True)
        return timedelta(microseconds=max(rate.until_reset(state, now) for rate, state in pairs))

    @property
    def standings(self) -> Sequence[Standing]:
        """How the client stands with each limit; nothing when the store did not answer."""
        if self._verdict is None or self._budget is None or self.degraded:
            return ()
        now, states = self._verdict.now, self._verdict.states
        rates = self._budget.rates
        if len(rates) == 1:
            return (_standing(rates[0], states[0], now),)
        return [_standing(rate, state, now) for rate, state in zip(rates, states, strict=True)]

    async def refund(self) -> None:
        """Give back what was charged; once, and nothing when nothing was."""
        cost, self._cost = self._cost, 0
        if self._store is None or self._budget is None or self._verdict is None:
            return
        if cost and self.allowed:
            with suppress(StoreDown, StoreBusy):
                marks = marks_of(self._budget, self._verdict)
                await self._store.take(self._budget, self._key, -cost, marks)

    @property
    def scope(self) -> str | None:
        """What was limited."""
        return self._budget.scope if self._budget is not None else None

    @property
    def charged(self) -> "tuple[str, str] | None":
        """Which budget and whose; nothing when it cost nothing."""
        return (self._budget.id, self._key) if self._budget is not None and self._cost else None


def _standing(rate: AnyRate, state: State, now: int) -> Standing:
    """Seconds are rounded up, so that nobody comes back too early."""
    remaining, more, reset = rate.figures(state, now)
    window, more, reset = -(-rate.window // SECOND), -(-more // SECOND), -(-reset // SECOND)
    return Standing(rate.name, rate.most, window, remaining, more, reset)
