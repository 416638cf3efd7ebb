"""A SQLite engine that keeps its connections, while Piccolo opens one for each query."""

import asyncio
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from types import TracebackType
from typing import TYPE_CHECKING, Any

from piccolo.engine.sqlite import SQLiteEngine, SQLiteTransaction, TransactionType
from piccolo.querystring import QueryString

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

if TYPE_CHECKING:
    from aiosqlite import Connection


_READS = re.compile(
    r"\s*(SELECT|VALUES|EXPLAIN|WITH(?!.*\b(INSERT|UPDATE|DELETE|REPLACE)\b))\b",
    re.IGNORECASE | re.DOTALL,
)

HURRY = 0.05
"""Seconds for which a statement waits that the request can do without."""

_is_hurried: ContextVar[bool] = ContextVar("is_hurried", default=False)


@contextmanager
def hurried() -> Iterator[None]:
    """Let statements give up if another writer has the file, instead of waiting for it."""
    token = _is_hurried.set(True)
    try:
        yield
    finally:
        _is_hurried.reset(token)


@configured
class PersistentSQLiteEngine(SQLiteEngine):
    """
    An engine for `piccolo_conf.py` that keeps its connections open.

    ```python
    from piccolo_api_fastapi import PersistentSQLiteEngine

    DB = PersistentSQLiteEngine("app.sqlite")
    ```

    For each query, Piccolo opens a connection and a thread, which costs more than the query. This
    engine keeps connections from `start_connection_pool` to `close_connection_pool`, as for
    PostgreSQL. The file is put into WAL mode, in which readers and a writer do not block each
    other. SQLite then keeps two more files next to it.

    Statements that write, and transactions of the type `immediate` or `exclusive`, take turns on
    one connection, so that those that read never wait for them. SQLite itself has no queue: a
    writer would look again and again, up to a tenth of a second apart, whether the file is free.
    A deferred transaction, Piccolo's default, has a connection of its own.

    Args:
        path: The path of the file.
        connections: The number of statements that read at once. Others wait. One more writes.
        options: Further options of `SQLiteEngine`. `timeout`, the seconds for which a statement
            or transaction waits for its turn and then for the lock of the file, is 30 by default.

    Raises:
        ConfigurationError: `connections` is less than 1, or the database is in memory, where
            each connection would have its own.
    """

    __slots__ = ("_connections", "_pools")

    def __init__(
        self, path: str | os.PathLike[str], *, connections: int = 2, **options: Any
    ) -> None:
        path = os.fspath(path)
        if connections < 1 or path == ":memory:" or path.startswith("file:"):
            raise ConfigurationError(
                "PersistentSQLiteEngine needs a file and at least one connection."
            )
        super().__init__(path, **{"timeout": 30, **options})
        self._connections = connections
        self._pools: _Pools | None = None

    async def start_connection_pool(self) -> None:
        """Start to keep connections. They belong to the running event loop."""
        if self._pools is None:
            connection = await self.get_connection()
            await connection.execute_fetchall("PRAGMA journal_mode = WAL")
            self._pools = _Pools(self, connection, self._connections)

    async def close_connection_pool(self) -> None:
        """Close the connections once running statements end. Later queries open their own."""
        pools, self._pools = self._pools, None
        if pools is not None:
            await pools.close()

    def transaction(
        self,
        transaction_type: TransactionType = TransactionType.deferred,
        allow_nested: bool = True,  # noqa: FBT001, FBT002 - as Piccolo has it
    ) -> SQLiteTransaction:
        """Return a transaction. One that writes from the start uses the connection of writers."""
        return _Transaction(self, transaction_type, allow_nested)

    def _writers(self) -> "_Pool | None":
        """Return the pool of writers, if it was started in this process and event loop."""
        pools = self._pools
        return pools.writer if pools is not None and pools.are_here() else None

    async def run_querystring(
        self,
        querystring: QueryString,
        in_pool: bool = False,  # noqa: FBT001, FBT002 - as Piccolo has it
    ) -> list[dict[str, Any]]:
        """
        Run a statement on a kept connection, unless it belongs to a transaction.

        `run_sync` and other event loops open their own connections.
        """
        pools = self._pools
        if not in_pool or pools is None or not pools.are_here() or self.transaction_exists():
            rows: list[dict[str, Any]] = await super().run_querystring(querystring, in_pool)
            return rows
        if self.log_queries:
            self.print_query(query_id=self.get_query_id(), query=str(querystring))
        rows = await pools.run(*querystring.compile_string(self.engine_type))
        if self.log_responses:
            self.print_response(query_id=self.query_id, response=rows)
        return rows


