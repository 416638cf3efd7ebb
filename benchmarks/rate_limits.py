"""
`python -m benchmarks.rate_limits`: what a limit costs, beside the least there is and the peers.

In memory the least is a GCRA written by hand, in Redis a `PING` of the same client. The peers run
where they are installed: `pip install limits slowapi fastapi-limiter throttled-py`. All contenders
of a table run in turn, round by round, so that they suffer alike from whatever the machine does.
"""

import argparse
import asyncio
import os
import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import timedelta
from importlib import import_module
from typing import Any, NamedTuple, TypeAlias
from uuid import uuid4

from fastapi import Depends, FastAPI
from redis.asyncio import BlockingConnectionPool, Redis

from piccolo_api_fastapi import MemoryStore, RateLimit, RedisStore
from piccolo_api_fastapi.rate_limiting.budgets import Budgets

Call: TypeAlias = Callable[[str], Awaitable[Any]]

REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
PLENTY = "1000000/minute"
PATIENT = timedelta(seconds=5)
"""Of a busy machine every call is wanted."""
ADDRESS = "203.0.113.7"


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


async def measure(
    calls: dict[str, Call], keys: list[str], rounds: int, at_once: int = 1
) -> dict[str, float]:
    """The median of each contender, in microseconds a call."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds + 2):
        for name, call in calls.items():
            begin = time.perf_counter()
            if at_once > 1:
                for _ in range(4):
                    await asyncio.gather(*(call(keys[n % len(keys)]) for n in range(at_once)))
                count = 4 * at_once
            else:
                count = 1000 if len(keys) > 1 else 200
                for n in range(count):
                    await call(keys[n * 7 % len(keys)])
            if number >= 2:
                samples[name].append((time.perf_counter() - begin) / count * 1e6)
    return {name: statistics.median(taken) for name, taken in samples.items()}


def show(title: str, medians: dict[str, float]) -> None:
    """A table; the first contender is the measure."""
    print(f"\n{title}\n")
    least = next(iter(medians.values()))
    for name, median in medians.items():
        print(f"{name:<44} {median:>9.2f} µs {median / least:>7.2f}")


def peers_in_memory() -> dict[str, Call]:
    """The peers that are installed, each with as many a minute."""
    calls: dict[str, Call] = {}
    try:
        limits = import_module("limits")
        storage = import_module("limits.storage").MemoryStorage()
        fixed = import_module("limits.strategies").FixedWindowRateLimiter(storage)
        item = limits.parse(PLENTY)

        async def by_limits(key: str) -> Any:
            return fixed.hit(item, key), fixed.get_window_stats(item, key)

        calls["limits, fixed window, with headers"] = by_limits
    except ImportError:
        print("limits is not installed.")
    try:
        throttled = import_module("throttled.asyncio")
        quota = throttled.rate_limiter.per_min(1_000_000)
        store = throttled.MemoryStore(options={"MAX_SIZE": 1_000_000})
        throttle = throttled.Throttled(using="gcra", quota=quota, store=store)
        calls["throttled-py, GCRA"] = throttle.limit
    except (ImportError, AttributeError, TypeError) as error:
        print(f"throttled-py is left out: {error}")
    return calls


async def in_memory(rounds: int, number: int) -> None:
    """The cost of a call at so many live keys."""
    keys = [f"2001:db8:{n:x}::/64" for n in range(number)]
    by_hand = ByHand(1_000_000, 60_000_000)
    store = MemoryStore(max_keys=4 * number)
    budgets = Budgets(None, None, strict=False)
    one = budgets.of(PLENTY, "bench")
    three = budgets.of((PLENTY, "30000000/hour", "90000000/day"), "bench")
    calls: dict[str, Call] = {
        "by hand": by_hand.hit,
        "MemoryStore": lambda key: store.take(one, key),
        "MemoryStore, three limits": lambda key: store.take(three, key),
        **peers_in_memory(),
    }
    for call in calls.values():
        for key in keys:
            await call(key)
    show(f"In memory, {number} live keys", await measure(calls, keys, rounds))


def call_of(app: FastAPI) -> Callable[[], Awaitable[None]]:
    """A function that requests `/`, from the ASGI call on."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message.get("status", 200) != 200:
            msg = f"It is limited: {message}"
            raise RuntimeError(msg)

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


def limited(*dependencies: Any) -> Callable[[], Awaitable[Any]]:
    """A request of a route with these."""
    app = FastAPI()

    @app.get("/", dependencies=[Depends(dependency) for dependency in dependencies])
    async def root() -> dict[str, str]:
        return {}

    return call_of(app)


