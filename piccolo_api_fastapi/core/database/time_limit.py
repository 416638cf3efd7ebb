"""The time limit of each statement on PostgreSQL: a server that hangs would hold every request."""

import asyncio
import math
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, ClassVar

from piccolo.engine.postgres import PostgresEngine, PostgresTransaction
from piccolo.querystring import QueryString
from piccolo.table import Table, TableMeta

from .postgres import PooledPostgresEngine, is_plain, leaving_nothing

STATEMENT_SECONDS = 5.0
"""The limit of a statement, unless the `config` of the engine has a `command_timeout`."""


LOOK_EVERY = 0.2
"""Seconds. A statement is ended when it is found to be late for the second time."""

_has_limit: ContextVar[bool] = ContextVar("has_limit", default=True)


@contextmanager
def no_time_limit() -> Iterator[None]:
    """Run the statements inside the block without a time limit, for maintenance of large tables."""
    token = _has_limit.set(False)
    try:
        yield
    finally:
        _has_limit.reset(token)


def limit_statements(table: type[Table]) -> None:
    """
    Limit the time of each statement on a table, if it is on PostgreSQL.

    Args:
        table: A table of the library, or a user table.
    """
    meta = table._meta
    meta.__class__ = _Meta
    meta._db = meta._db  # noqa: SLF001 - Piccolo sets it when it is first needed


class _Meta(TableMeta):
    """What Piccolo knows of a table. Its engine has a time limit, whenever it is set."""

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "_db" and isinstance(value, PostgresEngine):
            value = LimitedEngine(value)
        super().__setattr__(name, value)


class LimitedEngine:
    """
    An engine for PostgreSQL whose statements and transactions have a time limit.

    A connection that exceeds it is closed, since asyncpg would wait for the server to confirm
    that a statement is cancelled. All else is that of the given engine: its pool, and its
    transactions. What the application runs on that engine itself has no limit.

    Args:
        engine: The engine of the application.
    """

    def __init__(self, engine: PostgresEngine) -> None:
        seconds = engine.config.get("command_timeout", STATEMENT_SECONDS)
        self._engine = self.unlimited = engine
        self._is_pooled = isinstance(engine, PooledPostgresEngine)
        self.seconds = math.inf if seconds is None else seconds
        self.engine_type = engine.engine_type
        self.transform_response_to_dicts = engine.transform_response_to_dicts

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    async def run_querystring(
        self,
        querystring: QueryString,
        in_pool: bool = True,  # noqa: FBT001, FBT002 - as Piccolo has it
    ) -> Any:
        """
        Run a statement, on the connection of the open transaction or on another.

        Raises:
            TimeoutError: There was no connection in time.
            ConnectionDoesNotExistError: The server did not answer in time.
        """
        engine = self._engine
        block = engine.current_transaction.get()
        limit = _Limit(self.seconds, None if block is None else block.connection)
        try:
            if block is not None:
                return await engine.run_querystring(querystring, in_pool)
            leaves_nothing = self._is_pooled and (
                getattr(querystring, "leaves_nothing", False)
                or is_plain(querystring.compile_string(self.engine_type)[0])
            )
            pool = engine.pool if in_pool else None
            limit.connection = await (
                engine.get_new_connection() if pool is None else pool.acquire()
            )
            # Piccolo runs a statement on the connection of the current transaction.
            token = engine.current_transaction.set(limit)  # type: ignore[arg-type]
            try:
                return await engine.run_querystring(querystring)
            except asyncio.CancelledError:
                limit.connection.terminate()  # or releasing it would wait for the server
                raise
            finally:
                engine.current_transaction.reset(token)
                connection = limit.connection
                if pool is None:
                    await connection.close()
                elif leaves_nothing:
                    with leaving_nothing():
                        await pool.release(connection)
                else:
                    await pool.release(connection)
        except asyncio.CancelledError:
            limit.check()
            raise
        finally:
            limit.watch.discard(limit)

    def transaction(self, **options: Any) -> PostgresTransaction:
        """Return a transaction whose beginning and end have the time limit."""
        return _LimitedTransaction(self._engine, self.seconds, **options)


class _LimitedTransaction(PostgresTransaction):
    """A transaction whose beginning and end have a time limit."""

    __slots__ = ("_limit", "seconds")

    def __init__(self, engine: PostgresEngine, seconds: float, **options: Any) -> None:
        super().__init__(engine, **options)
        self.seconds = seconds

    async def __aenter__(self) -> PostgresTransaction:
        self._limit = limit = _Limit(self.seconds)
        try:
            return await super().__aenter__()
        except asyncio.CancelledError:
            if limit.connection is not None:
                limit.connection.terminate()  # see `LimitedEngine.run_querystring`
            limit.check()
            raise
        finally:
            limit.watch.discard(limit)

    async def get_connection(self) -> Any:
        self._limit.connection = connection = await super().get_connection()  # type: ignore[no-untyped-call]
        return connection

    async def __aexit__(self, *error: object) -> bool:
        limit = _Limit(self.seconds, self.connection)
        try:
            return await super().__aexit__(*error)
        except asyncio.CancelledError:
            self.connection.terminate()
            raise
        except Exception:
            if not isinstance(error[1], asyncio.CancelledError):
                raise
            return False  # a task that is cancelled stays so, even if it can't be rolled back
        finally:
            limit.watch.discard(limit)


class _Watch(set["_Limit"]):
    """
    The limits in progress on an event loop. A timer for each statement would cost more.

    Args:
        loop: The event loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__()
        self.loop = loop
        self.is_looking = False

    def look(self) -> None:
        """Look for limits that are exceeded, and again in a moment while there are any at all."""
        self.is_looking = bool(self)
        if self.is_looking:
            # First: a connection that was just released can't be closed, which is an error.
            self.loop.call_later(LOOK_EVERY, self.look)
        now = self.loop.time()
        for limit in tuple(self):
            if limit.until < now:
                limit.exceed()


class _Limit:
    """
    The time limit of a statement.

    Args:
        seconds: The limit.
        connection: The connection, unless the task still waits for one.
    """

    __slots__ = ("_is_cancelled", "_is_late", "_task", "connection", "until", "watch")

    latest: "ClassVar[_Watch | None]" = None
    """That of the event loop that was last seen."""

    def __init__(self, seconds: float, connection: Any = None) -> None:
        loop = asyncio.get_running_loop()
        if (watch := _Limit.latest) is None or watch.loop is not loop:
            watch = _Limit.latest = _Watch(loop)
        self.watch = watch
        self.connection = connection
        self.until = loop.time() + seconds if _has_limit.get() else math.inf
        self._task: Any = asyncio.current_task()
        self._is_late = self._is_cancelled = False
        watch.add(self)
        if not watch.is_looking:
            watch.is_looking = True
            loop.call_later(LOOK_EVERY, watch.look)

    def exceed(self) -> None:
        """
        Close the connection, or cancel the wait for one, at the second call.

        The first only warns, in case the event loop hung and not the server: the response may
        have arrived.
        """
        if not self._is_late:
            self._is_late = True
            return
        self.until = math.inf
        if self.connection is None:
            self._is_cancelled = True
            self._task.cancel()
        else:
            self.connection.terminate()

    def check(self) -> None:
        """
        Raise an error if the limit cancelled the task, and nothing else did.

        Raises:
            TimeoutError: There was no connection in time.
        """
        if self._is_cancelled and not (sys.version_info >= (3, 11) and self._task.uncancel()):
            raise TimeoutError
