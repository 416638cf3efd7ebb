"""Transactions, compiled statements, and what errors mean."""

import asyncio
import importlib.util
import sqlite3
import sys

import asyncpg
import pytest
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import User, Users
from piccolo_api_fastapi.core.database import transactions as database
from piccolo_api_fastapi.core.database.transactions import (
    CompiledQuery,
    is_outage,
    is_unique_violation,
    store,
    transaction,
)
from piccolo_api_fastapi.errors import StoreUnavailable
from tests.conftest import PASSWORD, use_engine


async def test_transactions(users: Users[User]) -> None:
    """All or nothing; an inner one joins the outer one."""

    async def fail() -> None:
        async with transaction(User):
            async with transaction(User):
                await User.insert(User(username="a", email="a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await User.count() == 0
    async with transaction(User):
        await User.insert(User(username="a", email="a"))
    assert await User.count() == 1


@pytest.mark.security(109)
async def test_writers_wait(users: Users[User]) -> None:
    """24 transactions that read and then write all pass."""

    async def register(number: int) -> None:
        await users.create(f"user{number}", PASSWORD)

    await asyncio.gather(*(register(number) for number in range(24)))
    assert await User.count() == 24


@pytest.mark.security(111)
async def test_no_connection() -> None:
    """Where there is no connection, there is none to let go of."""
    use_engine(SQLiteEngine(path="/nowhere/test.sqlite"))

    async def try_it() -> None:
        async with store(), transaction(User):
            pass

    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await try_it()


OUTAGES: list[BaseException] = [
    sqlite3.OperationalError("unable to open database file"),
    sqlite3.OperationalError("database is locked"),
    sqlite3.OperationalError("disk I/O error"),
    sqlite3.OperationalError("attempt to write a readonly database"),
    sqlite3.OperationalError("database or disk is full"),
    ConnectionRefusedError(),
    TimeoutError(),
    asyncio.TimeoutError(),
    asyncpg.ConnectionDoesNotExistError(),
    asyncpg.CannotConnectNowError(),
    asyncpg.TooManyConnectionsError(),
    asyncpg.InterfaceError("the pool is closed"),
    asyncpg.AdminShutdownError(),
    asyncpg.DeadlockDetectedError(),
]
REFUSALS: list[BaseException] = [
    sqlite3.OperationalError("no such table: x"),
    sqlite3.IntegrityError("UNIQUE constraint failed"),
    asyncpg.DataError("invalid input"),
    asyncpg.UniqueViolationError(),
    asyncpg.UndefinedTableError(),
    ValueError(),
]


@pytest.mark.security(111)
@pytest.mark.parametrize("error", OUTAGES, ids=repr)
async def test_outages(error: Exception) -> None:
    """A database that can't be reached is a 503."""
    assert is_outage(error)
    with pytest.raises(StoreUnavailable):
        async with store():
            raise error


@pytest.mark.parametrize("error", REFUSALS, ids=repr)
async def test_refusals(error: Exception) -> None:
    """A statement that was refused is what it is."""
    assert not is_outage(error)
    with pytest.raises(type(error)):
        async with store():
            raise error


def test_unique_violations() -> None:
    """Told from other refusals."""
    assert is_unique_violation(sqlite3.IntegrityError("UNIQUE constraint failed: x.y"))
    assert is_unique_violation(asyncpg.UniqueViolationError())
    assert not is_unique_violation(sqlite3.IntegrityError("NOT NULL constraint failed"))
    assert not is_unique_violation(asyncpg.NotNullViolationError())


async def test_compiled_query(users: Users[User], ada: User) -> None:
    """Runs with other values; sentinels in another order than the SQL's are a mistake."""
    query = CompiledQuery(
        User,
        lambda name, active: User.select(User.id).where(
            User.username == name, User.active == active
        ),
        "name",
        True,  # noqa: FBT003 - a sentinel
    )
    for _ in range(2):
        assert await query.run("ada", True) == [{"id": ada.id}]  # noqa: FBT003
        assert await query.run("x' OR 1=1 --", True) == []  # noqa: FBT003
    swapped = CompiledQuery(
        User,
        lambda a, b: User.select(User.id).where(User.username == b, User.email == a),
        "a",
        "b",
    )
    with pytest.raises(ValueError, match="order"):
        await swapped.run("x", "y")


def test_without_asyncpg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the `postgres` extra everything imports, and its errors are nobody's."""
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    spec = importlib.util.spec_from_file_location("piccolo_api_fastapi.alone", database.__file__)
    assert spec is not None
    assert spec.loader is not None
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    assert alone.is_outage(OSError())
    assert not alone.is_outage(ValueError())
    assert not alone.is_unique_violation(ValueError())
