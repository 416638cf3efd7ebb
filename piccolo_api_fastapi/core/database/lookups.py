"""`Lookup`: finds the row of a credential; look-ups that wait together share one statement."""

import asyncio
import contextvars
import math
import re
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

from piccolo.columns import Column
from piccolo.table import Table

from piccolo_api_fastapi.errors import StoreUnavailable

from .outages import is_logged_outage
from .statements import CompiledQuery
from .transactions import engine_of

STATEMENTS = 2
"""The number of shared statements that an engine runs at the same time."""

ROWS = 256
"""The maximum number of rows that one statement looks for."""

CANDIDATES = 4
"""The maximum number of keys of which a request presents several, to be one."""

SOON = 0.1
"""Seconds. Look-ups that have waited longer leave the statement less time."""

_KEY = "lookup.key"
_EPOCH = datetime(2000, 1, 1, tzinfo=timezone.utc)

Row: TypeAlias = dict[str, Any]


class Lookup:
    """
    Finds rows by a unique key, at a time.

    On PostgreSQL, the first look-up of an idle moment runs its own statement at once. Those that
    arrive meanwhile share the next one, `WHERE key = ANY($1)`. A look-up never joins a statement
    that was sent before, so it never misses what was committed before it. In a transaction it
    runs its own statement, on the connection of the transaction.

    Args:
        table: The table.
        key: The unique column.
        build: Builds the query from the condition on the key, the constants and the present
            time, used in this order in the SQL.
        sentinel: A placeholder for the value of the key, of the right type.
        constants: Further values, which are those of every look-up.
        column_at: Builds one more column from the present time, if there is one.
        is_batched: Whether look-ups may share a statement.
    """

    def __init__(
        self,
        table: type[Table],
        key: Column,
        build: Callable[..., Any],
        sentinel: Any,
        *constants: Any,
        column_at: Callable[[Any], Any] | None = None,
        is_batched: bool = True,
    ) -> None:
        self._table = table
        self._is_batched = is_batched
        self._place: _Place | None = None
        self._constants = constants
        sentinels = (sentinel, *constants, _EPOCH)

        def one(value: Any, *values: Any) -> Any:
            return build(key == value, *values)

        def many(value: Any, *values: Any) -> Any:
            return build(key.is_in([value]), *values).columns(key.as_alias(_KEY))

        def several(*values: Any) -> Any:
            candidates, rest = values[:CANDIDATES], values[CANDIDATES:]
            return build(key.is_in(list(candidates)), *rest)

        candidates = [sentinel] * (CANDIDATES - 1)
        if column_at is None:
            self._one = CompiledQuery(table, one, *sentinels)
            self._many = _AnyOf(table, many, *sentinels)
            self._several = CompiledQuery(table, several, *candidates, *sentinels)
        else:
            one, many, several = (_with(column_at, build) for build in (one, many, several))
            self._one = _AtTime(table, one, _EPOCH, *sentinels)
            self._many = _AnyOfAtTime(table, many, _EPOCH, *sentinels)
            self._several = _AtTime(table, several, _EPOCH, *candidates, *sentinels)

    async def find(self, key: Any, now: datetime) -> Row | None:
        """
        Return the row with this key, or `None`.

        Args:
            key: The value of the key.
            now: The present time.
        """
        place = self._place
        if (
            place is None
            or place.engine is not self._table._meta.db
            or place.loop is not asyncio.get_running_loop()
        ):
            place = self._place = self._find_place()
        queue = place.queue
        if queue is None or place.transaction.get() is not None:
            rows = await self._one.run(key, *self._constants, now)
        elif not queue.in_progress and not queue.groups:
            queue.in_progress += 1
            try:
                rows = await self._one.run(key, *self._constants, now)
            finally:
                queue.in_progress -= 1
                queue.send()
        else:
            try:
                return await queue.join(self, key, now)
            except _NotShared:
                rows = await self._one.run(key, *self._constants, now)
        return rows[0] if rows else None

    async def find_several(self, keys: Sequence[Any], now: datetime) -> list[Row]:
        """
        Return the rows with these keys, in any order, from one statement of its own.

        Args:
            keys: The values of the key, at least one and at most `CANDIDATES`.
            now: The present time.
        """
        padded = [*keys, *[keys[-1]] * (CANDIDATES - len(keys))]
        return await self._several.run(*padded, *self._constants, now)

    def _find_place(self) -> "_Place":
        engine: Any = engine_of(self._table)
        loop = asyncio.get_running_loop()
        if not self._is_batched or engine.engine_type != "postgres":
            return _Place(engine, loop, engine.current_transaction, None)
        queues = _queues.setdefault(loop, {})
        # Each table has a `LimitedEngine` of its own.
        queue = queues.setdefault(getattr(engine, "unlimited", engine), _Queue())
        return _Place(engine, loop, engine.current_transaction, queue)

    @property
    def seconds(self) -> float:
        """The time limit of a statement."""
        limit: float = getattr(engine_of(self._table), "seconds", math.inf)
        return limit

    async def find_all(self, keys: list[Any], now: datetime) -> dict[Any, Row]:
        """Return the rows with these keys, by key, from one statement."""
        rows = await self._many.run(keys, *self._constants, now)
        return {row.pop(_KEY): row for row in rows}


