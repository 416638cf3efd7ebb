"""
`make bench`: what a request costs here, against the least that could be written by hand.

Everything runs in this process, from the ASGI call to the database and back, with no network
before it. In each round every contender runs once, so that all of them suffer alike from
whatever else the machine does. The numbers compare contenders of one run and nothing else.
"""

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import TABLE_REGISTRY, create_db_tables

from benchmarks.applications import PASSWORD, REQUESTS, Call, make_applications
from piccolo_api_fastapi import User, Users, auth_tables
from piccolo_api_fastapi.testing import cheap_hashing

WARM_UP = 20
DATABASE = f"piccolo_api_fastapi_bench_{os.getpid()}"
PG: dict[str, Any] = {
    "host": os.environ.get("PG_HOST", "127.0.0.1"),
    "port": int(os.environ.get("PG_PORT", "5432")),
    "user": os.environ.get("PG_USER", "postgres"),
    "password": os.environ.get("PG_PASSWORD", ""),
}


@asynccontextmanager
async def sqlite() -> AsyncIterator[Any]:
    """SQLite on a file."""
    with tempfile.TemporaryDirectory() as folder:
        yield SQLiteEngine(path=str(Path(folder) / "bench.sqlite"), timeout=30)


@asynccontextmanager
async def postgres() -> AsyncIterator[Any]:
    """PostgreSQL with a pool; `None` where it does not answer."""
    try:
        import asyncpg  # noqa: PLC0415 - an extra
        from piccolo.engine.postgres import PostgresEngine  # noqa: PLC0415 - the same

        connection = await asyncpg.connect(**PG, database="postgres")
    except (ImportError, OSError) as error:
        print(f"\nPostgreSQL is left out: {error}")
        yield None
        return
    await connection.execute(f'CREATE DATABASE "{DATABASE}"')
    engine = PostgresEngine(config={**PG, "database": DATABASE})
    try:
        await engine.start_connection_pool(min_size=2, max_size=4)
        yield engine
        await engine.close_connection_pool()
    finally:
        await connection.execute(f'DROP DATABASE "{DATABASE}" WITH (FORCE)')
        await connection.close()


async def measure(calls: dict[str, Call], rounds: int) -> dict[str, float]:
    """The median of each contender, in microseconds."""
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(WARM_UP + rounds):
        for name, call in calls.items():
            begin = time.perf_counter()
            await call()
            taken = time.perf_counter() - begin
            if number >= WARM_UP:
                samples[name].append(taken * 1e6)
    return {name: statistics.median(taken) for name, taken in samples.items()}


async def run(name: str, engine: Any, rounds: int) -> None:
    """Measure on one database and print."""
    for table in TABLE_REGISTRY:
        table._meta._db = engine  # noqa: SLF001 - two databases, one after the other
    await create_db_tables(User, *auth_tables())
    await Users().create("ada", PASSWORD, email="ada@example.com")
    medians = await measure(await make_applications(), rounds)
    print(f"\n{name}, {rounds} rounds\n")
    print(f"{'request':<22} {'by hand':>10} {'here':>10} {'ratio':>7}")
    for request in REQUESTS:
        by_hand, here = medians[f"{request}, by hand"], medians[request]
        print(f"{request:<22} {by_hand:>7.0f} µs {here:>7.0f} µs {here / by_hand:>7.2f}")


async def main(rounds: int) -> None:
    """Measure on each database there is."""
    async with sqlite() as engine:
        await run("SQLite on a file", engine, rounds)
    async with postgres() as engine:
        if engine is not None:
            await run("PostgreSQL with a pool", engine, rounds)
    print("\nMedians of one interleaved run; the login hashes cheaply on both sides.")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=300, help="how often each request is made")
    with cheap_hashing():
        asyncio.run(main(parser.parse_args().rounds))
