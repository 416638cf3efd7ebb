"""From a request or a key to the charge: which budget, which key, how much."""

import inspect
from typing import Any, NamedTuple

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.errors import ConfigurationError

from .budgets import Budgets, Limits
from .keys import by_address, compact
from .request_settings import Asked, awaited, signature
from .scopes import route_scope
from .stores import defaults
from .stores.store import Budget


class Charge(NamedTuple):
    """
    A charge to ask a store for.

    Args:
        budget: The limits to charge.
        key: The key to charge, such as an address.
        cost: How much; 0 reads only, less than 0 refunds.
    """

    budget: Budget
    key: str
    cost: int


class Tariff:
    """
    The settings of a `RateLimit` that decide the charge.

    Args:
        budgets: The budgets by scope.
        limits: The limits, or the function or dependency that returns them.
        key: The function or dependency that returns the key of a request.
        cost: The cost of a request, or the function or dependency that returns it.
        scope: The name of what is limited. `None` stands for each route.

    Attributes:
        asks_dependencies: Whether FastAPI has to solve a dependency to find the charge.
        is_for_code: Whether the scope, the limits and the cost are fixed, and no key was given.

    Raises:
        ConfigurationError: The settings contradict each other.
    """

    def __init__(
        self, budgets: Budgets, limits: tuple[Any, ...], key: Any, cost: Any, scope: str | None
    ) -> None:
        self._budgets = budgets
        self._limits = Asked("limits", budgets.source(limits))
        self._key = Asked("key", key)
        self._cost = Asked("cost", cost)
        self._settings = (self._limits, self._key, self._cost)
        self._scope = scope
        if isinstance(cost, int):
            self._check_cost(cost)
        self.asks_dependencies = any(setting.dependency for setting in self._settings)
        is_plain = key is by_address and isinstance(cost, int) and bool(self._limits.value)
        self.is_for_code = is_plain and scope is not None

    @property
    def signature(self) -> inspect.Signature:
        """The signature that FastAPI sees, with the dependencies among the settings."""
        return signature(*self._settings)

    def of_key(self, key: str, cost: int, limits: Limits | None) -> Charge:
        """
        The charge for a call from code.

        Args:
            key: The key to charge.
            cost: How much.
            limits: The limits, if the settings name a function or a dependency for them.

        Raises:
            ConfigurationError: The scope or the limits are missing.
        """
        if self._scope is None:
            raise ConfigurationError(
                "A RateLimit needs scope= to be called from code, where there is no route."
            )
        found = limits or self._limits.value
        if found is None:
            raise ConfigurationError("The limits depend on the request: pass limits= as well.")
        return self._within(self._budgets.of(found, self._scope), key, cost)

    async def of_request(self, connection: HTTPConnection, solved: dict[str, Any]) -> Charge | None:
        """
        The charge for a request, or `None` if it is exempt.

        Args:
            connection: The request or the WebSocket.
            solved: What FastAPI found for the dependencies.
        """
        if not defaults.are_on():
            return None
        limits = self._limits.value or await self._limits.of(connection, solved)
        if limits is None:
            return None
        key = self._key.ask(connection, solved)
        if not isinstance(key, str) and (key := await awaited(key)) is None:
            return None
        budget = self._budgets.of(limits, self._scope or route_scope(connection.scope))
        cost = self._cost.value or await self._cost.of(connection, solved)
        return None if cost is None else self._within(budget, key, cost)

    def _within(self, budget: Budget, key: str, cost: int) -> Charge:
        """A charge that the budget can admit: the cost is at least 0 and at most all of it."""
        return Charge(budget, compact(key), min(max(cost, 0), budget.most))

    def _check_cost(self, cost: int) -> None:
        limits = self._limits.value
        most = self._budgets.of(limits, "").most if limits else cost
        if not 0 < cost <= most:
            raise ConfigurationError(
                f"cost is {cost}; use 1 to {most}, which is all that the limits admit at once."
                if limits
                else f"cost is {cost}; use 1 or more."
            )
