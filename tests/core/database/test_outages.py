"""Errors of the database, and what each of them means."""

import asyncio
import importlib.util
import sqlite3
import sys

import asyncpg
import pytest

from piccolo_api_fastapi.core.database import outages
from piccolo_api_fastapi.core.database.outages import (
    is_foreign_key_violation,
    is_logged_outage,
    is_outage,
    is_unique_violation,
    is_without_user,
    store,
)
from piccolo_api_fastapi.errors import InvalidCredentials, StoreUnavailable

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
    sqlite3.DatabaseError("file is not a database"),
    asyncpg.PostgresIOError(),
    asyncpg.DiskFullError(),
    asyncpg.ReadOnlySQLTransactionError(),
    asyncpg.LockNotAvailableError(),
    asyncpg.IdleInTransactionSessionTimeoutError(),
    asyncpg.InvalidPasswordError(),
    asyncpg.InvalidCachedStatementError(),
    asyncpg.PostgresError.new({"C": "57P99", "M": "of a newer server"}),
]
REFUSALS: list[BaseException] = [
    sqlite3.OperationalError("no such table: x"),
    sqlite3.OperationalError("no such column: locked_at"),
    sqlite3.IntegrityError("NOT NULL constraint failed: x.is_full"),
    sqlite3.IntegrityError("UNIQUE constraint failed"),
    asyncpg.DataError("invalid input"),
    asyncpg.UniqueViolationError(),
    asyncpg.UndefinedTableError(),
    asyncpg.InsufficientPrivilegeError(),
    asyncpg.FeatureNotSupportedError(),
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


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (sqlite3.OperationalError("unable to open s3cr3t"), "OperationalError, unable to open"),
        (sqlite3.DatabaseError("file is not a database"), "DatabaseError, not a database"),
        (ConnectionRefusedError("s3cr3t"), "ConnectionRefusedError"),
        (asyncpg.InterfaceError("s3cr3t"), "InterfaceError"),
        (asyncpg.PostgresError.new({"C": "53100", "M": "s3cr3t"}), "DiskFullError, 53100"),
    ],
    ids=repr,
)
async def test_reasons(
    error: Exception,
    kind: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The log has the reason for a 503, without the text of the driver, once a minute."""
    now = 1000.0
    monkeypatch.setattr("time.monotonic", lambda: now)
    for seconds, times in ((0, 1), (59, 1), (1, 2), (59, 2)):
        now += seconds
        with pytest.raises(StoreUnavailable):
            async with store():
                raise error
        assert caplog.messages == [f"The database is not available: {kind}"] * times
    assert {record.name for record in caplog.records} == {"piccolo_api_fastapi"}
    assert {record.levelname for record in caplog.records} == {"WARNING"}


def test_reasons_differ(caplog: pytest.LogCaptureFixture) -> None:
    """Each kind of outage is logged; what is no outage is not."""
    for error in (*OUTAGES, *OUTAGES):
        assert is_logged_outage(error)
    logged = len(caplog.messages)
    assert logged == len(set(caplog.messages)) == len(outages._logged) > 1
    assert not any(map(is_logged_outage, REFUSALS))
    assert len(caplog.messages) == logged


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


INSERTED = {"C": "23503", "M": "", "D": 'Key (user)=(5) is not present in table "piccolo_user".'}
DELETED = {"C": "23503", "M": "", "D": 'Key (id)=(5) is still referenced from table "film".'}


def test_rows_of_deleted_users() -> None:
    """A row whose user is gone is a 401; a user whom a table of the application keeps is none."""
    assert is_without_user(sqlite3.IntegrityError("FOREIGN KEY constraint failed"))
    assert is_without_user(asyncpg.PostgresError.new(INSERTED))
    assert is_without_user(asyncpg.ForeignKeyViolationError())
    assert not is_without_user(asyncpg.PostgresError.new(DELETED))
    assert not is_without_user(asyncpg.PostgresError.new({**INSERTED, "C": "23001"}))
    assert not is_without_user(sqlite3.IntegrityError("UNIQUE constraint failed: x.y"))
    assert not is_without_user(ValueError())


def test_foreign_keys() -> None:
    """What a foreign key refuses, whichever side of it; PostgreSQL 18 has a state for RESTRICT."""
    for error in (
        sqlite3.IntegrityError("FOREIGN KEY constraint failed"),
        asyncpg.PostgresError.new(INSERTED),
        asyncpg.PostgresError.new(DELETED),
        asyncpg.PostgresError.new({**DELETED, "C": "23001"}),
    ):
        assert is_foreign_key_violation(error)
    assert not is_foreign_key_violation(sqlite3.IntegrityError("UNIQUE constraint failed: x.y"))
    assert not is_foreign_key_violation(asyncpg.UniqueViolationError())
    assert not is_foreign_key_violation(ValueError())


def test_without_asyncpg(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the `postgres` extra everything imports, and its errors are nobody's."""
    monkeypatch.setitem(sys.modules, "asyncpg", None)
    spec = importlib.util.spec_from_file_location("piccolo_api_fastapi.alone", outages.__file__)
    assert spec is not None
    assert spec.loader is not None
    alone = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(alone)
    assert alone.is_outage(OSError())
    assert not alone.is_outage(ValueError())
    assert not alone.is_unique_violation(ValueError())


async def test_a_user_who_is_gone() -> None:
    """A row of a user who was deleted meanwhile is refused, and no outage."""
    with pytest.raises(InvalidCredentials):
        async with store():
            raise sqlite3.IntegrityError("FOREIGN KEY constraint failed")
