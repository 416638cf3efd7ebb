"""A SQLite engine that keeps its connections, while Piccolo opens one for each query."""

import os
import sqlite3
from types import TracebackType
from typing import TYPE_CHECKING, Any

from piccolo.engine.sqlite import SQLiteEngine, SQLiteTransaction, TransactionType
from piccolo.querystring import QueryString

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

from .sqlite_pools import Pool, Pools

if TYPE_CHECKING:
    from aiosqlite import Connection


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
        self._pools: Pools | None = None

    async def start_connection_pool(self) -> None:
        """Start to keep connections. They belong to the running event loop."""
        if self._pools is not None:
            return
        self._pools = Pools(self, self._connections)
        try:
            await self._pools.use_wal()
        except BaseException:
            await self.close_connection_pool()
            raise

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

    def _writers(self) -> Pool | None:
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
