"""A store of rate limits that goes away: each answer to it, how soon, and what comes after."""

import asyncio
import contextlib
import statistics
import time
from collections.abc import AsyncIterator, Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from redis.asyncio import BlockingConnectionPool, Connection, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from piccolo_api_fastapi import AuthEvent, RateLimit, RedisStore, install, subscribe
from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.errors import StoreUnavailable, TooManyRequests
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import microseconds
from piccolo_api_fastapi.rate_limiting.limiter import LOCAL, OnError
from piccolo_api_fastapi.rate_limiting.stores import remote_store
from piccolo_api_fastapi.rate_limiting.stores.store import StoreBusy, Verdict
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import new_client
from tests.integration.redis_servers import NEEDS_REDIS, RedisServer

pytestmark = [NEEDS_REDIS, pytest.mark.security(97)]

TIMEOUT = timedelta(milliseconds=500)
"""Of each store: on a busy machine a server that is up takes longer than by default it may."""

SOON = 2 * TIMEOUT.total_seconds()
"""Seconds within which an answer has to be there, beside what it takes while the store is up."""

taken: list[float] = []


@pytest.fixture(autouse=True)
def nothing_counted() -> None:
    """What this process counts while a store is down begins anew."""
    LOCAL.clear()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[RedisServer]:
    """A server of this test's own."""
    server = RedisServer(tmp_path)
    yield server
    server.thaw()
    server.stop()


@pytest.fixture
def other_server(tmp_path: Path) -> Iterator[RedisServer]:
    """A second server, which knows nothing of the first."""
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
async def store(server: RedisServer) -> AsyncIterator[RedisStore]:
    """A store on it, with its defaults."""
    store = RedisStore(server.url, timeout=TIMEOUT)
    yield store
    await store.close()
    await asyncio.sleep(0.01)


@pytest.fixture
def events() -> Iterator[list[AuthEvent]]:
    """What is told of the store."""
    told: list[AuthEvent] = []
    end = subscribe(lambda event: told.append(event) if "store" in event.name else None)
    yield told
    end()


@pytest.fixture
async def client(store: RedisStore) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application with a limit of each kind, and one that is never reached."""
    app = FastAPI()
    install(app)
    for on_error in ("local", "deny", "allow"):
        limit = RateLimit("3/minute", on_error=on_error, store=store)

        @app.get(f"/{on_error}", dependencies=[Depends(limit)])
        async def route() -> None:
            return None

    @app.get("/many", dependencies=[Depends(RateLimit("1000/minute", scope="many", store=store))])
    async def many() -> None:
        return None

    async with new_client(app) as client:
        yield client


async def timed(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """An answer, and how long it took."""
    begin = time.monotonic()
    answer = await client.get(path)
    taken.append(time.monotonic() - begin)
    return answer


OUTAGES: dict[str, tuple[Callable[[RedisServer], Any], Callable[[RedisServer], Any]]] = {
    "refused": (RedisServer.stop, RedisServer.start),
    "hanging": (RedisServer.freeze, RedisServer.thaw),
    "demoted": (
        lambda server: server.cli("REPLICAOF", "127.0.0.1", "1"),
        lambda server: server.cli("REPLICAOF", "NO", "ONE"),
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", OUTAGES)
async def test_outage(
    kind: str,
    server: RedisServer,
    client: httpx.AsyncClient,
    events: list[AuthEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each limit does what it was told, soon; one event begins it, one ends it; never a 500."""
    begin, end = OUTAGES[kind]
    taken.clear()
    for path in ("/local", "/deny", "/allow"):
        assert "ratelimit" in (await client.get(path)).headers
    await race(lambda: timed(client, "/many"), 50)
    up = max(taken)
    taken.clear()
    begin(server)
    answers = [await timed(client, "/local") for _ in range(4)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429]
    assert not any("ratelimit" in answer.headers for answer in answers)
    assert int(answers[-1].headers["retry-after"]) > 0
    for _ in range(5):
        answer = await timed(client, "/deny")
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["code"] == "store_unavailable"
        assert (await timed(client, "/allow")).status_code == 200
    burst: list[Any] = await race(lambda: timed(client, "/deny"), 50)
    assert {answer.status_code for answer in burst} == {503}
    assert [event.name for event in events] == ["sys_rate_limit_store_down"]
    assert max(taken) < SOON + 4 * up
    assert statistics.median(taken) < TIMEOUT.total_seconds() / 2 + 4 * up

    end(server)
    monkeypatch.setattr(remote_store, "PROBE_EVERY", 0)
    deadline = time.monotonic() + 5
    while (await client.get("/deny")).status_code != 200:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    assert "ratelimit" in (await timed(client, "/local")).headers
    names = ["sys_rate_limit_store_down", "sys_rate_limit_store_up"]
    assert [event.name for event in events] == names


