"""Transactions, and callbacks that run after a commit."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from piccolo.engine.base import Engine
from piccolo.engine.sqlite import SQLiteEngine, TransactionType
from piccolo.table import Table

from .sqlite_pools import hurried


def engine_of(table: type[Table]) -> Engine[Any]:
    """Return the engine of a table. It is looked up late, so that imports need no configuration."""
    return table._meta.db


@dataclass(slots=True)
class _Commit:
    """The callbacks that wait for a commit."""

    callbacks: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    is_awaited: bool = True


_commit: ContextVar[_Commit | None] = ContextVar("commit", default=None)


async def after_commit(callback: Callable[[], Awaitable[None]]) -> None:
    """
    Call a function after the open `transaction()` is committed, or never if it is rolled back.

    Without a transaction, the function is called at once. The same holds in a transaction that
    the application opened with Piccolo, since its commit can't be observed.

    Args:
        callback: The async function.
    """
    commit = _commit.get()
    # A task that was started in a transaction may outlive it.
    if commit is None or not commit.is_awaited:
        await callback()
    else:
        commit.callbacks.append(callback)


@asynccontextmanager
async def transaction(table: type[Table]) -> AsyncIterator[None]:
    """
    Open a transaction on the engine of a table, or join the open one.

    On SQLite, it takes the write lock at once. Two deferred transactions that read and then
    write would fail with "database is locked".

    Args:
        table: A table on the engine.
    """
    engine = engine_of(table)
    if engine.current_transaction.get() is not None:
        yield
        return
    block = (
        engine.transaction(transaction_type=TransactionType.immediate)
        if isinstance(engine, SQLiteEngine)
        else engine.transaction()
    )
    outer, commit = _commit.get(), _Commit()
    _commit.set(commit)
    try:
        async with block:
            yield
    finally:
        commit.is_awaited = False
        _commit.set(outer)
        await _release(engine, block)
    for callback in commit.callbacks:
        await callback()


@asynccontextmanager
async def optional_write(table: type[Table]) -> AsyncIterator[None]:
    """
    Run a write that the request can do without: whatever prevents it is not raised.

    In an open transaction this takes a savepoint, as PostgreSQL would refuse the statements
    that follow a failed one. `PersistentSQLiteEngine` does not wait for another writer.

    Args:
        table: The table to write to.
    """
    is_open = engine_of(table).current_transaction.get() is not None
    if is_open:
        await table.raw("SAVEPOINT optional_write")
    try:
        with hurried():
            yield
    except Exception:  # noqa: BLE001 - an outage, a missing privilege or a trigger
        if is_open:
            await table.raw("ROLLBACK TO SAVEPOINT optional_write")


async def _release(engine: Engine[Any], block: Any) -> None:
    """
    Release a connection that failed at the beginning or the end of its transaction.

    Piccolo neither returns it nor forgets the transaction, so every later query of the task
    would use the dead connection. Does nothing if there was no failure.
    """
    if engine.current_transaction.get() is block:
        engine.current_transaction.set(None)
    if (connection := getattr(block, "connection", None)) is None:
        return
    if (pool := getattr(engine, "pool", None)) is not None:
        await pool.release(connection)
    else:
        await connection.close()
