"""Limiters as functions of a key: ours, the least there is, and the peers."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

import limits
import limits.aio.storage
import limits.aio.strategies
import limits.storage
import limits.strategies
import pyrate_limiter
import throttled.asyncio as throttled
from fastapi import Depends, FastAPI, Request, Response
from fastapi_limiter.depends import RateLimiter
from redis.asyncio import BlockingConnectionPool, Redis
from slowapi import Limiter as SlowLimiter
from slowapi.util import get_remote_address

from piccolo_api_fastapi import (
    FailureLimit,
    MemoryStore,
    PiccoloStore,
    RateLimit,
    RedisStore,
    install,
)
from piccolo_api_fastapi.rate_limiting.stores.store import Store
from piccolo_api_fastapi.rate_limiting.tariff import Budgets

from .needs import REDIS_URL

Call: TypeAlias = Callable[[str], Awaitable[Any]]

PLENTY = 1_000_000
"""A minute; nobody is refused while it is measured."""
FURTHER = ("30000000/hour", "90000000/day")
PATIENT = timedelta(seconds=5)
"""Of a busy machine every call is wanted."""
ADDRESS = "203.0.113.7"


class Refused(Exception):
    """The answer was no 200."""


class Result(NamedTuple):
    """What a limit has to say for the headers."""

    allowed: bool
    remaining: int
    retry_after: int


class ByHand:
    """The least that counts: a dictionary of arrival times, with no bound and no care."""

    def __init__(self, amount: int, period: int) -> None:
        self.interval = period // amount
        self.tolerance = self.interval * amount
        self.times: dict[str, int] = {}

    async def hit(self, key: str) -> Result:
        """Charge one."""
        now = time.monotonic_ns() // 1000
        ahead = max(self.times.get(key, 0), now) + self.interval - now
        if ahead > self.tolerance:
            return Result(allowed=False, remaining=0, retry_after=ahead - self.tolerance)
        self.times[key] = now + ahead
        remaining = (self.tolerance - ahead) // self.interval
        return Result(allowed=True, remaining=remaining, retry_after=0)


def ours(store: Store, *words: str) -> Call:
    """A store, asked as `RateLimit` asks it."""
    budget = Budgets(None, None, strict=False).of(words, "bench")
    return lambda key: store.take(budget, key)


def in_memory(keys: int, amount: int = PLENTY) -> dict[str, Call]:
    """The measure first; the bounds of those that have one are beyond the number of keys."""
    words = f"{amount}/minute"
    store = MemoryStore(max_keys=max(100_000, 4 * keys))
    fixed = limits.strategies.FixedWindowRateLimiter(limits.storage.MemoryStorage())
    item = limits.parse(words)
    quota = throttled.rate_limiter.per_min(amount)
    kept = throttled.MemoryStore(options={"MAX_SIZE": 4 * keys})

    async def by_limits(key: str) -> Any:
        return fixed.hit(item, key), fixed.get_window_stats(item, key)

    return {
        "by hand: GCRA in a dictionary": ByHand(amount, 60_000_000).hit,
        "here: MemoryStore": ours(store, words),
        "here: MemoryStore, three limits": ours(store, words, *FURTHER),
        "limits: fixed window, with what headers need": by_limits,
        "throttled-py: GCRA": throttled.Throttled(using="gcra", quota=quota, store=kept).limit,
    }


def in_redis(client: "Redis", amount: int = PLENTY) -> tuple[dict[str, Call], list[RedisStore]]:
    """The same in Redis, and what has to be closed. slowapi is `limits` with a blocking client."""
    words = f"{amount}/minute"
    store = RedisStore(REDIS_URL, prefix=f"bench-{uuid4()}", timeout=PATIENT)
    own = RedisStore(client, prefix=f"bench-{uuid4()}", timeout=PATIENT)
    storage: Any = limits.aio.storage.RedisStorage(
        f"async+{REDIS_URL}", implementation="redispy", key_prefix=f"bench-{uuid4()}"
    )
    fixed = limits.aio.strategies.FixedWindowRateLimiter(storage)
    item = limits.parse(words)
    quota = throttled.rate_limiter.per_min(amount)
    kept = throttled.RedisStore(server=REDIS_URL)
    prefix = f"bench-{uuid4()}"
    throttle = throttled.Throttled(using="gcra", quota=quota, store=kept, key_prefix=prefix)

    async def by_limits(key: str) -> Any:
        return await fixed.hit(item, key), await fixed.get_window_stats(item, key)

    calls: dict[str, Call] = {
        "PING": lambda _: client.ping(),
        "here: RedisStore": ours(store, words),
        "here: RedisStore, three limits": ours(store, words, *FURTHER),
        "here: RedisStore, a client of one's own": ours(own, words),
        "limits: fixed window, with what headers need": by_limits,
        "throttled-py: GCRA": throttle.limit,
    }
    return calls, [store, own]


async def by_pyrate(client: "Redis", amount: int = PLENTY) -> Call:
    """fastapi-limiter 0.2 leaves Redis to pyrate-limiter: one log for all clients."""
    rate = pyrate_limiter.Rate(amount, pyrate_limiter.Duration.MINUTE)
    bucket: Any = pyrate_limiter.RedisBucket.init([rate], client, f"bench-{uuid4()}")
    limiter = pyrate_limiter.Limiter(await bucket)
    return lambda key: limiter.try_acquire_async(key, blocking=False)


def in_database(ping: Call, amount: int = PLENTY) -> dict[str, Call]:
    """In a table, beside a statement that asks for nothing."""
    words = f"{amount}/minute"
    store = PiccoloStore(timeout=PATIENT)
    return {
        "SELECT 1 by Piccolo": ping,
        "here: PiccoloStore": ours(store, words),
        "here: PiccoloStore, three limits": ours(store, words, *FURTHER),
    }


@contextmanager
def redis_client() -> Iterator["Redis"]:
    """A client with a pool that is as large as the one of `RedisStore`."""
    pool = BlockingConnectionPool.from_url(REDIS_URL, max_connections=16, timeout=5)
    yield Redis(connection_pool=pool)


def of_routes(amount: int = PLENTY) -> dict[str, Call]:
    """
    A request of a route, from the ASGI call on; the bare one first.

    fastapi-limiter answers 500 to every limited request of an application that includes a router,
    with FastAPI 0.137 and later: there is none here. As its documentation has it, all clients
    share one log.
    """
    words = f"{amount}/minute"
    rate = pyrate_limiter.Rate(amount, pyrate_limiter.Duration.MINUTE)
    global_bucket = RateLimiter(limiter=pyrate_limiter.Limiter(rate))
    calls = {
        "a bare route": _limited(),
        "here: RateLimit": _limited(RateLimit(words, store=MemoryStore())),
        "here: RateLimit, with install()": _limited(
            RateLimit(words, store=MemoryStore()), installs=True
        ),
        "here: RateLimit, three limits": _limited(RateLimit(words, *FURTHER, store=MemoryStore())),
        "here: RateLimit, failures": _limited(FailureLimit(words, store=MemoryStore())),
        "slowapi": _by_slowapi(words),
        "slowapi, with headers": _by_slowapi(words, headers=True),
        "fastapi-limiter": _limited(global_bucket),
    }
    return {name: _ignoring(call) for name, call in calls.items()}


async def check(calls: dict[str, Call], amount: int) -> None:
    """
    Make sure that all but the first, which is the measure, refuse who comes too often; for one
    that counts failures these are none.

    Raises:
        RuntimeError: One does not; its figures would mean nothing.
    """
    for name, call in list(calls.items())[1:]:
        most = amount + 10 if name.endswith("failures") else amount
        for number in range(amount + 1):
            try:
                is_refused = _is_refused(await call(f"check-{ADDRESS}"))
            except Refused:
                is_refused = True
            if is_refused is (number < most):
                raise RuntimeError(f"{name} does not limit")


def _is_refused(result: Any) -> bool:
    """As each of them says it; routes raise."""
    if isinstance(result, throttled.RateLimitResult):
        return bool(result.limited)
    if isinstance(result, bool):
        return not result
    return bool(result is not None and not result[0])


def _ignoring(call: Callable[[], Awaitable[Any]]) -> Call:
    return lambda _: call()


def _limited(*dependencies: Any, installs: bool = False) -> Callable[[], Awaitable[Any]]:
    """A request of a route with these."""
    app = FastAPI()
    if installs:
        install(app)

    @app.get("/", dependencies=[Depends(dependency) for dependency in dependencies])
    async def root() -> dict[str, str]:
        return {}

    return _call_of(app)


def _by_slowapi(words: str, *, headers: bool = False) -> Callable[[], Awaitable[Any]]:
    """The limits of slowapi are decorators; headers are off unless they are asked for."""
    limiter = SlowLimiter(key_func=get_remote_address, headers_enabled=headers)
    app = FastAPI()
    app.state.limiter = limiter

    async def root(
        request: Request,  # noqa: ARG001 - slowapi wants both
        response: Response,  # noqa: ARG001
    ) -> dict[str, str]:
        return {}

    app.get("/")(limiter.limit(words)(root))
    return _call_of(app)


def _call_of(app: FastAPI) -> Callable[[], Awaitable[None]]:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message.get("status", 200) != 200:
            raise Refused(message)

    async def call() -> None:
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "GET",
            "scheme": "https",
            "path": "/",
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"bench")],
            "client": (ADDRESS, 1),
            "server": ("bench", 443),
        }
        await app(scope, receive, send)

    return call
