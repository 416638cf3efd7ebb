"""The database: transactions, statements compiled once, and what its errors mean."""

import asyncio
import re
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from piccolo.engine.base import Engine
from piccolo.engine.sqlite import SQLiteEngine, TransactionType
from piccolo.query.base import Query
from piccolo.querystring import QueryString
from piccolo.table import Table

from piccolo_api_fastapi.errors import StoreUnavailable

try:
    import asyncpg
except ImportError:  # the `postgres` extra is not installed
    _POSTGRES_OUTAGES: tuple[type[Exception], ...] = ()
    _POSTGRES_REFUSALS: tuple[type[Exception], ...] = ()
    _POSTGRES_UNIQUE: tuple[type[Exception], ...] = ()
    _POSTGRES_UNUSABLE: tuple[type[Exception], ...] = ()
else:
    _POSTGRES_OUTAGES = (
        asyncpg.InterfaceError,
        asyncpg.PostgresConnectionError,
        asyncpg.OperatorInterventionError,
        asyncpg.InsufficientResourcesError,
        asyncpg.TransactionRollbackError,
        asyncpg.InternalClientError,
    )
    # The driver's own complaints about a value are InterfaceErrors too.
    _POSTGRES_REFUSALS = (asyncpg.DataError, asyncpg.exceptions.ClientConfigurationError)
    _POSTGRES_UNIQUE = (asyncpg.UniqueViolationError,)
    _POSTGRES_UNUSABLE = (asyncpg.DataError,)

_SQLITE_OUTAGES = ("unable to open", "locked", "disk i/o", "readonly", "full", "not a database")


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


class _Store:
    """What `store` gives; a generator would cost every request a little more."""

    async def __aenter__(self) -> None:
        pass

    async def __aexit__(self, _: object, error: BaseException | None, __: object) -> None:
        if error is not None and is_outage(error):
            raise StoreUnavailable from None


_STORE = _Store()


def store() -> AbstractAsyncContextManager[None]:
    """
    Turns a database that is down, full or locked into a 503.

    Raises:
        StoreUnavailable: It was.
    """
    return _STORE


def is_outage(error: BaseException) -> bool:
    """Whether the database could not be reached, as opposed to refusing the statement."""
    if isinstance(error, sqlite3.OperationalError):
        return any(phrase in str(error).casefold() for phrase in _SQLITE_OUTAGES)
    if isinstance(error, _POSTGRES_REFUSALS):
        return False
    return isinstance(error, (OSError, TimeoutError, asyncio.TimeoutError, *_POSTGRES_OUTAGES))


def is_unique_violation(error: BaseException) -> bool:
    """Whether a unique index refused a row."""
    if isinstance(error, sqlite3.IntegrityError):
        return "UNIQUE" in str(error)
    return isinstance(error, _POSTGRES_UNIQUE)


def refused_columns(error: BaseException) -> frozenset[str]:
    """The names of columns that a unique violation tells of, among other words; never values."""
    key = str(getattr(error, "detail", None) or error).partition(")=(")[0]
    return frozenset(re.findall(r"\w+", key))


def is_unusable_value(error: BaseException) -> bool:
    """Whether a value does not fit its column, as the driver or the database says."""
    return isinstance(error, (OverflowError, *_POSTGRES_UNUSABLE))


class _Statement(QueryString):
    """A statement whose SQL is known; the template is what a log of queries shows."""

    __slots__ = ("sql",)

    def __init__(self, sql: str, template: str, values: Sequence[Any]) -> None:
        super().__init__(template, *values)
        self.sql = sql

    def process_args(self, args: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """Plain values, none of which is a column or part of a statement."""
        return args, ()

    def compile_string(self, engine_type: str = "postgres") -> tuple[str, list[Any]]:  # noqa: ARG002
        """Nothing is left to do."""
        return self.sql, list(self.args)


class CompiledQuery:
    """
    A query whose SQL is built once, since building it costs more than running it.

    Args:
        table: Runs it.
        build: Builds the query with `sentinels` where values go, in the order of the SQL.
        sentinels: One value of the right type for each.
    """

    def __init__(
        self, table: type[Table], build: Callable[..., Query[Any, Any]], *sentinels: Any
    ) -> None:
        self._table = table
        self._build = build
        self._sentinels = sentinels
        self._compiled: dict[str, tuple[str, str]] = {}

    async def run(self, *values: Any) -> list[dict[str, Any]]:
        """The rows, with these values in place of the sentinels."""
        engine = engine_of(self._table)
        sql, template = self._compiled.get(engine.engine_type) or self._compile(engine.engine_type)
        rows = await engine.run_querystring(_Statement(sql, template, values), in_pool=True)
        return engine.transform_response_to_dicts(rows)

    def _compile(self, kind: str) -> tuple[str, str]:
        query = self._build(*self._sentinels)
        sql, arguments = query.querystrings[0].compile_string(kind)
        if list(arguments) != list(self._sentinels):
            raise ValueError("The sentinels do not come in the order of the SQL.")
        self._compiled[kind] = sql, re.sub(r"\$[0-9]+|\?", "{}", sql)
        return self._compiled[kind]


def column_names(table: type[Table]) -> Sequence[str]:
    """The names of all columns of a table."""
    return [column._meta.name for column in table._meta.columns]


async def keep_newest(table: type[Table], user: Any, cap: int, column: str) -> None:
    """
    Delete the rows of a user beyond the newest ones.

    Args:
        table: With `id` and `user`.
        user: The primary key of the user.
        cap: How many stay.
        column: Which column says how new a row is.
    """
    name = table._meta.get_formatted_tablename()
    await table.raw(
        f'DELETE FROM {name} WHERE "user" = {{}} AND "id" NOT IN ('  # noqa: S608 - our own names
        f'SELECT "id" FROM {name} WHERE "user" = {{}} '
        f'ORDER BY "{column}" DESC, "id" DESC LIMIT {{}})',
        user,
        user,
        cap,
    )


SQLITE_BATCH = 50
"""Rows; what a batch changes is written while nobody reads, unless the file is in WAL mode."""

SQLITE_REST = 0.015
"""
Seconds at least between batches. Who finds the file locked asks again after 1, 3, 8, 18 and 33
milliseconds: the rest is as long as the longest of these steps, so that nobody misses it.
"""


async def delete_in_batches(table: type[Table], condition: Any, batch: int) -> int:
    """
    Delete the rows that meet a condition, a batch at a time.

    On SQLite batches are small, and after each comes a rest as long as it took: whoever
    waits for the lock of the file asks for it now and then, and would not get it for seconds.
    """
    key = table._meta.primary_key
    is_sqlite = isinstance(engine_of(table), SQLiteEngine)
    size = min(batch, SQLITE_BATCH) if is_sqlite else batch
    clock = asyncio.get_running_loop().time
    total = 0
    while True:
        begin = clock()
        rows = await table.select(key).where(condition).limit(size)
        if not rows:
            return total
        ids = [row[key._meta.name] for row in rows]
        await table.delete().where(key.is_in(ids))
        total += len(ids)
        if is_sqlite:
            await asyncio.sleep(max(SQLITE_REST, clock() - begin))
