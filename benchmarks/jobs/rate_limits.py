"""
What a limit costs, beside the least there is and the peers.

In memory the least is a GCRA written by hand, in Redis a `PING` of the same client, in a database
a statement that asks for nothing. All contenders of a table run in turn, round by round.
"""

import asyncio
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from piccolo.engine.postgres import PostgresEngine
from piccolo.table import create_db_tables
from redis.exceptions import RedisError

from benchmarks import databases, limiters
from benchmarks.budget import Budget
from benchmarks.jobs.growth import Probe
from benchmarks.limiters import ADDRESS, Call
from benchmarks.samples import as_json, figure, ratio
from piccolo_api_fastapi import RedisStore
from piccolo_api_fastapi.rate_limiting.stores.tables import RateLimitState

AT_ONCE = 64
FEW = 2
"""A minute, for seeing that all of them limit."""
KEYS = (100, 100_000)

Table = dict[str, Any]


def run(kind: databases.Kind, folder: Path, budget: Budget) -> dict[str, Table]:
    """The tables, by their titles; what needs no database goes with SQLite's."""
    database = databases.create(kind, "limits", folder)
    os.environ |= {"BENCH_KIND": kind, "BENCH_DATABASE": database}
    try:
        tables = asyncio.run(_run(kind, budget))
        if kind == "sqlite":
            tables["keys"] = Probe(kind, database, folder, "ours").run("limit")
        return tables
    finally:
        databases.drop(kind, database)


async def _run(kind: databases.Kind, budget: Budget) -> dict[str, Table]:
    tables = {}
    if kind == "sqlite":
        await limiters.check(limiters.of_routes(FEW), FEW)
        tables["route"] = await _measure(limiters.of_routes(), [ADDRESS], budget.part(0.3))
        for number in KEYS:
            print(f"  rate limits, {number} keys in memory", flush=True)
            tables[f"memory_{number}"] = await _in_memory(budget.part(0.25), number)
        tables |= await _in_redis(budget.part(0.7))
    print(f"  {kind}, rate limits", flush=True)
    return tables | {"database": await _in_database(budget.part(0.8))}


async def _in_memory(budget: Budget, number: int) -> Table:
    keys = [f"2001:db8:{n:x}::/64" for n in range(number)]
    await limiters.check(limiters.in_memory(number, FEW), FEW)
    calls = limiters.in_memory(number)
    for call in calls.values():
        for key in keys:
            await call(key)
    return await _measure(calls, keys, budget)


async def _in_redis(budget: Budget) -> dict[str, Table]:
    """One after another, and many at once; nothing, when there is no Redis."""
    with limiters.redis_client() as client:
        try:
            await client.ping()
        except (OSError, RedisError) as error:
            budget.leave_out(f"limits in Redis: {error}")
            return {}
        print("  rate limits, Redis", flush=True)
        few, checked = await _redis_calls(client, FEW)
        await limiters.check(few, FEW)
        calls, stores = await _redis_calls(client, limiters.PLENTY)
        keys = [f"2001:db8:{n:x}::/64" for n in range(AT_ONCE)]
        clock, half = time.perf_counter, budget.part(0.5)
        tables = {
            "redis": await _measure(calls, keys[:1], half, clock=clock),
            "redis_64": await _measure(calls, keys, budget, AT_ONCE, clock=clock),
        }
        for store in (*checked, *stores):
            await store.close()
        await client.aclose()
        await client.connection_pool.disconnect()
        return tables


async def _redis_calls(client: Any, amount: int) -> tuple[dict[str, Call], list[RedisStore]]:
    calls, stores = limiters.in_redis(client, amount)
    calls["fastapi-limiter: pyrate-limiter's bucket"] = await limiters.by_pyrate(client, amount)
    return calls, stores


async def _in_database(budget: Budget) -> Table:
    engine = databases.piccolo_engine(keeps=True)
    await create_db_tables(RateLimitState)
    size = {"min_size": 4, "max_size": 4} if isinstance(engine, PostgresEngine) else {}
    await engine.start_connection_pool(**size)

    def ping(_: str) -> Any:
        return RateLimitState.raw("SELECT 1")

    await limiters.check(limiters.in_database(ping, FEW), FEW)
    calls = limiters.in_database(ping)
    table = await _measure(calls, [ADDRESS], budget, clock=time.perf_counter)
    await engine.close_connection_pool()
    return table


async def _measure(
    calls: dict[str, Call],
    keys: list[str],
    budget: Budget,
    at_once: int = 1,
    clock: Callable[[], float] = time.thread_time,
) -> Table:
    """Microseconds a call of each contender, and how many times the first of the same round."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for number in budget.rounds(least=2):
        for name, call in calls.items():
            begin = clock()
            count = await _batch(call, keys, at_once)
            if number:  # the first is to warm up
                samples[name].append((clock() - begin) / count * 1e6)
    first = next(iter(samples.values()))
    return {
        name: {
            "us": as_json(figure(taken)),
            "times": as_json(ratio(taken, first)),
            "adds_us": as_json(figure([a - b for a, b in zip(taken, first, strict=True)])),
        }
        for name, taken in samples.items()
    }


async def _batch(call: Call, keys: list[str], at_once: int) -> int:
    """Make so many calls."""
    if at_once == 1:
        count = 1000 if len(keys) > 1 else 200
        for number in range(count):
            await call(keys[number * 7 % len(keys)])
        return count
    for _ in range(4):
        await asyncio.gather(*(call(key) for key in keys[:at_once]))
    return 4 * at_once
