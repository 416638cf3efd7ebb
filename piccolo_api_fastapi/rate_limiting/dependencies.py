"""`RateLimit`: so many in so much time, as a dependency and from code."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, Literal, TypeAlias

from fastapi import Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.http.middleware import answer_of, status_of
from piccolo_api_fastapi.errors import (
    AuthError,
    ConfigurationError,
    StoreUnavailable,
    TooManyRequests,
)

from . import hints as self_checks
from .attempts import NOT_TRIED, Reservation
from .budgets import Budgets, Limits
from .charges import announce, bill_of
from .headers import HeaderWriter, rate_limit_headers
from .keys import Key, by_address, compact
from .limiter import Limiter, OnError
from .quota import Quota
from .request_settings import Asked, awaited, signature
from .scopes import route_scope
from .stores import defaults
from .stores.store import Budget, Store

Count: TypeAlias = Literal["requests", "failures"]

_SECOND = timedelta(seconds=1)


class RateLimit:
    """
    A limit: a dependency for routes, routers and whole applications, HTTP and WebSocket.

    A request beyond it is a 429 with `Retry-After`. Of several limits all are charged, or none.

    Args:
        limits: In the words of the package `limits`: `"10/minute"`, `"100 per 2 hours"`,
            `"5/second;100/minute"`. Or one function of the connection, or a dependency, that
            returns such words for each request, or `None` to exempt it.
        burst: How many may come at once, of the limit with the shortest period; by default
            its number. They come back one after another.
        key: Who is counted: `by_address`, or another function or dependency that returns
            a string, or `None` to exempt the request.
        cost: What a request costs, or a function or dependency that says so; `None` exempts.
        scope: What is limited, by default each route for itself. Limits with
            equal scopes, numbers and blocks are one.
        count: `"failures"` gives back what a request cost that ended well.
        strict: Never more than the number in any window. Otherwise the number may come at once,
            and what refills meanwhile on top. For numbers up to 1000.
        block: After a refusal, refuse everything for so long.
        shadow: Count and report, and refuse nothing.
        on_error: While the store does not answer: `"local"` limits in the memory of each
            process, `"deny"` answers 503, `"allow"` limits nothing.
        store: Where the counts are; by default the one of `use_store`.
        headers: Writes the headers of an answer; `None` writes none.

    Raises:
        ConfigurationError: The settings contradict each other, or one would have no effect.
    """

    def __new__(cls, *_: Any, count: Count = "requests", **__: Any) -> "RateLimit":  # noqa: PYI034 - of a subclass
        """FastAPI tells by the class whether a dependency hears how a request ends."""
        if count != "failures":
            return object.__new__(cls)
        if cls is not RateLimit:
            raise ConfigurationError(
                "count='failures' is a class by itself, and goes with no other."
            )
        return object.__new__(_FailureLimit)

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        *limits: Any,
        burst: int | None = None,
        key: Key | Any = by_address,
        cost: int | Callable[..., Any] = 1,
        scope: str | None = None,
        count: Count = "requests",
        strict: bool = False,
        block: timedelta | None = None,
        shadow: bool = False,
        on_error: OnError = "local",
        store: Store | None = None,
        headers: HeaderWriter | None = rate_limit_headers,
    ) -> None:
        if count not in ("requests", "failures") or on_error not in ("local", "deny", "allow"):
            raise ConfigurationError(
                "count is 'requests' or 'failures'; on_error 'local', 'deny' or 'allow'."
            )
        self_checks.check_is_made_once()
        self._budgets = Budgets(burst, block, strict=strict)
        self._limits = Asked("limits", self._budgets.source(limits))
        self._key = Asked("key", key)
        self._cost = Asked("cost", cost)
        if isinstance(cost, int):
            self._check_cost(cost)
        settings = (self._limits, self._key, self._cost)
        self.asks_dependencies = any(setting.dependency for setting in settings)
        is_plain = key is by_address and isinstance(cost, int) and bool(self._limits.value)
        self.is_for_code = is_plain and scope is not None
        self.__signature__ = signature(*settings)
        self.scope = scope
        self.headers = headers
        self._limiter = Limiter(store, on_error, shadow=shadow)
        errors = {TooManyRequests: not shadow, StoreUnavailable: on_error == "deny"}
        self.documented_errors: tuple[type[AuthError], ...] = tuple(
            error for error, can_happen in errors.items() if can_happen
        )

    async def __call__(
        self, connection: HTTPConnection, response: Response, **solved: Any
    ) -> Quota:
        """
        As a dependency: how the client stands.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        charge = await self._ask(connection, solved)
        if charge is None:
            return Quota()
        try:
            quota = await self._limiter.take(*charge)
            return await self._pass(connection, quota, response)
        except HTTPException:
            await bill_of(connection).refund()
            raise

    @asynccontextmanager
    async def admit(self, connection: HTTPConnection) -> AsyncIterator[Quota]:
        """
        For `install(app, limit=…)`: surrounds a request, before anything else sees it.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        yield await self(connection, Response())

    async def hit(self, key: str, *, cost: int = 1, limits: Limits | None = None) -> Quota:
        """
        Charge for what is no request: a message, a field of a query. It needs a `scope`.

        Args:
            key: Who.
            cost: How much.
            limits: The words, where a function or a dependency gives them to requests.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        if not defaults.are_on():
            return Quota()
        quota = await self._limiter.take(*self._charge(key, cost, limits))
        self._check(quota, self._said(quota))
        return quota

    @asynccontextmanager
    async def attempt(
        self, key: str, *, cost: int = 1, limits: Limits | None = None
    ) -> AsyncIterator[Quota]:
        """
        Charge for what may fail, and give it back unless it did: `async with limit.attempt(key):`.

        It failed when the block raises, or sets `failed` of the quota. A 429 and a 503 are no
        failures, since nothing was tried. While attempts of the same key are under way, one that
        would be refused waits for them.

        Args:
            key: Who.
            cost: How much.
            limits: As for `hit`.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        if not defaults.are_on():
            yield Quota()
            return
        async with self._limiter.attempts.attempt(*self._charge(key, cost, limits)) as reserved:
            self._check(reserved.quota, self._said(reserved.quota))
            yield reserved.quota

    async def peek(self, key: str, *, limits: Limits | None = None) -> Quota:
        """How a key stands; changes nothing and refuses nothing."""
        return await self._limiter.take(*self._charge(key, 0, limits))

    async def refund(self, key: str, *, cost: int = 1, limits: Limits | None = None) -> None:
        """Give something back of what a key was charged; `Quota.refund` is more exact."""
        budget, key, cost = self._charge(key, cost, limits)
        await self._limiter.take(budget, key, -cost)

    async def reset(self, key: str, *, limits: Limits | None = None) -> None:
        """
        Let a key be as if it had never come; ends a block.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        budget, key, _ = self._charge(key, 0, limits)
        await self._limiter.reset(budget, key)

    def _check_cost(self, cost: int) -> None:
        words = self._limits.value
        most = self._budgets.of(words, "").most if words else cost
        if not 0 < cost <= most:
            raise ConfigurationError("A cost is 1 or more, and no more than the limits ever admit.")

    def _charge(self, key: str, cost: int, limits: Limits | None) -> tuple[Budget, str, int]:
        """What to ask the store, from code."""
        if self.scope is None:
            raise ConfigurationError(
                "A RateLimit needs a scope to be asked from code, where there is no route."
            )
        words = limits or self._limits.value
        if words is None:
            raise ConfigurationError("This RateLimit asks for its limits: say which.")
        budget = self._budgets.of(words, self.scope)
        return budget, compact(key), _within(cost, budget)

    async def _ask(
        self, connection: HTTPConnection, solved: dict[str, Any]
    ) -> tuple[Budget, str, int] | None:
        """What to ask the store, for a request; nothing when it is exempt."""
        if not defaults.are_on():
            return None
        limits = self._limits.value or await self._limits.of(connection, solved)
        if limits is None:
            return None
        key = self._key.ask(connection, solved)
        if not isinstance(key, str) and (key := await awaited(key)) is None:
            return None
        scope = self.scope or route_scope(connection.scope)
        budget = self._budgets.of(limits, scope)
        cost = self._cost.value or await self._cost.of(connection, solved)
        if cost is None:
            return None
        return budget, compact(key), _within(cost, budget)

    async def _pass(self, connection: HTTPConnection, quota: Quota, response: Response) -> Quota:
        """Let a request through that may pass, with headers that say how it stands."""
        bill = bill_of(connection)
        bill.add(quota)
        headers = bill.headers(self.headers)
        if not quota.allowed:
            self._check(quota, headers)
        announce(connection, headers, response.headers)
        return quota

    def _said(self, quota: Quota) -> Mapping[str, str]:
        """What a refusal from code says in headers."""
        if quota.allowed or self.headers is None or not quota.standings:
            return {}
        return self.headers(quota.standings)

    def _check(self, quota: Quota, headers: Mapping[str, str]) -> None:
        if quota.allowed:
            return
        self._limiter.report(quota)
        if not self._limiter.shadow:
            seconds = max(1, -(-quota.retry_after // _SECOND))
            raise TooManyRequests(retry_after=seconds, headers=headers)


def _within(cost: int, budget: Budget) -> int:
    """A cost that can be charged, whoever said it: nothing at least, at most all there is."""
    return min(max(cost, 0), budget.most)


async def _settle(reserved: Reservation, status: int) -> None:
    """What an answer says of an attempt, as soon as it begins: a stream may last for hours."""
    is_failure = status >= 400 and status not in NOT_TRIED  # noqa: PLR2004
    await reserved.settle(failed=reserved.quota.failed or is_failure)


class _FailureLimit(RateLimit):
    """A limit that waits for the answer to each request, to see whether it counts."""

    async def __call__(  # type: ignore[override]
        self, connection: HTTPConnection, response: Response, **solved: Any
    ) -> AsyncIterator[Quota]:
        """As `RateLimit`; what it charged is given back after an answer that is no error."""
        charge = await self._ask(connection, solved)
        if charge is None:
            yield Quota()
            return
        async with AsyncExitStack() as stack:
            try:
                attempt = self._limiter.attempts.attempt(*charge)
                reserved = await stack.enter_async_context(attempt)
                await self._pass(connection, reserved.quota, response)
            except HTTPException:
                await bill_of(connection).refund()
                raise
            if (answer := answer_of(connection.scope)) is not None:
                answer.on_begin.append(partial(_settle, reserved))
            yield reserved.quota
            await _settle(reserved, status_of(connection.scope) or response.status_code or 0)

    @asynccontextmanager
    async def admit(self, connection: HTTPConnection) -> AsyncIterator[Quota]:
        """As `RateLimit`."""
        async with asynccontextmanager(self.__call__)(connection, Response()) as quota:
            yield quota