async def test_one_probe_a_second(server: RedisServer) -> None:
    """While it is down one call a second goes to it, and the others are answered at once."""
    clock = FrozenClock()
    store = _Counting(clock)
    limit = RateLimit("9/minute", on_error="deny", scope="x", store=store)
    for seconds, calls in ((0, 1), (0.5, 1), (0.5, 2), (0, 2), (1, 3)):
        clock.advance(timedelta(seconds=seconds))
        await race(lambda: limit.hit("ada"), 5)
        assert store.calls == calls
    store.fails = False
    clock.advance(timedelta(seconds=1))
    assert len(await race(lambda: limit.peek("ada"), 3)) == 3


class _Counting(remote_store.RemoteStore):
    """A store that fails, and counts how often it is asked."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.calls = 0
        self.fails = True

    async def ask(self, *_: Any, **__: Any) -> Verdict:
        """Fail, or admit."""
        self.calls += 1
        if self.fails:
            raise OSError
        return Verdict(True, 0, [0])  # noqa: FBT003 - as stores do

    async def forget(self, *_: Any, **__: Any) -> None:
        """Nothing is kept."""


async def test_restart(
    server: RedisServer, client: httpx.AsyncClient, events: list[AuthEvent]
) -> None:
    """A server that was restarted between two requests is not even noticed."""
    await timed(client, "/deny")
    server.stop()
    server.start()
    assert (await timed(client, "/deny")).headers["ratelimit"] == '"3/minute";r=2;t=20'
    assert events == []


async def test_connections_that_are_closed(
    server: RedisServer, client: httpx.AsyncClient, events: list[AuthEvent]
) -> None:
    """Nor are connections that the server has closed, one's own or those of a client's pool."""
    own = Redis.from_url(server.url, retry=Retry(NoBackoff(), 1))
    limit = RateLimit("9/minute", on_error="deny", scope="x", store=RedisStore(own))
    for left in (8, 7):
        assert (await limit.hit("ada")).remaining == left
        answer = await timed(client, "/deny")
        assert answer.headers["ratelimit"].startswith(f'"3/minute";r={left - 6}')
        server.cli("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
    assert events == []
    await own.aclose()


class _Following(Connection):
    """A connection that asks where to go each time, as those of Sentinel do."""

    leader = 0

    async def connect(self) -> None:
        """Connect, if it is not."""
        self.port = self.leader
        await super().connect()  # type: ignore[no-untyped-call]


@pytest.mark.parametrize("on_error", ["local", "deny", "allow"])
async def test_failover(
    on_error: OnError,
    server: RedisServer,
    other_server: RedisServer,
    events: list[AuthEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A pool that is sent to another server counts there from the next probe on."""
    monkeypatch.setattr(_Following, "leader", server.port)
    pool = BlockingConnectionPool(max_connections=2, connection_class=_Following)
    store, clock = RedisStore(Redis(connection_pool=pool), timeout=TIMEOUT), FrozenClock()
    limit = RateLimit("2/minute", on_error=on_error, scope="x", store=store)
    assert (await limit.hit("ada")).remaining == 1
    begin = time.monotonic()
    await race(lambda: RateLimit("99/minute", scope="many", store=store).hit("ada"), 30)
    up = time.monotonic() - begin
    server.stop()
    monkeypatch.setattr(store, "_now", lambda: microseconds(clock))
    begin = time.monotonic()
    results: list[Any] = await race(lambda: limit.hit("ada"), 30)
    assert time.monotonic() - begin < SOON + 4 * up
    passed = [result for result in results if not isinstance(result, Exception)]
    assert len(passed) == {"local": 2, "deny": 0, "allow": 30}[on_error]
    assert all(quota.degraded for quota in passed)
    monkeypatch.setattr(_Following, "leader", other_server.port)
    with contextlib.suppress(TooManyRequests, StoreUnavailable):
        await limit.hit("ada")
    clock.advance(timedelta(seconds=1))
    quota = await limit.hit("ada")
    assert (quota.degraded, quota.remaining) == (False, 1)
    names = ["sys_rate_limit_store_down", "sys_rate_limit_store_up"]
    assert [event.name for event in events] == names
    await pool.disconnect()


