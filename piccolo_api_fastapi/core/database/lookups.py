"""`Lookup`: finds the row of a credential; look-ups that wait together share one statement."""

import asyncio
import contextvars
import re
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from piccolo.columns import Column
from piccolo.engine.base import Engine
from piccolo.table import Table

from piccolo_api_fastapi.errors import StoreUnavailable

from .outages import is_outage
from .statements import CompiledQuery
from .transactions import engine_of

STATEMENTS = 2
"""The number of shared statements that an engine runs at the same time."""

ROWS = 256
"""The maximum number of rows that one statement looks for."""

_KEY = "lookup.key"
_EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)

Row: TypeAlias = dict[str, Any]


class Lookup:
    """
    Finds rows by a unique key, at a time.

    On PostgreSQL, look-ups that arrive while statements are in progress wait and share the next
    one, `WHERE key = ANY($1)`. The first of an idle moment runs its own at once. A look-up never
    joins a statement that was sent before, so it never misses what was committed before it. In a
    transaction it runs its own statement, on the connection of the transaction.

    Args:
        table: The table.
        key: The unique column.
        build: Builds the query from the condition on the key and the present time, used in
            this order in the SQL.
        sentinel: A placeholder for the value of the key, of the right type.
        is_batched: Whether look-ups may share a statement.
    """

    def __init__(
        self,
        table: type[Table],
        key: Column,
        build: Callable[[Any, datetime], Any],
        sentinel: Any,
        *,
        is_batched: bool = True,
    ) -> None:
        self._table = table
        self._is_batched = is_batched
        self._one = CompiledQuery(
            table, lambda value, now: build(key == value, now), sentinel, _EPOCH
        )
        self._many = _AnyOf(
            table,
            lambda value, now: build(key.is_in([value]), now).columns(key.as_alias(_KEY)),
            sentinel,
            _EPOCH,
        )

    async def find(self, key: Any, now: datetime) -> Row | None:
        """
        Return the row with this key, or `None`.

        Args:
            key: The value of the key.
            now: The present time.
        """
        engine = engine_of(self._table)
        if (
            not self._is_batched
            or engine.current_transaction.get() is not None
            or engine.engine_type != "postgres"
        ):
            return await self._alone(key, now)
        queue = _queue_of(engine)
        if queue.in_progress < STATEMENTS and not queue.groups:
            queue.in_progress += 1
            try:
                return await self._alone(key, now)
            finally:
                queue.end_statement()
        try:
            return await queue.join(self, key, now)
        except _NotShared:
            return await self._alone(key, now)

    async def _alone(self, key: Any, now: datetime) -> Row | None:
        rows = await self._one.run(key, now)
        return rows[0] if rows else None

    async def find_all(self, keys: list[Any], now: datetime) -> dict[Any, Row]:
        """Return the rows with these keys, by key, from one statement."""
        return {row.pop(_KEY): row for row in await self._many.run(keys, now)}


class _AnyOf(CompiledQuery):
    """A query whose first value is a list of keys."""

    def _adapt(self, sql: str) -> str:
        """Replace `IN`, which would be another statement for each number of keys."""
        return re.sub(r" IN \(\$1\)", " = ANY($1)", sql, count=1)


class _NotShared(Exception):
    """The shared statement failed, perhaps because of one of the keys: each asks alone."""


class _Group:
    """Look-ups that wait for the next statement of a `Lookup`."""

    __slots__ = ("now", "since", "waiting")

    def __init__(self, now: datetime, since: float) -> None:
        self.now = now
        self.since = since
        self.waiting: dict[Any, list[asyncio.Future[Row | None]]] = {}


class _Queue:
    """The look-ups of an engine on one event loop."""

    def __init__(self) -> None:
        self.in_progress = 0
        self.groups: dict[Lookup, _Group] = {}
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, lookup: Lookup, key: Any, now: datetime) -> "asyncio.Future[Row | None]":
        """Wait for the next statement. The latest time of a group is that of all."""
        group = self.groups.get(lookup)
        if group is None:
            group = self.groups[lookup] = _Group(now, self._loop.time())
        elif now > group.now:
            group.now = now
        future: asyncio.Future[Row | None] = self._loop.create_future()
        group.waiting.setdefault(key, []).append(future)
        if len(group.waiting) >= ROWS:
            self._send(lookup)
        return future

    def end_statement(self) -> None:
        """Let the next group take the place of a statement that has ended."""
        self.in_progress -= 1
        if self.groups and self.in_progress < STATEMENTS:
            self._send(next(iter(self.groups)))

    def _send(self, lookup: Lookup) -> None:
        group = self.groups.pop(lookup)
        self.in_progress += 1
        # In an empty context: the statement belongs to none of the requests that wait for it.
        task = contextvars.Context().run(self._loop.create_task, self._run(lookup, group))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, lookup: Lookup, group: _Group) -> None:
        try:
            rows = await lookup.find_all(list(group.waiting), group.now)
        except BaseException as error:  # noqa: BLE001 - told to all that wait
            _fail(group, error)
        else:
            for key, futures in group.waiting.items():
                row = rows.get(key)
                for future in futures:
                    if not future.done():  # its request was cancelled
                        future.set_result(None if row is None else dict(row))
        finally:
            self.end_statement()


def _fail(group: _Group, error: BaseException) -> None:
    """Tell an outage to all that wait. After another error, each look-up asks alone."""
    for futures in group.waiting.values():
        for future in futures:
            if not future.done():
                is_shared = isinstance(error, Exception) and is_outage(error)
                future.set_exception(StoreUnavailable() if is_shared else _NotShared())


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Any, _Queue]] = WeakKeyDictionary()
"""The queue of each engine, by event loop."""


def _queue_of(engine: Engine[Any]) -> _Queue:
    loop = asyncio.get_running_loop()
    of_loop = _queues.get(loop)
    if of_loop is None:
        of_loop = _queues[loop] = {}
    queue = of_loop.get(engine)
    if queue is None:
        queue = of_loop[engine] = _Queue()
    return queue
