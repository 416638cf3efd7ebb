"""What only a `PiccoloStore` does."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import TABLE_REGISTRY

from piccolo_api_fastapi import (
    PiccoloStore,
    RateLimit,
    RateLimitState,
    auth_tables,
    subscribe,
)
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import StoreUnavailable, TooManyRequests
from piccolo_api_fastapi.rate_limiting.limiter import LOCAL
from piccolo_api_fastapi.rate_limiting.stores import piccolo_store
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.commands import command
from tests.conftest import PG
from tests.models import Customer

PATIENT = timedelta(seconds=30)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)  # SQLite has one writer
async def test_transactions_that_fail(database: Any) -> None:
    """What was charged stays charged when the transaction is undone, and blocks nobody."""
    limit = RateLimit("5/hour", scope="x", store=PiccoloStore(timeout=PATIENT))

    async def fail() -> None:
        async with transaction(RateLimitState):
            await limit.hit("ada")
            await asyncio.gather(limit.hit("ada"), limit.hit("ada"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert (await limit.peek("ada")).remaining == 2


async def test_rows_tell_nothing(database: Any) -> None:
    """A row holds a digest, and numbers."""
    await RateLimit("5/hour", scope="x", store=PiccoloStore(timeout=PATIENT)).hit("ada@example.com")
    [row] = await RateLimitState.select()
    assert len(row["key"]) == 32
    assert "ada@" not in str(row)  # three letters alone may well be in a digest


@pytest.mark.security(98)
async def test_dead_rows(
    database: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows that say nothing any more are deleted as others come, some at a time."""
    monkeypatch.setattr(piccolo_store, "BATCH", 3)
    limit = RateLimit("5/minute", scope="x", store=PiccoloStore(timeout=PATIENT, clock=clock))
    for number in range(7):
        await limit.hit(f"{number}")
    assert await RateLimitState.count() == 7
    clock.advance(timedelta(minutes=1, seconds=1))
    for left in (5, 2, 1, 1):
        await limit.hit("ada")
        assert await RateLimitState.count() == left