async def test_a_client_of_ones_own_that_hangs(server: RedisServer) -> None:
    """A server that hangs is an outage, and no full pool, whoever made the client."""
    own = Redis.from_url(server.url, max_connections=4)
    store = RedisStore(own, timeout=timedelta(milliseconds=30))
    limit = RateLimit("1/minute", on_error="allow", scope="x", store=store)
    await limit.hit("ada")
    server.freeze()
    results = await race(lambda: limit.hit("ada"), 3)
    assert [getattr(result, "degraded", None) for result in results] == [True] * 3
    assert store._is_down
    server.thaw()
    await own.aclose()


async def test_script_flush(
    server: RedisServer, client: httpx.AsyncClient, store: RedisStore, events: list[AuthEvent]
) -> None:
    """Nor is a server that has forgotten the script, alone or for many at once."""
    await timed(client, "/deny")
    server.cli("SCRIPT", "FLUSH")
    assert (await timed(client, "/deny")).headers["ratelimit"] == '"3/minute";r=1;t=20'
    limit = RateLimit("10/hour", scope="many", store=store)
    results: list[Any] = []
    for _ in range(2):
        server.cli("SCRIPT", "FLUSH")
        results = await race(lambda: limit.hit("ada"), 30)
    assert (await limit.peek("ada")).remaining == 0
    assert len(results) == 30
    assert events == []


async def test_read_only(server: RedisServer, client: httpx.AsyncClient) -> None:
    """A server that became a replica, or is full, is one that does not answer."""
    server.cli("REPLICAOF", "127.0.0.1", "1")
    assert (await timed(client, "/deny")).status_code == 503
    assert (await timed(client, "/allow")).status_code == 200


async def test_busy(server: RedisServer) -> None:
    """A full pool is no outage: calls wait, then count locally, and never all get in."""
    pool = BlockingConnectionPool.from_url(server.url, max_connections=1, timeout=5)
    own = Redis(connection_pool=pool)
    store = RedisStore(own, timeout=timedelta(milliseconds=50))
    limit = RateLimit("5/hour", scope="x", on_error="allow", store=store)
    denying = RateLimit("5/hour", scope="y", on_error="deny", store=store)
    await limit.hit("ada")
    gate = store._line()._gate  # type: ignore[union-attr]
    free = gate._free[asyncio.get_running_loop()]
    for _ in range(16):
        await free.acquire()
    results = await race(lambda: limit.hit("ada"), 20)
    assert len([result for result in results if not isinstance(result, Exception)]) == 5
    [refused] = await race(lambda: denying.hit("ada"), 1)
    assert getattr(refused, "status_code", None) == 503
    with pytest.raises(StoreBusy):
        await store.take(limit._tariff._budgets.of("5/hour", "z"), "ada")
    assert not store._is_down
    for _ in range(16):
        free.release()
    await store.close()
    await store.reset(limit._tariff._budgets.of("5/hour", "x"), "ada")
    await own.aclose()
    await pool.disconnect()


async def test_refund_while_down(server: RedisServer, store: RedisStore) -> None:
    """What can't be given back stays charged and breaks nothing; a reset says that it failed."""
    limit = RateLimit("3/minute", scope="x", store=store)
    quota = await limit.hit("ada")
    server.stop()
    await quota.refund()
    with pytest.raises(StoreUnavailable):
        await limit.reset("ada")
    server.start()