class _Pools:
    """The connections of an engine: some that read, and two that write."""

    def __init__(self, engine: SQLiteEngine, first: "Connection", size: int) -> None:
        patience = engine.connection_kwargs["timeout"]
        self._readers = _Pool(engine, size, patience)
        self._readers.idle.append(first)
        self.writer = _Pool(engine, 1, patience)
        self._hurried_writer = _Pool(engine, 1, min(HURRY, patience))
        self._owner = os.getpid(), asyncio.get_running_loop()

    def are_here(self) -> bool:
        """Return whether the pools were started in this process and event loop."""
        return self._owner == (os.getpid(), asyncio.get_running_loop())

    async def run(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        """Run a statement on a connection of the right kind."""
        if _READS.match(sql):
            return await self._readers.run(sql, values)
        return await (self._hurried_writer if _is_hurried.get() else self.writer).run(sql, values)

    async def close(self) -> None:
        """Wait until all statements end, and close the connections."""
        for pool in (self._readers, self.writer, self._hurried_writer):
            await pool.close()


class _Pool:
    """
    A stack of connections. The last used one is on top, as its pages are cached.

    Args:
        engine: The engine, which opens connections.
        size: The number of connections.
        patience: The seconds to wait for a connection, and as long again for the lock of the file.
    """

    def __init__(self, engine: SQLiteEngine, size: int, patience: float) -> None:
        self._engine = engine
        self._size = size
        self._patience = patience
        self._turns = asyncio.Semaphore(size)
        self.idle: list[Connection] = []

    async def run(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        """
        Return the rows, in one call of the thread: a cancelled task leaves no cursor open.

        Raises:
            OperationalError: No connection was free in time, or the statement failed.
        """
        connection = await self.take()
        is_sound = True
        try:
            return list(await connection.execute_fetchall(sql, values))  # type: ignore[arg-type]
        except sqlite3.OperationalError:
            is_sound = False  # the file may have been replaced
            raise
        finally:
            await self.give_back(connection, is_sound=is_sound)

    async def take(self) -> "Connection":
        """
        Take a connection, to be given back.

        Raises:
            OperationalError: None was free in time, or it could not be opened.
        """
        turn = self._turns.acquire()
        try:
            await (asyncio.wait_for(turn, self._patience) if self._turns.locked() else turn)
        except (TimeoutError, asyncio.TimeoutError):
            raise sqlite3.OperationalError("The database is locked.") from None
        if self.idle:
            return self.idle.pop()
        opening = asyncio.ensure_future(self._open())
        try:
            return await asyncio.shield(opening)
        except BaseException:
            opening.add_done_callback(self._keep)  # a connection half open would never be closed
            raise

    def _keep(self, opening: "asyncio.Future[Connection]") -> None:
        """Keep the connection of a task that gave up while it was opened."""
        if not opening.cancelled() and opening.exception() is None:
            self.idle.append(opening.result())
        self._turns.release()

    async def give_back(self, connection: "Connection", *, is_sound: bool) -> None:
        """Keep a connection, or close it if it is not sound or has an open transaction."""
        try:
            # If the statement began a transaction, the next one would run in it.
            if is_sound and not connection.in_transaction:
                self.idle.append(connection)
            else:
                await connection.close()
        finally:
            self._turns.release()

    async def _open(self) -> "Connection":
        connection = await self._engine.get_connection()
        milliseconds = int(self._patience * 1000)
        await connection.execute_fetchall(f"PRAGMA busy_timeout = {milliseconds}")
        return connection

    async def close(self) -> None:
        """Wait until all statements end, and close the connections."""
        for _ in range(self._size):
            await self._turns.acquire()
        while self.idle:
            await self.idle.pop().close()


class _Transaction(SQLiteTransaction):
    """
    A transaction that takes its turn among the writers, if it writes from the start.

    However it ends, it keeps no connection, and the task is outside of it: Piccolo's own stays
    open if its beginning or its end fails.
    """

    __slots__ = ("_writers",)

    engine: PersistentSQLiteEngine

    async def __aenter__(self) -> SQLiteTransaction:
        try:
            return await super().__aenter__()
        except BaseException:
            await self._release(is_sound=False)
            raise

    async def get_connection(self) -> "Connection":
        is_deferred = self.transaction_type is TransactionType.deferred
        self._writers = None if is_deferred else self.engine._writers()  # noqa: SLF001 - of the same module
        if self._writers is None:
            return await self.engine.get_connection()
        return await self._writers.take()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool:
        if self._parent is not None:
            return error is None
        is_sound = False
        try:
            if error is not None and not self._rolled_back:
                await self.rollback()  # type: ignore[no-untyped-call]
            elif error is None and not (self._committed or self._rolled_back):
                await self.commit()  # type: ignore[no-untyped-call]
            is_sound = not isinstance(error, sqlite3.OperationalError)
        finally:
            self.engine.current_transaction.reset(self.context)
            await self._release(is_sound=is_sound)
        return error is None

    async def _release(self, *, is_sound: bool) -> None:
        connection = getattr(self, "connection", None)
        if connection is None:
            return
        del self.connection
        if self._writers is None:
            await connection.close()
        else:
            await self._writers.give_back(connection, is_sound=is_sound)
