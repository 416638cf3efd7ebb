"""`Limiter`: charges a store, and decides what happens while it does not answer."""

from typing import Literal, TypeAlias

from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.core.events.repeated import tell_counted
from piccolo_api_fastapi.errors import StoreUnavailable

from .attempts import Attempts
from .quota import Quota
from .stores import defaults
from .stores.store import Budget, Store, StoreBusy, StoreDown

OnError: TypeAlias = Literal["local", "deny", "allow"]


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
        self.attempts = Attempts(self._take, shadow=shadow)

    @property
    def store(self) -> Store:
        """The store that holds the counts."""
        return defaults.default_store() if self._store is None else self._store

    async def take(self, budget: Budget, key: str, cost: int) -> Quota:
        """
        Charge a budget. A cost of 0 only reads it, a negative one refunds.

        Raises:
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        return await self._take(budget, key, cost, again=False)

    async def _take(self, budget: Budget, key: str, cost: int, again: bool) -> Quota:  # noqa: FBT001 - by position
        store = self.store
        try:
            verdict = await store.take(budget, key, cost, again=again)
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
        Forget a key, in the store and in the memory of this process.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        await defaults.LOCAL.reset(budget, key)
        try:
            await self.store.reset(budget, key)
        except (StoreDown, StoreBusy):
            raise StoreUnavailable from None

    def report(self, quota: Quota) -> None:
        """Emit an event for the refusals of the last second: at most one a second."""
        data = {"scope": quota.scope, "shadow": self.shadow}
        tell_counted(AuthEvent("excess_rate_limit_exceeded", utcnow(), data=data), self)