async def test_sweep(database: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """All expired rows are deleted at once when asked for, and no other."""
    monkeypatch.setattr(piccolo_store, "BATCH", 3)
    store = PiccoloStore(timeout=PATIENT, clock=clock)
    limit = RateLimit("5/minute", scope="x", store=store)
    for number in range(7):
        await limit.hit(f"{number}")
    clock.advance(timedelta(minutes=1, seconds=1))
    await RateLimit("5/hour", scope="y", store=PiccoloStore(timeout=PATIENT, clock=clock)).hit("z")
    left = await RateLimitState.count()
    assert await store.sweep() == left - 1
    assert await RateLimitState.count() == 1


async def test_command(database: Any, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command deletes them all, and the living not."""
    monkeypatch.setattr(piccolo_store, "BATCH", 2)
    old = RateLimit("5/minute", scope="x", store=PiccoloStore(timeout=PATIENT, clock=clock))
    new = RateLimit("5/hour", scope="x", store=PiccoloStore(timeout=PATIENT))
    for number in range(5):
        await old.hit(f"{number}")
    await new.hit("ada")
    await command("clean")()
    assert await RateLimitState.count() == 1
    assert (await new.peek("ada")).remaining == 4


async def test_a_table_of_ones_own(database: Any) -> None:
    """Projects with a user table of their own have this table too."""
    store = PiccoloStore(auth_tables(Customer).rate_limit_state, timeout=PATIENT)
    assert (await RateLimit("5/hour", scope="x", store=store).hit("ada")).remaining == 4
    assert await auth_tables(Customer).rate_limit_state.count() == 1
    assert await RateLimitState.count() == 0


async def test_without_the_table(database: Any) -> None:
    """Before the migration it is a store that does not answer, and no 500."""
    class_name: Any = type("Missing", (RateLimitState,), {}, tablename="not_migrated")
    class_name._meta._db = database
    LOCAL.clear()
    quota = await RateLimit("5/hour", scope="x", store=PiccoloStore(class_name)).hit("ada")
    TABLE_REGISTRY.remove(class_name)
    assert (quota.degraded, quota.remaining, quota.standings) == (True, 4, ())


@asynccontextmanager
async def held(database: Any, path: Path, name: str) -> AsyncIterator[None]:
    """Within it somebody else holds the table, so that statements hang or fail."""
    if database.engine_type == "sqlite":
        other = sqlite3.connect(path)
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.close()
    else:
        connection = await asyncpg.connect(**PG, database=name)
        begun = connection.transaction()
        await begun.start()
        await connection.execute("LOCK TABLE auth_rate_limit IN ACCESS EXCLUSIVE MODE")
        yield
        await begun.rollback()
        await connection.close()


@pytest.mark.security(97)
async def test_outage(
    database: Any, sqlite_path: Path, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the table is held each limit does what it was told, soon, and counts afterwards."""
    LOCAL.clear()
    events: list[str] = []
    end = subscribe(lambda event: events.append(event.name) if "store" in event.name else None)
    store = PiccoloStore(timeout=timedelta(seconds=30))  # however busy the machine is
    local, deny, allow = (
        RateLimit("2/hour", scope=on_error, on_error=on_error, store=store)
        for on_error in ("local", "deny", "allow")
    )
    begin = time.monotonic()
    await race(lambda: RateLimit("99/hour", scope="many", store=store).hit("ada"), 10)
    up = time.monotonic() - begin
    if database.engine_type == "sqlite":  # only now: the race needs more patience than this
        database = SQLiteEngine(path=str(sqlite_path), timeout=0.05)
        monkeypatch.setattr(RateLimitState._meta, "_db", database)
    monkeypatch.setattr(store._gate, "_seconds", 0.1)
    async with held(database, sqlite_path, database_name):
        begin = time.monotonic()
        results = await race(lambda: deny.hit("ada"), 5)
        results += [(await race(lambda: deny.hit("ada"), 1))[0] for _ in range(5)]
        assert time.monotonic() - begin < 1.5 + 4 * up
        assert {type(result) for result in results} == {StoreUnavailable}
        assert [(await allow.hit("ada")).degraded for _ in range(5)] == [True] * 5
        assert [(await local.hit("ada")).remaining for _ in range(2)] == [1, 0]
        with pytest.raises(TooManyRequests):
            await local.hit("ada")
    monkeypatch.setattr(store._gate, "_seconds", 30.0)
    monkeypatch.setattr(store, "_alone_until", 0)
    assert [(await deny.hit("ada")).remaining for _ in range(2)] == [1, 0]
    end()
    assert events == ["sys_rate_limit_store_down", "sys_rate_limit_store_up"]


async def test_costs_of_any_number(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of statements is bounded, whatever clients have it cost."""
    monkeypatch.setattr(piccolo_store, "STATEMENTS", 3)
    store = PiccoloStore(timeout=PATIENT)
    limit = RateLimit("1000/hour", scope="x", store=store)
    for cost in range(1, 7):
        await limit.hit("ada", cost=cost)
        assert len(store._statements) <= 3
    assert (await limit.peek("ada")).remaining == 1000 - 21


@pytest.mark.security(97)
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_a_pool_that_others_use_up(
    database: Any, database_name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where all connections are lent out that is no outage: nobody gets in by it."""
    small = PostgresEngine(config={**PG, "database": database_name})
    await small.start_connection_pool(min_size=1, max_size=1)
    monkeypatch.setattr(RateLimitState._meta, "_db", small)
    LOCAL.clear()
    store = PiccoloStore(timeout=timedelta(milliseconds=50))
    limit = RateLimit("2/hour", scope="x", on_error="allow", store=store)
    pool: Any = small.pool
    async with pool.acquire():
        results = await race(lambda: limit.hit("ada"), 10)
    assert [isinstance(result, Exception) for result in results].count(False) == 2
    assert not store._is_down
    monkeypatch.setattr(store._gate, "_seconds", 30.0)  # however busy the machine is
    assert (await limit.hit("grace")).degraded is False
    await small.close_connection_pool()