def _with(column_at: Callable[[Any], Any], build: Callable[..., Any]) -> Callable[..., Any]:
    """Add a column to a query, whose first value is then the time of that column."""

    def built(at: Any, *values: Any) -> Any:
        return build(*values).columns(column_at(at))

    return built


class _AtTime(CompiledQuery):
    """A query whose last value, the present time, is the first one as well."""

    async def run(self, *values: Any) -> list[Row]:
        """Run the query with these values, and return the rows."""
        return await super().run(values[-1], *values)


class _AnyOf(CompiledQuery):
    """A query whose first condition is on a list of keys."""

    def _adapt(self, sql: str) -> str:
        """Replace `IN`, which would be another statement for each number of keys."""
        return re.sub(r" IN \((\$[12])\)", r" = ANY(\1)", sql, count=1)


class _AnyOfAtTime(_AtTime, _AnyOf):
    """Both."""


class _NotShared(Exception):
    """The shared statement failed, perhaps because of one of the keys: each asks alone."""


@dataclass(slots=True)
class _Group:
    """
    Look-ups that wait for one statement.

    Args:
        lookup: The look-up of all of them.
        now: The latest time of them, which is that of all.
        since: The time of the event loop at which the first began to wait.
        waiting: The look-ups, by key.
    """

    lookup: Lookup
    now: datetime
    since: float
    waiting: "dict[Any, list[asyncio.Future[Row | None]]]" = field(default_factory=dict)

    def tell(self, rows: Mapping[Any, Row]) -> None:
        """Give each look-up a row of its own."""
        for key, futures in self.waiting.items():
            row = rows.get(key)
            for future in futures:
                if not future.done():  # its request was not cancelled
                    future.set_result(None if row is None else dict(row))

    def fail(self, error: BaseException) -> None:
        """Tell an outage to all. After any other error, each look-up asks alone."""
        is_shared = isinstance(error, Exception) and is_logged_outage(error)
        for futures in self.waiting.values():
            for future in futures:
                if not future.done():
                    future.set_exception(StoreUnavailable() if is_shared else _NotShared())


class _Queue:
    """The look-ups of an engine that wait on one event loop."""

    def __init__(self) -> None:
        self.in_progress = 0
        self.groups: deque[_Group] = deque()
        self._loop = asyncio.get_running_loop()
        self._tasks: set[asyncio.Task[None]] = set()

    def join(self, lookup: Lookup, key: Any, now: datetime) -> "asyncio.Future[Row | None]":
        """Wait with the last group of this look-up, or begin another one."""
        open_ones = (group for group in reversed(self.groups) if group.lookup is lookup)
        group = next(open_ones, None)
        if group is None or len(group.waiting) >= ROWS:
            group = _Group(lookup, now, self._loop.time())
            if not self.groups:
                self._loop.call_soon(self.send)  # after the others that arrive in this turn
            self.groups.append(group)
        group.now = max(group.now, now)
        future: asyncio.Future[Row | None] = self._loop.create_future()
        group.waiting.setdefault(key, []).append(future)
        return future

    def send(self) -> None:
        """Run the statement of the first group, unless as many as may be are in progress."""
        if not self.groups or self.in_progress >= STATEMENTS:
            return
        self.in_progress += 1
        statement = self._run(self.groups.popleft())
        # In an empty context: the statement belongs to none of the requests that wait for it.
        task = contextvars.Context().run(self._loop.create_task, statement)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _run(self, group: _Group) -> None:
        try:
            waited = self._loop.time() - group.since
            found = group.lookup.find_all(list(group.waiting), group.now)
            # All that wait have the time limit of one statement, which they have used in part.
            patience = group.lookup.seconds - waited if waited > SOON else None
            group.tell(await asyncio.wait_for(found, patience))
        except BaseException as error:  # noqa: BLE001 - told to all that wait
            group.fail(error)
        finally:
            self.in_progress -= 1
            self.send()


@dataclass(frozen=True, slots=True)
class _Place:
    """The engine and the event loop on which a `Lookup` was last used."""

    engine: Any
    loop: asyncio.AbstractEventLoop
    transaction: ContextVar[Any]
    queue: _Queue | None


_queues: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Any, _Queue]] = WeakKeyDictionary()
"""The queue of each engine, by event loop."""
