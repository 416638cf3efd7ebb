"""What only a `RedisStore` does."""

import asyncio
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import pytest
from redis.asyncio import BlockingConnectionPool, ConnectionPool, Redis

from piccolo_api_fastapi import ConfigurationError, Quota, RateLimit, RedisStore
from piccolo_api_fastapi.errors import StoreUnavailable
from piccolo_api_fastapi.rate_limiting.stores import redis_connection as redis_line
from piccolo_api_fastapi.rate_limiting.stores import redis_store
from piccolo_api_fastapi.testing import race
from tests.conftest import REDIS_URL, need_redis


@pytest.fixture
async def redis() -> AsyncIterator[Redis]:
    """A client, to look at what is stored."""
    need_redis()
    client = Redis.from_url(REDIS_URL, decode_responses=True)
    yield client
    await client.aclose()


@pytest.fixture
async def store(redis: Redis) -> AsyncIterator[RedisStore]:
    """A store with keys of its own."""
    store = RedisStore(REDIS_URL, prefix=f"test-{uuid4()}")
    yield store
    await store.close()


@pytest.mark.security(98)
async def test_keys_die(redis: Redis, store: RedisStore) -> None:
    """Every key has an end, and tells nothing of who is counted; what is given back is gone."""
    limit = RateLimit("5/minute", "9/hour", scope="x", store=store)
    strict = RateLimit("2/second", strict=True, scope="y", store=store)
    quota = await limit.hit("ada@example.com")
    await strict.hit("ada@example.com")
    names = [name async for name in redis.scan_iter(f"{store._prefix}:*")]
    ends = sorted([await redis.pttl(name) for name in names])
    assert 0 < ends[0] <= 1000 < ends[1] <= 400_000
    assert not any("ada" in name for name in names)
    await quota.refund()
    await limit.peek("grace")
    await limit.refund("grace")
    assert len([name async for name in redis.scan_iter(f"{store._prefix}:*")]) == 1


async def test_a_client_of_ones_own(redis: Redis, store: RedisStore) -> None:
    """A client of the application's own counts alike, and stays open."""
    own = RedisStore(redis, prefix=store._prefix)
    for number, each in enumerate((store, own, store)):
        limit = RateLimit("3/hour", "9/day", scope="x", store=each)
        strict = RateLimit("3/hour", strict=True, scope="x", store=each)
        assert (await limit.hit("ada")).remaining == 2 - number
        assert (await strict.hit("ada")).remaining == 2 - number
    await own.close()
    assert await redis.ping()


