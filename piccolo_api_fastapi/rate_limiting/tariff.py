"""From a request or a key to the charge: which budget, which key, how much."""

import inspect
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NamedTuple, TypeAlias

from fastapi import params
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.errors import ConfigurationError

from .algorithms.gcra import Rate
from .algorithms.grammar import LONGEST, SECOND, Limit, parse
from .algorithms.strict_log import MAXIMUM, StrictRate
from .keys import by_address
from .request_settings import Asked, awaited, signature
from .scopes import route_scope
from .stores.store import REMEMBERED, AnyRate, Budget, compact

Limits: TypeAlias = str | Sequence[str]
"""One limit string, or several."""

LONGEST_BLOCK = 366 * 24 * 3600 * SECOND


class Budgets:
    """
    The budgets of one `RateLimit`, one for each scope and set of limits.

    Args:
        burst: As for `RateLimit`.
        block: As for `RateLimit`.
        strict: As for `RateLimit`.

    Raises:
        ConfigurationError: `burst` is below 1, or was given with `strict`.
    """

    def __init__(self, burst: int | None, block: timedelta | None, *, strict: bool) -> None:
        self._burst = burst
        self._strict = strict
        self._block = 0 if block is None else block // timedelta(microseconds=1)
        self._made: dict[tuple[Limits, str], Budget] = {}
        if burst is not None and (strict or burst < 1):
            raise ConfigurationError(
                f"burst is {burst}; use 1 or more, and omit it with strict=True."
            )

    def source(self, limits: Sequence[Any]) -> Any:
        """
        The limit strings of a `RateLimit`, or the function or dependency that returns them.

        Raises:
            ConfigurationError: The arguments are neither.
        """
        if limits and all(isinstance(limit, str) for limit in limits):
            self.of(tuple(limits), "")
            return tuple(limits)
        if len(limits) == 1 and (callable(limits[0]) or isinstance(limits[0], params.Depends)):
            return limits[0]
        raise ConfigurationError(
            "RateLimit takes strings such as '10/minute', or one function or dependency."
        )

    def of(self, limits: Limits, scope: str) -> Budget:
        """
        The budget of a scope.

        Args:
            limits: The limits.
            scope: The name of what is limited.

        Raises:
            ConfigurationError: A limit can't be parsed, or contradicts the other settings.
        """
        limits = limits if isinstance(limits, str) else tuple(limits)
        if (budget := self._made.get((limits, scope))) is None:
            if len(self._made) >= REMEMBERED:
                self._made.clear()
            budget = self._made[limits, scope] = Budget(scope, self._rates(limits))
        return budget

    def _rates(self, limits: Limits) -> list[AnyRate]:
        texts = (limits,) if isinstance(limits, str) else limits
        parsed = [limit for text in texts for limit in parse(text)]
        if len(set(parsed)) < len(parsed):
            raise ConfigurationError(f"A limit occurs twice in {', '.join(texts)!r}; remove one.")
        shortest = min(parsed, key=lambda limit: limit.period)
        return [
            self._strict_rate(limit)
            if self._strict
            else self._rate(limit, self._burst if limit is shortest else None)
            for limit in parsed
        ]

    def _rate(self, limit: Limit, burst: int | None) -> Rate:
        rate = Rate(limit, burst, self._block)
        if rate.tolerance > LONGEST:
            raise ConfigurationError(
                f"A burst of {burst} takes longer than 100 years to refill at {limit}; use less."
            )
        self._check_block(limit, rate.tolerance)
        return rate

    def _strict_rate(self, limit: Limit) -> StrictRate:
        if limit.amount > MAXIMUM:
            raise ConfigurationError(
                f"{limit} is too large for strict=True, use {MAXIMUM} or less."
            )
        self._check_block(limit, limit.period)
        return StrictRate(limit, self._block)

    def _check_block(self, limit: Limit, window: int) -> None:
        if 0 < self._block < window or self._block > LONGEST_BLOCK:
            raise ConfigurationError(
                f"block must be {window / SECOND:g} s or more for {limit}, and at most 366 days."
            )


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
        if not (callable(key) or isinstance(key, params.Depends)):
            raise ConfigurationError(
                "key takes a function such as by_user(guard), or a dependency, not "
                f"{type(key).__name__}."
            )
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
