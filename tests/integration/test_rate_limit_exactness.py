"""Many processes and one limit: exactly so many pass, on every store that they can share."""

import asyncio
import time
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from redis.asyncio import RedisCluster

from piccolo_api_fastapi import RateLimit, RedisStore
from piccolo_api_fastapi.testing import race
from tests.conftest import PG, REDIS_URL, need_redis, open_database
from tests.integration.limited import storm, try_at_once
from tests.integration.processes import PROCESSES
from tests.integration.redis_servers import NEEDS_REDIS, RedisServer
from tests.rate_limiting.conftest import PATIENT

pytestmark = pytest.mark.slow

WORKERS = 4


@pytest.fixture(scope="module")
def pool() -> Iterator[Executor]:
    """The processes, which import everything once."""
    with ProcessPoolExecutor(WORKERS, PROCESSES) as pool:
        yield pool


async def passed(
    pool: Executor, kind: str, where: Any, limit: str, calls: int, rounds: int
) -> list[int]:
    """How many of the calls of four processes pass together, in each round."""
    loop = asyncio.get_running_loop()
    counts = []
    for _ in range(rounds):
        arguments = (kind, where, limit, str(uuid4()), calls)
        work = [loop.run_in_executor(pool, storm, *arguments) for _ in range(WORKERS)]
        counts.append(sum(await asyncio.gather(*work)))
    return counts


@pytest.mark.security(95)
async def test_redis(pool: Executor) -> None:
    """Of four times 200 calls at once exactly 100 pass, five times in a row (D-R5)."""
    need_redis()
    assert await passed(pool, "redis", REDIS_URL, "100/hour", 200, 5) == [100] * 5


@pytest.mark.security(95)
async def test_postgres(pool: Executor, sqlite_path: Path, database_name: str) -> None:
    """The same on PostgreSQL."""
    async with open_database("postgres", sqlite_path, database_name):
        where = {**PG, "database": database_name}
        assert await passed(pool, "postgres", where, "100/hour", 200, 5) == [100] * 5


@pytest.mark.security(95)
async def test_sqlite(pool: Executor, sqlite_path: Path, database_name: str) -> None:
    """And of four times 50 exactly ten on SQLite."""
    async with open_database("sqlite", sqlite_path, database_name):
        assert await passed(pool, "sqlite", str(sqlite_path), "10/hour", 50, 1) == [10]


async def refused(pool: Executor, kind: str, where: Any, rounds: int, calls: int) -> list[str]:
    """What two processes are refused, each with so many attempts at once that all go well."""
    loop = asyncio.get_running_loop()
    wrong: list[str] = []
    for _ in range(rounds):
        arguments = (kind, where, "5/15minutes", str(uuid4()), calls)
        work = [loop.run_in_executor(pool, try_at_once, *arguments) for _ in range(2)]
        for refusals in await asyncio.gather(*work):
            wrong += refusals
    return wrong


@pytest.mark.security(99)
async def test_right_attempts_on_redis(pool: Executor) -> None:
    """Who is right is not refused for what another process is still checking."""
    need_redis()
    assert await refused(pool, "redis", REDIS_URL, 5, 6) == []


@pytest.mark.security(99)
@pytest.mark.parametrize(("kind", "calls"), [("postgres", 6), ("sqlite", 3)])
async def test_right_attempts_in_the_database(
    pool: Executor, kind: str, calls: int, sqlite_path: Path, database_name: str
) -> None:
    """Nor with a database; SQLite has one writer, for whom fewer wait here."""
    async with open_database(kind, sqlite_path, database_name):
        where = str(sqlite_path) if kind == "sqlite" else {**PG, "database": database_name}
        assert await refused(pool, kind, where, 3, calls) == []


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[list[RedisServer]]:
    """Three nodes on loopback."""
    options = ("--cluster-enabled", "yes", "--cluster-node-timeout", "2000")
    nodes = [
        RedisServer(tmp_path, *options, "--cluster-config-file", f"{number}.conf")
        for number in range(3)
    ]
    for number, node in enumerate(nodes):
        first, last = number * 16384 // 3, (number + 1) * 16384 // 3 - 1
        node.cli("CLUSTER", "ADDSLOTSRANGE", f"{first}", f"{last}")
        node.cli("CLUSTER", "SET-CONFIG-EPOCH", f"{number + 1}")
    for node in nodes[1:]:
        nodes[0].cli("CLUSTER", "MEET", "127.0.0.1", f"{node.port}")
    deadline = time.monotonic() + 20
    while not all(_has_joined(node) for node in nodes):
        assert time.monotonic() < deadline, "the nodes do not find each other"
        time.sleep(0.02)
    yield nodes
    for node in nodes:
        node.stop()


def _has_joined(node: RedisServer) -> bool:
    told = node.cli("CLUSTER", "INFO")
    return "cluster_state:ok" in told and "cluster_slots_ok:16384" in told


@NEEDS_REDIS
@pytest.mark.security(95)
async def test_cluster(cluster: list[RedisServer]) -> None:
    """On a Redis Cluster each key is exact, wherever it lies."""
    client = RedisCluster(host="127.0.0.1", port=cluster[0].port)
    await client.initialize()
    store = RedisStore(client, timeout=PATIENT)
    limit = RateLimit("10/hour", "20/day", scope="x", store=store, on_error="deny")
    for key in ("ada", "grace", "linus", "alan", "edsger", "barbara"):
        results = await race(lambda key=key: limit.hit(key), 40)  # type: ignore[misc]
        assert len([result for result in results if not isinstance(result, Exception)]) == 10
    kept = [node.cli("DBSIZE") for node in cluster]
    assert sum(int(number) for number in kept) == 6
    assert len([number for number in kept if number != "0"]) > 1
    await limit.reset("ada")
    assert (await limit.hit("ada")).remaining == 9
    await client.aclose()
