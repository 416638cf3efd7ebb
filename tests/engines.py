"""
The engines of the fixtures, which leave out what most tests would only wait for.

With `EVENT_LOOP=uvloop`, as in `make compat`, they are the usual ones.
"""

import asyncio
import os
import sqlite3
from collections.abc import Generator
from pathlib import Path
from typing import Any

import aiosqlite
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import dict_factory

from piccolo_api_fastapi import PersistentSQLiteEngine, PooledPostgresEngine

USUAL = os.environ.get("EVENT_LOOP") == "uvloop"


def sqlite_engine(path: Path) -> PersistentSQLiteEngine:
    """An engine on a SQLite file."""
    return PersistentSQLiteEngine(path) if USUAL else _SQLite(path)


def postgres_engine(config: dict[str, Any]) -> PostgresEngine:
    """An engine on a database of PostgreSQL."""
    return PostgresEngine(config) if USUAL else PooledPostgresEngine(config)


class _SQLite(PersistentSQLiteEngine):
    """An engine that uses threads only while several tasks are under way."""

    __slots__ = ()

    async def get_connection(self) -> aiosqlite.Connection:
        """Open a connection as Piccolo does."""
        options = {**self.connection_kwargs, "check_same_thread": False}
        connection = await _Connection(lambda: sqlite3.connect(**options), 64)
        connection.row_factory = dict_factory  # type: ignore[assignment]
        await connection.execute("PRAGMA foreign_keys = 1")
        return connection


class TaskCounter:
    """Makes the tasks of an event loop, and counts those that are not done."""

    def __init__(self) -> None:
        self.unfinished = 0

    def __call__(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, /, **options: Any
    ) -> asyncio.Task[Any]:
        """Make a task."""
        task = asyncio.Task(coroutine, loop=loop, **options)
        self.unfinished += 1
        task.add_done_callback(self._finish)
        return task

    def _finish(self, _: asyncio.Task[Any]) -> None:
        self.unfinished -= 1


def is_alone() -> bool:
    """Whether no other task could go on while this one waits."""
    counter = asyncio.get_running_loop().get_task_factory()
    return isinstance(counter, TaskCounter) and counter.unfinished == 1


class _Connection(aiosqlite.Connection):
    """
    A connection that runs its statements at once if the task is the only one, else in a thread.

    It takes longer to hand a statement to a thread, and its rows back, than to run it.
    """

    def __await__(self) -> Generator[Any, None, aiosqlite.Connection]:
        self._connection = self._connector()
        return self._opened().__await__()

    async def _opened(self) -> aiosqlite.Connection:
        return self

    async def _execute(self, fn: Any, *args: Any, **options: Any) -> Any:
        if is_alone() and self._running and self._connection is not None:
            return fn(*args, **options)
        if self._thread.ident is None:
            self._thread.start()
        return await super()._execute(fn, *args, **options)  # type: ignore[no-untyped-call]

    def stop(self) -> Any:
        """Close the connection, and end its thread if there is one."""
        if self._thread.ident is not None:
            return super().stop()
        self._running = False
        if self._connection is not None:
            self._connection.close()
        return None