async def test_who_goes_away(store: RedisStore) -> None:
    """Callers that are cancelled disturb nobody in the line, and are counted or not."""
    limit = RateLimit("100/hour", scope="x", store=store)
    tasks = [asyncio.create_task(limit.hit("ada")) for _ in range(50)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert not any(isinstance(result, Exception) for result in results[1::2])
    remaining = (await limit.peek("ada")).remaining
    assert remaining is not None
    assert 50 <= remaining <= 75


async def test_each_event_loop(store: RedisStore) -> None:
    """A store can be used in several event loops, and closed in one that did not use it."""
    limit = RateLimit("9/hour", scope="x", store=store)

    async def elsewhere() -> int | None:
        await store.close()
        quota = await limit.hit("ada")
        await store.close()
        return quota.remaining

    assert await asyncio.to_thread(lambda: asyncio.run(elsewhere())) == 8
    assert (await limit.hit("ada")).remaining == 7


async def test_refusals_are_remembered(redis: Redis, store: RedisStore) -> None:
    """Who floods a limit reaches Redis once a second, unless something is given back."""
    limit = RateLimit("1/hour", scope="x", store=store)
    quota = await limit.hit("ada")
    calls = int((await redis.info("commandstats"))["cmdstat_evalsha"]["calls"])
    await race(lambda: limit.hit("ada"), 1)
    await race(lambda: limit.hit("ada"), 100)
    later = int((await redis.info("commandstats"))["cmdstat_evalsha"]["calls"])
    assert later - calls < 50  # of 100, and whatever other tests do meanwhile
    await quota.refund()
    assert (await limit.hit("ada")).remaining == 0


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra it says which one."""
    monkeypatch.setitem(sys.modules, redis_line.__name__, None)
    with pytest.raises(ConfigurationError, match=r"\[redis\]"):
        RedisStore(REDIS_URL)


async def test_a_script_that_is_unknown(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls that are sent together know what to do when the server has forgotten the script."""
    monkeypatch.setattr(redis_store, "SHA", "0" * 40)
    limit = RateLimit("10/hour", scope="x", store=store)
    results = await race(lambda: limit.hit("ada"), 30)
    assert [isinstance(result, Exception) for result in results].count(False) == 10


async def test_a_batch_that_fails(store: RedisStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of calls that fail together each is told, and the next find the line free."""
    limit = RateLimit("10/hour", scope="x", store=store, on_error="deny")
    await limit.hit("ada")
    client: Any = getattr(store._line(), "_client")  # noqa: B009 - of one kind of line

    def fail(**_: Any) -> None:
        raise OSError

    with monkeypatch.context() as broken:
        broken.setattr(client, "pipeline", fail)
        results = await race(lambda: limit.hit("ada"), 5)
    assert [type(result) for result in results] == [Quota, *[StoreUnavailable] * 4]
    monkeypatch.setattr(store, "_alone_until", 0)
    assert (await limit.hit("ada")).remaining == 7


@pytest.mark.security(97)
@pytest.mark.parametrize("pool", [ConnectionPool, BlockingConnectionPool])
async def test_a_pool_that_others_use_up(redis: Redis, pool: type[ConnectionPool]) -> None:
    """Where all connections are lent out that is no outage: nobody gets in by it."""
    lender: Any = pool.from_url(REDIS_URL, max_connections=1)
    own = Redis(connection_pool=lender)
    store = RedisStore(own, prefix=f"test-{uuid4()}", timeout=timedelta(milliseconds=50))
    limit = RateLimit("2/hour", scope=f"{pool}", store=store, on_error="allow")
    lent = await lender.get_connection()
    results = await race(lambda: limit.hit("ada"), 10)
    assert [isinstance(result, Exception) for result in results].count(False) == 2
    assert not store._is_down
    await lender.release(lent)
    assert (await limit.hit("grace")).degraded is False
    await lender.disconnect()


@asynccontextmanager
async def far_away(seconds: float) -> AsyncIterator[str]:
    """The URL of the same server, which takes so long to accept each connection."""
    there = urlsplit(REDIS_URL)
    loop = asyncio.get_running_loop()
    relays: list[asyncio.Task[None]] = []

    async def relay(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted = loop.create_future()
        loop.call_later(seconds, accepted.set_result, None)
        await accepted
        theirs, ours = await asyncio.open_connection(there.hostname, there.port or 6379)
        relays.extend(map(loop.create_task, (relay(reader, ours), relay(theirs, writer))))
        await asyncio.wait(relays)
        ours.close()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        user = "".join(there.netloc.rpartition("@")[:2])
        yield there._replace(netloc=f"{user}127.0.0.1:{port}").geturl()
    finally:
        server.close()
        for task in relays:
            task.cancel()


@pytest.mark.security(97)
@pytest.mark.parametrize("of_ones_own", [False, True])
async def test_a_slow_connection(*, of_ones_own: bool) -> None:
    """A connection may take longer than a call, also one that replaces a lost one."""
    need_redis()
    async with far_away(seconds=0.3) as url:
        client = Redis.from_url(url)
        store = RedisStore(client if of_ones_own else url, prefix=f"test-{uuid4()}")
        limit = RateLimit("9/hour", scope="x", store=store, on_error="deny")
        results: list[Any] = await race(lambda: limit.hit("ada"), 3)
        assert {quota.remaining for quota in results} == {6, 7, 8}
        if not of_ones_own:
            line: Any = store._line()
            assert line._is_connected
            await store.recover()
            assert not line._is_connected
            assert (await limit.hit("ada")).remaining == 5
        await store.close()
        await client.aclose()


@pytest.mark.slow
@pytest.mark.security(97)
async def test_a_stall_of_the_event_loop() -> None:
    """A loop that hangs while a call is in progress, at whatever step, is no outage of Redis."""
    need_redis()
    for steps in range(12):
        for url in (REDIS_URL, Redis.from_url(REDIS_URL)):
            store = RedisStore(url, prefix=f"test-{uuid4()}", timeout=timedelta(milliseconds=200))
            limit = RateLimit("9/minute", on_error="deny", scope="x", store=store)
            calls = [asyncio.create_task(limit.hit("ada")) for _ in range(2)]
            for _ in range(steps):
                await asyncio.sleep(0)
            time.sleep(0.25)  # noqa: ASYNC251 - the loop is held, as by a great calculation
            assert {quota.remaining for quota in await asyncio.gather(*calls)} == {7, 8}
            await store.close()
            if not isinstance(url, str):
                await url.aclose()
