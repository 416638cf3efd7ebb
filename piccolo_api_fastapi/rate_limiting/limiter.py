"""Charging a store: which one, what a limit then has left, and what happens in an outage."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import Literal, TypeAlias

from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.core.events.repeated import tell_counted
from piccolo_api_fastapi.errors import StoreUnavailable

from . import turns
from .algorithms.grammar import SECOND
from .headers import Standing
from .stores.memory_store import MemoryStore
from .stores.store import AnyRate, Budget, State, Store, StoreBusy, StoreDown, Verdict, marks_of

OnError: TypeAlias = Literal["local", "deny", "allow"]

Charge: TypeAlias = tuple[Store, Budget, str, int]
"""The store, the budget, the key and the cost of a charge."""

LOCAL = MemoryStore()
"""The store of this process: the default, and the fallback while another does not answer."""


class _Defaults:
    store: Store = LOCAL
    are_on = True


@configured
def use_store(store: Store | None) -> None:
    """
    Set the store of every `RateLimit` that has none of its own. Call it at start-up.

    ```python
    from piccolo_api_fastapi import RedisStore, use_store

    use_store(RedisStore("redis://localhost:6379"))
    ```

    Args:
        store: The store, or `None` to use the memory of the process again.
    """
    _Defaults.store = LOCAL if store is None else store


def default_store() -> Store:
    """The store of limits that have none of their own."""
    return _Defaults.store


def are_on() -> bool:
    """Whether limits are in force."""
    return _Defaults.are_on


@contextmanager
def no_rate_limits() -> Iterator[None]:
    """
    Turn all limits off, for tests: nothing is limited or counted inside the block.

    ```python
    from piccolo_api_fastapi.testing import no_rate_limits

    with no_rate_limits():
        ...
    ```
    """
    before, _Defaults.are_on = _Defaults.are_on, False
    try:
        yield
    finally:
        _Defaults.are_on = before


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


class Limiter:
    """
    Charges budgets in a store.

    Args:
        store: The store, or `None` for that of `use_store`.
        on_error: What to do while the store does not answer.
        shadow: Whether refused requests go on all the same.
    """

    def __init__(self, store: Store | None, on_error: OnError, *, shadow: bool) -> None:
        self._store = store
        self._on_error = on_error
        self.shadow = shadow

    @property
    def store(self) -> Store:
        """The store that holds the counts."""
        return default_store() if self._store is None else self._store

    async def take(self, budget: Budget, key: str, cost: int, *, again: bool = False) -> Quota:
        """
        Charge a budget. A cost of 0 only reads it, a negative one refunds.

        Args:
            budget: The budget to charge.
            key: The key to charge.
            cost: How much.
            again: Whether to ask the store even if it refused the key a moment ago.

        Raises:
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        store = self.store
        try:
            verdict = await store.take(budget, key, cost, again=again)
        except (StoreDown, StoreBusy) as error:
            if self._on_error == "deny":
                raise StoreUnavailable from None
            if self._on_error == "allow" and isinstance(error, StoreDown):
                return Quota(degraded=True)
            store = LOCAL
            verdict = await store.take(budget, key, cost)
            return Quota((store, budget, key, cost), verdict, degraded=True)
        return Quota((store, budget, key, cost), verdict)

    async def reset(self, budget: Budget, key: str) -> None:
        """
        Forget a key, in the store and in the memory of this process.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        await LOCAL.reset(budget, key)
        try:
            await self.store.reset(budget, key)
        except (StoreDown, StoreBusy):
            raise StoreUnavailable from None

    def report(self, quota: Quota) -> None:
        """Emit an event for the refusals of the last second: at most one a second."""
        data = {"scope": quota.scope, "shadow": self.shadow}
        tell_counted(AuthEvent("excess_rate_limit_exceeded", utcnow(), data=data), self)
