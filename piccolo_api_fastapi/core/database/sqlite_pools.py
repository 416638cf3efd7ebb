"""The connections that `PersistentSQLiteEngine` keeps, and who may use one next."""

import asyncio
import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from piccolo.engine.sqlite import SQLiteEngine

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


class Pools:
    """The connections of an engine: some that read, and two that write."""

    def __init__(self, engine: SQLiteEngine, size: int) -> None:
        patience = engine.connection_kwargs["timeout"]
        self._readers = Pool(engine, size, patience)
        self.writer = Pool(engine, 1, patience)
        self._hurried_writer = Pool(engine, 1, min(HURRY, patience))
        self._owner = os.getpid(), asyncio.get_running_loop()

    def are_here(self) -> bool:
        """Return whether the pools were started in this process and event loop."""
        return self._owner == (os.getpid(), asyncio.get_running_loop())

    async def use_wal(self) -> None:
        """Put the file into WAL mode."""
        await self._readers.run("PRAGMA journal_mode = WAL", [])

    async def run(self, sql: str, values: list[Any]) -> list[dict[str, Any]]:
        """Run a statement on a connection of the right kind."""
        if _READS.match(sql):
            return await self._readers.run(sql, values)
        return await (self._hurried_writer if _is_hurried.get() else self.writer).run(sql, values)

    async def close(self) -> None:
        """Wait until all statements end, and close the connections."""
        for pool in (self._readers, self.writer, self._hurried_writer):
            await pool.close()


class Pool:
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
        self._idle: list[Connection] = []

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
        if self._idle:
            return self._idle.pop()
        opening = asyncio.ensure_future(self._open())
        try:
            return await asyncio.shield(opening)
        except BaseException:
            opening.add_done_callback(self._keep)  # a connection half open would never be closed
            raise

    def _keep(self, opening: "asyncio.Future[Connection]") -> None:
        """Keep the connection of a task that gave up while it was opened."""
        if not opening.cancelled() and opening.exception() is None:
            self._idle.append(opening.result())
        self._turns.release()

    async def give_back(self, connection: "Connection", *, is_sound: bool) -> None:
        """Keep a connection, or close it if it is not sound or has an open transaction."""
        try:
            # If the statement began a transaction, the next one would run in it.
            if is_sound and not connection.in_transaction:
                self._idle.append(connection)
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
        while self._idle:
            await self._idle.pop().close()
