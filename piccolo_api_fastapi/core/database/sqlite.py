"""SQLite with connections that are kept, where Piccolo opens one for each query."""

import asyncio
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from piccolo.engine.sqlite import SQLiteEngine
from piccolo.querystring import QueryString

from piccolo_api_fastapi.errors import ConfigurationError

if TYPE_CHECKING:
    from aiosqlite import Connection


class PersistentSQLiteEngine(SQLiteEngine):
    """
    An engine for `piccolo_conf.py` that keeps connections to its file open.

    Piccolo opens a connection, and a thread, for each query, which costs more than the
    query. Between `start_connection_pool` and `close_connection_pool`, as one calls them for
    PostgreSQL, this engine keeps some. Transactions have a connection of their own, as
    ever. The file is put into WAL mode, in which readers and a writer do not wait for each
    other; SQLite then keeps two files beside it.

    Args:
        path: The file.
        connections: How many statements run at once; the others wait for their turn.
        options: As for `SQLiteEngine`; `timeout` is 30 seconds unless it is given.

    Raises:
        ConfigurationError: There is no connection, or the database lives in memory: each
            connection would have one of its own.
    """

    __slots__ = ("_connections", "_pool")

    def __init__(self, path: str, *, connections: int = 2, **options: Any) -> None:
        if connections < 1 or path == ":memory:" or path.startswith("file:"):
            raise ConfigurationError(
                "A PersistentSQLiteEngine keeps one or more connections to a file."
            )
        super().__init__(path, **{"timeout": 30, **options})
        self._connections = connections
        self._pool: _Pool | None = None

    async def start_connection_pool(self) -> None:
        """Keep connections from now on; they belong to the running event loop."""
        if self._pool is None:
            connection = await self.get_connection()
            await connection.execute_fetchall("PRAGMA journal_mode = WAL")
            self._pool = _Pool(self, connection, self._connections)

    async def close_connection_pool(self) -> None:
        """Close them when what runs has ended; queries go Piccolo's way again."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def run_querystring(
        self,
        querystring: QueryString,
        in_pool: bool = False,  # noqa: FBT001, FBT002 - as Piccolo has it
    ) -> list[dict[str, Any]]:
        """
        Run a statement on a connection that is kept, unless it belongs to a transaction.

        `run_sync` and other event loops have connections of their own.
        """
        pool = self._pool
        if not in_pool or pool is None or not pool.is_here() or self.transaction_exists():
            rows: list[dict[str, Any]] = await super().run_querystring(querystring, in_pool)
            return rows
        if self.log_queries:
            self.print_query(query_id=self.get_query_id(), query=str(querystring))
        rows = await pool.run(*querystring.compile_string(self.engine_type))
        if self.log_responses:
            self.print_response(query_id=self.query_id, response=rows)
        return rows


class _Pool:
    """Connections, the one used last on top: its pages are in the cache."""

    def __init__(self, engine: SQLiteEngine, first: "Connection", size: int) -> None:
        self._engine = engine
        self._size = size
        self._idle = [first]
        self._turns = asyncio.Semaphore(size)
        self._owner = os.getpid(), asyncio.get_running_loop()

    def is_here(self) -> bool:
        """Whether this is the process and the loop that started it."""
        return self._owner == (os.getpid(), asyncio.get_running_loop())

    async def run(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        """The rows; in one hop to the thread, so that a cancelled task leaves no cursor open."""
        async with self._turns:
            connection = self._idle.pop() if self._idle else await self._engine.get_connection()
            is_sound = True
            try:
                return list(await connection.execute_fetchall(sql, values))  # type: ignore[arg-type]
            except sqlite3.OperationalError:
                is_sound = False  # the file may be another one by now
                raise
            finally:
                # A statement that began a transaction would take the next one into it.
                if is_sound and not connection.in_transaction:
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def close(self) -> None:
        """Wait for every turn, and close."""
        for _ in range(self._size):
            await self._turns.acquire()
        while self._idle:
            await self._idle.pop().close()