async def of_routes(rounds: int) -> None:
    """What a limited route adds."""
    calls: dict[str, Callable[[], Awaitable[Any]]] = {
        "a bare route": limited(),
        "RateLimit": limited(RateLimit(PLENTY)),
        "RateLimit, three limits": limited(RateLimit(PLENTY, "30000000/hour", "90000000/day")),
        "RateLimit, failures": limited(RateLimit(PLENTY, count="failures")),
    }
    try:
        calls["slowapi"] = by_slowapi()
    except ImportError:
        print("slowapi is not installed.")
    keyed: dict[str, Call] = {name: _ignoring(call) for name, call in calls.items()}
    medians = await measure(keyed, [ADDRESS], rounds)
    show("A request, in memory", medians)
    bare = medians["a bare route"]
    for name, median in list(medians.items())[1:]:
        print(f"{name} adds {median - bare:.1f} µs")


def _ignoring(call: Callable[[], Awaitable[Any]]) -> Call:
    return lambda _: call()


def by_slowapi() -> Callable[[], Awaitable[Any]]:
    """The same by slowapi, whose limits are decorators."""
    slowapi = import_module("slowapi")
    request = import_module("starlette.requests").Request
    limiter = slowapi.Limiter(key_func=import_module("slowapi.util").get_remote_address)
    app = FastAPI()
    app.state.limiter = limiter

    async def root(request: Any) -> dict[str, str]:  # noqa: ARG001 - slowapi wants it
        return {}

    root.__annotations__["request"] = request
    app.get("/")(limiter.limit(PLENTY)(root))
    return call_of(app)


async def in_redis(rounds: int) -> None:
    """The cost of a call to Redis, one after another and many at once."""
    pool = BlockingConnectionPool.from_url(REDIS_URL, max_connections=16, timeout=5)
    client = Redis(connection_pool=pool)
    try:
        await client.ping()
    except OSError as error:
        print(f"\nRedis is left out: {error}")
        return
    store = RedisStore(REDIS_URL, prefix=f"bench-{uuid4()}", timeout=PATIENT)
    own = RedisStore(client, prefix=f"bench-{uuid4()}", timeout=PATIENT)
    budgets = Budgets(None, None, strict=False)
    one = budgets.of(PLENTY, "bench")
    three = budgets.of((PLENTY, "30000000/hour", "90000000/day"), "bench")
    never = budgets.of("1/day", "bench")
    await store.take(never, ADDRESS)
    calls: dict[str, Call] = {
        "PING": lambda _: client.ping(),
        "RedisStore": lambda key: store.take(one, key),
        "RedisStore, three limits": lambda key: store.take(three, key),
        "RedisStore, a client of one's own": lambda key: own.take(one, key),
        "RedisStore, refused": lambda _: store.take(never, ADDRESS),
        **peers_in_redis(),
    }
    keys = [f"2001:db8:{n:x}::/64" for n in range(1)]
    show("In Redis, one after another", await measure(calls, keys, rounds))
    keys = [f"2001:db8:{n:x}::/64" for n in range(64)]
    show("In Redis, 64 at once", await measure(calls, keys, rounds, 64))
    await store.close()
    await client.aclose()
    await pool.disconnect()


def peers_in_redis() -> dict[str, Call]:
    """The peers that are installed."""
    try:
        item = import_module("limits").parse(PLENTY)
        storage: Any = import_module("limits.aio.storage").RedisStorage(
            f"async+{REDIS_URL}", implementation="redispy"
        )
        fixed = import_module("limits.aio.strategies").FixedWindowRateLimiter(storage)
    except Exception as error:  # noqa: BLE001 - it may not go with this version of redis
        print(f"limits is left out: {error}")
        return {}

    async def by_limits(key: str) -> Any:
        return await fixed.hit(item, key), await fixed.get_window_stats(item, key)

    return {"limits, fixed window, with headers": by_limits}


async def main(rounds: int) -> None:
    """All tables."""
    for number in (100, 100_000):
        await in_memory(rounds, number)
    await of_routes(rounds)
    await in_redis(rounds)
    print("\nMedians of one interleaved run; the last column is the ratio to the first line.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rate_limits", description=__doc__)
    parser.add_argument("--rounds", type=int, default=30, help="how often each contender runs")
    asyncio.run(main(parser.parse_args().rounds))
