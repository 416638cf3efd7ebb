"""A SQLite engine that keeps its connections, while Piccolo opens one for each query."""

import asyncio
import os
import sqlite3
from typing import TYPE_CHECKING, Any

from piccolo.engine.sqlite import SQLiteEngine
from piccolo.querystring import QueryString

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError

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
    PostgreSQL. Each transaction still has a connection of its own. The file is put into WAL mode,
    in which readers and a writer do not block each other. SQLite then keeps two more files next
    to it.

    Args:
        path: The path of the file.
        connections: The number of statements that run at once. Others wait.
        options: Further options of `SQLiteEngine`. `timeout` is 30 seconds by default.

    Raises:
        ConfigurationError: `connections` is less than 1, or the database is in memory, where
            each connection would have its own.
    """

    __slots__ = ("_connections", "_pool")

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
        self._pool: _Pool | None = None

    async def start_connection_pool(self) -> None:
        """Start to keep connections. They belong to the running event loop."""
        if self._pool is None:
            connection = await self.get_connection()
            await connection.execute_fetchall("PRAGMA journal_mode = WAL")
            self._pool = _Pool(self, connection, self._connections)

    async def close_connection_pool(self) -> None:
        """Close the connections once running statements end. Later queries open their own."""
        pool, self._pool = self._pool, None
        if pool is not None:
            await pool.close()

    async def run_querystring(
        self,
        querystring: QueryString,
        in_pool: bool = False,  # noqa: FBT001, FBT002 - as Piccolo has it
    ) -> list[dict[str, Any]]:
        """
        Run a statement on a kept connection, unless it belongs to a transaction.

        `run_sync` and other event loops open their own connections.
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
    """A stack of connections. The last used one is on top, as its pages are cached."""

    def __init__(self, engine: SQLiteEngine, first: "Connection", size: int) -> None:
        self._engine = engine
        self._size = size
        self._idle = [first]
        self._turns = asyncio.Semaphore(size)
        self._owner = os.getpid(), asyncio.get_running_loop()

    def is_here(self) -> bool:
        """Return whether the pool was started in this process and event loop."""
        return self._owner == (os.getpid(), asyncio.get_running_loop())

    async def run(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        """Return the rows, in one call of the thread: a cancelled task leaves no cursor open."""
        async with self._turns:
            connection = self._idle.pop() if self._idle else await self._engine.get_connection()
            is_sound = True
            try:
                return list(await connection.execute_fetchall(sql, values))  # type: ignore[arg-type]
            except sqlite3.OperationalError:
                is_sound = False  # the file may have been replaced
                raise
            finally:
                # If the statement began a transaction, the next one would run in it.
                if is_sound and not connection.in_transaction:
                    self._idle.append(connection)
                else:
                    await connection.close()

    async def close(self) -> None:
        """Wait until all statements end, and close the connections."""
        for _ in range(self._size):
            await self._turns.acquire()
        while self._idle:
            await self._idle.pop().close()
