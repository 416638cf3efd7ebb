"""Transactions, and what is called when they are committed."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from piccolo.engine.base import Engine
from piccolo.engine.sqlite import SQLiteEngine, TransactionType
from piccolo.table import Table


def engine_of(table: type[Table]) -> Engine[Any]:
    """The engine a table lives on; looked up late, so that importing needs no configuration."""
    return table._meta.db


@dataclass(slots=True)
class _Commit:
    """What waits for a transaction to be committed."""

    callbacks: list[Callable[[], Awaitable[None]]] = field(default_factory=list)
    is_awaited: bool = True


_commit: ContextVar[_Commit | None] = ContextVar("commit", default=None)


async def after_commit(callback: Callable[[], Awaitable[None]]) -> None:
    """
    Call something once the open `transaction()` is committed; never, if it is rolled back.

    Without one it is called at once, and so it is in a transaction that the application
    opened by Piccolo's own means: nobody tells when that is committed.
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
    A transaction on the engine of `table`; joins one that is open.

    On SQLite it takes the write lock at once: a deferred one that reads and then
    writes fails with "database is locked" as soon as another does the same.
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


async def _release(engine: Engine[Any], block: Any) -> None:
    """
    Let go of a connection that failed while its transaction began or ended.

    Piccolo then neither returns it nor forgets the transaction, and every later
    query of the task would go to the dead connection. Nothing happens otherwise.
    """
    if engine.current_transaction.get() is block:
        engine.current_transaction.set(None)
    if (connection := getattr(block, "connection", None)) is None:
        return
    if (pool := getattr(engine, "pool", None)) is not None:
        await pool.release(connection)
    else:
        await connection.close()
