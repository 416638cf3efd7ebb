"""Lists, single rows and options: each is one `SELECT`, and one more for what is asked along."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from piccolo.columns import Column
from piccolo.table import Table

from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import engine_of
from piccolo_api_fastapi.errors import NotFound, Unprocessable

from .asked import AskedRow
from .hooks import Row
from .includes import Include
from .joins import Joins
from .models import Output
from .operators import contains
from .pages import (
    after,
    cursor_after,
    mark_of,
    offset_after,
    order_by,
    place_names,
    place_of,
    placed,
)
from .query import ListQuery, Order, refused
from .relations import Relations
from .scopes import Caller, Scope
from .sql import SQL, all_of, any_of, name_of, run, table_of

COUNT_CAP = 1_000
"""`count=capped` counts up to one more than this."""


@dataclass(frozen=True, slots=True)
class Page:
    """
    Some rows of a list.

    Args:
        items: The rows.
        next: The cursor of the next page, or its offset; `None` at the end.
        total: The number of all rows, if it was asked for.
    """

    items: list[Row]
    next: str | None = None
    total: int | None = None


class Reader:
    """
    Reads the rows of a table that a caller sees.

    Args:
        table: The table.
        relations: The scopes of other tables.
        output: The fields that clients read. A model of the application needs them all.
        scope: The rows that callers see.
        includes: The relations that are returned along.
        search: The columns that a text is searched in.
    """

    def __init__(
        self,
        table: type[Table],
        relations: Relations,
        output: Output,
        scope: Scope,
        includes: Mapping[str, Include],
        search: Sequence[Column],
    ) -> None:
        self._table = table
        self._fields = fields = output.fields
        self._is_partial = output.is_own
        self._scope = scope
        self._relations = relations
        self._includes = includes
        self._search = search
        self._name = table_of(table)
        key = table._meta.primary_key
        self._key = key._meta.name
        self._last = Order(self._key, key, fields[self._key].kind, is_null=False)
        self._whole = ", ".join(f"{self._name}.{field.selected}" for field in fields.values())

    async def page(self, caller: Caller, query: ListQuery, *, by_offset: bool) -> Page:
        """
        Return a page of rows.

        Args:
            caller: The caller.
            query: What is asked.
            by_offset: Whether pages are counted, and not followed by cursors.
        """
        orders = [*query.order, self._last]
        mark = "" if by_offset else mark_of(self._name, query, orders)
        place = None if query.cursor is None else place_of(query.cursor, mark, orders)
        async with store():
            rows = await self._rows(caller, query, orders, place)
            more = len(rows) > query.limit
            del rows[query.limit :]
            following = None
            if more and by_offset:
                following = offset_after(query)
            elif more:
                following = cursor_after(rows[-1], mark, orders)
            await self._complete(rows, query, orders, caller)
            total = None if query.count is None else await self._count(caller, query)
        return Page(rows, following, total)

    async def _rows(
        self, caller: Caller, query: ListQuery, orders: Sequence[Order], place: Any
    ) -> list[Row]:
        joins = Joins(self._table, self._relations, caller)
        selected = [self._selected(query), *self._along(query, joins)]
        selected += placed(orders, joins, engine_of(self._table).engine_type)
        where = self._where(caller, query, joins)
        if place is not None:
            where = all_of(where, after(orders, place, joins))
        order = order_by(orders, joins)
        source = joins.source()
        text = (
            f"SELECT {', '.join(selected)} FROM {source.text} WHERE {where.text} "  # noqa: S608
            f"ORDER BY {order} LIMIT {{}} OFFSET {{}}"
        )
        values = (*source.values, *where.values, query.limit + 1, query.offset)
        try:
            return await run(self._table, SQL(text, values))
        except Unprocessable:  # only a cursor that was made by hand has such a value
            raise Unprocessable([refused("cursor", "This is no cursor.")]) from None

    async def get(self, caller: Caller, key: Any, query: ListQuery) -> Row:
        """
        Return one row.

        Raises:
            NotFound: There is no such row, or the caller does not see it.
        """
        joins = Joins(self._table, self._relations, caller)
        selected = ", ".join([self._selected(query), *self._along(query, joins)])
        is_it = SQL(f"{self._name}.{name_of(self._last.column)} = {{}}", (key,))
        where = all_of(is_it, self._seen(caller))
        source = joins.source()
        text = f"SELECT {selected} FROM {source.text} WHERE {where.text}"  # noqa: S608
        async with store():
            rows = await run(self._table, SQL(text, (*source.values, *where.values)))
            if not rows:
                raise NotFound
            await self._complete(rows, query, (), caller)
        return rows[0]

    def _selected(self, query: ListQuery) -> str:
        if query.fields is None or not self._is_partial:
            return self._whole
        wanted = query.fields | {self._key}
        return ", ".join(
            f"{self._name}.{field.selected}"
            for name, field in self._fields.items()
            if name in wanted
        )

    def _along(self, query: ListQuery, joins: Joins) -> list[str]:
        return [part for name in query.include for part in self._includes[name].selected(joins)]

    async def _complete(
        self, rows: list[Row], query: ListQuery, orders: Sequence[Order], caller: Caller
    ) -> None:
        """Nest what was selected along, and leave out what was needed for the order only."""
        for row in rows:
            for name in place_names(orders):
                del row[name]
        if not self._is_partial:
            rows[:] = [self._asked(row, query) for row in rows]
        for name in query.include:
            await self._includes[name].complete(rows, caller)

    def _asked(self, row: Row, query: ListQuery) -> Row:
        """Return what was asked of a whole row."""
        whole = {name: row[name] for name in self._fields}
        if query.fields is None:
            return AskedRow(row, whole, None, query.include)
        wanted = query.fields | {self._key}
        asked = {name: row[name] for name in row if name in wanted or name not in whole}
        return AskedRow(asked, whole, wanted, query.include)

    def _seen(self, caller: Caller) -> SQL | None:
        return self._scope.condition(self._name, caller, reading=True)

    def _where(self, caller: Caller, query: ListQuery, joins: Joins) -> SQL:
        engine = engine_of(self._table).engine_type
        conditions = [
            condition(joins.name(column), value, engine)
            for column, condition, value in query.filters
        ]
        if query.search is not None:
            found = [contains(joins.name(column), query.search, engine) for column in self._search]
            conditions.append(any_of(found))
        return all_of(self._seen(caller), *conditions)

    async def _count(self, caller: Caller, query: ListQuery) -> int:
        joins = Joins(self._table, self._relations, caller)
        where = self._where(caller, query, joins)
        source = joins.source()
        values = (*source.values, *where.values)
        text = f"FROM {source.text} WHERE {where.text}"
        statement = SQL(f"SELECT COUNT(*) AS total {text}", values)
        if query.count == "capped":
            some = f"SELECT 1 {text} LIMIT {{}}"
            text = f"SELECT COUNT(*) AS total FROM ({some}) AS c"  # noqa: S608 - our own names
            statement = SQL(text, (*values, COUNT_CAP + 1))
        [row] = await run(self._table, statement)
        total: int = row["total"]
        return total
