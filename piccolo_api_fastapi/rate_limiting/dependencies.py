"""`RateLimit` and `FailureLimit`: limits as dependencies, and for calls from code."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from typing import Any, ClassVar

from fastapi import Response
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.http.middleware import on_status, status_of
from piccolo_api_fastapi.core.http.public_routes import UNLIMITED, is_exempt
from piccolo_api_fastapi.errors import (
    AuthError,
    StoreUnavailable,
    TooManyRequests,
)

from . import hints
from .attempts import NOT_TRIED, Attempts, Reservation
from .charges import announce, bill_of
from .headers import HeaderWriter, rate_limit_headers
from .keys import Key, by_address
from .limiter import Limiter, OnError, Quota, are_on
from .stores.store import Store
from .tariff import Budgets, Charge, Limits, Tariff

_SECOND = timedelta(seconds=1)


@configured
class RateLimit:
    """
    A limit: a dependency for routes, routers and whole applications, HTTP and WebSocket.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import RateLimit

    app = FastAPI()


    @app.get("/search", dependencies=[Depends(RateLimit("10/minute"))])
    async def search(q: str) -> list[str]:
        return [q]
    ```

    A request beyond the limit gets a 429 with `Retry-After`. Several limits on one request are
    charged together or not at all.

    Args:
        limits: Limits in the grammar of the package `limits`: `"10/minute"`,
            `"100 per 2 hours"`, `"5/second;100/minute"`. Or one function of the connection, or
            one dependency, that returns such strings for each request, or `None` to exempt it.
        burst: The number of requests that the limit with the shortest period admits at once,
            by default its number. They are refilled one by one.
        key: A function or dependency that returns a string for the client to count, or `None`
            to exempt the request.
        cost: The cost of a request, or a function or dependency that returns it, or `None` to
            exempt the request.
        scope: The name of what is limited, by default each route for itself. Limits with equal
            scopes, numbers and blocks share one count.
        strict: Never admit more than the number in any window. Without it the number is
            admitted at once, and then what is refilled. For numbers up to 1000.
        block: After a refusal, refuse every request of the key for this time.
        shadow: Count and report, but refuse nothing.
        on_error: What to do while the store does not answer: `"local"` counts in the memory of
            each process, `"deny"` answers 503, `"allow"` limits nothing.
        store: The store of the counts, by default that of `use_store`.
        headers: A function that returns the response headers, or `None` for no headers.

    Raises:
        ConfigurationError: The settings contradict each other, or one would have no effect.
    """

    is_limit: ClassVar[bool] = True

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        *limits: Any,
        burst: int | None = None,
        key: Key | Any = by_address,
        cost: int | Callable[..., Any] = 1,
        scope: str | None = None,
        strict: bool = False,
        block: timedelta | None = None,
        shadow: bool = False,
        on_error: OnError = "local",
        store: Store | None = None,
        headers: HeaderWriter | None = rate_limit_headers,
    ) -> None:
        hints.check_is_made_once()
        self._tariff = Tariff(Budgets(burst, block, strict=strict), limits, key, cost, scope)
        self.asks_dependencies = self._tariff.asks_dependencies
        self.is_for_code = self._tariff.is_for_code
        self.__signature__ = self._tariff.signature
        self.scope = scope
        self.headers = headers
        self._limiter = Limiter(store, on_error, shadow=shadow)
        self._attempts = Attempts(self._limiter)
        errors = {TooManyRequests: not shadow, StoreUnavailable: on_error == "deny"}
        self.documented_errors: tuple[type[AuthError], ...] = tuple(
            error for error, can_happen in errors.items() if can_happen
        )

    async def __call__(
        self, connection: HTTPConnection, response: Response, **solved: Any
    ) -> Quota:
        """
        Charge a request; FastAPI calls this. Returns what is left for the client.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        charge = await self._charge_of(connection, solved)
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
        Surround a whole request, before routing; `install(app, limit=…)` calls this.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        yield await self(connection, Response())

    async def hit(self, key: str, *, cost: int = 1, limits: Limits | None = None) -> Quota:
        """
        Charge something that is no request, such as a message of a WebSocket. Needs `scope=`.

        Args:
            key: The key to charge.
            cost: How much.
            limits: The limits, if they depend on the request otherwise.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        if not are_on():
            return Quota()
        quota = await self._limiter.take(*self._tariff.of_key(key, cost, limits))
        self._check(quota, self._headers_of(quota))
        return quota

    @asynccontextmanager
    async def attempt(
        self, key: str, *, cost: int = 1, limits: Limits | None = None
    ) -> AsyncIterator[Quota]:
        """
        Charge an attempt, and refund it unless it fails: `async with limit.attempt(key):`.

        The attempt fails if the block raises or sets `failed` of the quota. A 429 and a 503 do
        not count as failures, because nothing was tried. While other attempts of the same key
        are in progress, an attempt that would be refused waits for them.

        Args:
            key: The key to charge.
            cost: How much.
            limits: The limits, if they depend on the request otherwise.

        Raises:
            TooManyRequests: The limit is used up.
            StoreUnavailable: The store does not answer, with `on_error="deny"`.
        """
        if not are_on():
            yield Quota()
            return
        charge = self._tariff.of_key(key, cost, limits)
        async with self._attempts.attempt(*charge) as reserved:
            self._check(reserved.quota, self._headers_of(reserved.quota))
            yield reserved.quota

    async def peek(self, key: str, *, limits: Limits | None = None) -> Quota:
        """Return what is left for a key. Charges nothing and refuses nothing."""
        return await self._limiter.take(*self._tariff.of_key(key, 0, limits))

    async def refund(self, key: str, *, cost: int = 1, limits: Limits | None = None) -> None:
        """Refund part of what a key was charged. `Quota.refund` is more exact."""
        charge = self._tariff.of_key(key, cost, limits)
        await self._limiter.take(charge.budget, charge.key, -charge.cost)

    async def reset(self, key: str, *, limits: Limits | None = None) -> None:
        """
        Forget all that a key was charged, and end its block.

        Raises:
            StoreUnavailable: The store does not answer.
        """
        charge = self._tariff.of_key(key, 0, limits)
        await self._limiter.reset(charge.budget, charge.key)

    async def _charge_of(self, connection: HTTPConnection, solved: dict[str, Any]) -> Charge | None:
        if not are_on() or is_exempt(connection, self, UNLIMITED):
            return None
        return await self._tariff.of_request(connection, solved)

    async def _pass(self, connection: HTTPConnection, quota: Quota, response: Response) -> Quota:
        """Add the headers to the response, or refuse the request."""
        bill = bill_of(connection)
        bill.add(quota)
        headers = bill.headers(self.headers)
        if not quota.allowed:
            self._check(quota, headers)
        announce(connection, headers, response.headers)
        return quota

    def _headers_of(self, quota: Quota) -> Mapping[str, str]:
        """The headers of a refusal from code."""
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


class FailureLimit(RateLimit):
    """
    A `RateLimit` that refunds requests which succeed, so that only failures count.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import FailureLimit

    app = FastAPI()


    @app.post("/vouchers", dependencies=[Depends(FailureLimit("5/hour"))])
    async def redeem(code: str) -> None: ...
    ```

    A request fails if its status is 400 or above, but not 429 or 503, or if the client
    disconnects first. It is charged before the endpoint runs; a request that would be refused
    waits while others of the same key are in progress. The arguments are those of `RateLimit`.
    """

    # FastAPI sees by the class that it has to run this dependency to its end.
    async def __call__(  # type: ignore[override]
        self, connection: HTTPConnection, response: Response, **solved: Any
    ) -> AsyncIterator[Quota]:
        """Charge a request, and refund it after a response that is no error."""
        charge = await self._charge_of(connection, solved)
        if charge is None:
            yield Quota()
            return
        async with AsyncExitStack() as stack:
            try:
                attempt = self._attempts.attempt(*charge)
                reserved = await stack.enter_async_context(attempt)
                await self._pass(connection, reserved.quota, response)
            except HTTPException:
                await bill_of(connection).refund()
                raise
            on_status(connection.scope, partial(_settle, reserved))
            yield reserved.quota
            await _settle(reserved, status_of(connection.scope) or response.status_code or 0)

    @asynccontextmanager
    async def admit(self, connection: HTTPConnection) -> AsyncIterator[Quota]:
        """As `RateLimit.admit`; the request is refunded unless it fails."""
        async with asynccontextmanager(self.__call__)(connection, Response()) as quota:
            yield quota


async def _settle(reserved: Reservation, status: int) -> None:
    """Settle a reservation by the status of the response."""
    is_failure = status >= 400 and status not in NOT_TRIED  # noqa: PLR2004
    await reserved.settle(failed=reserved.quota.failed or is_failure)
