"""The order of a list, and the condition on the rows of its next page."""

from collections.abc import Sequence
from typing import Any

from piccolo_api_fastapi.errors import Unprocessable

from . import cursor
from .hooks import Row
from .joins import Joins
from .query import ListQuery, Order, refused
from .sql import SQL, all_of, any_of

Place = Sequence[Any]
"""The values by which a row is ordered; `None` where there is none."""


MAX_OFFSET = 10_000


def offset_after(query: ListQuery) -> str | None:
    """Return the offset of the next page; `None` if it is larger than clients may ask for."""
    following = query.offset + query.limit
    return str(following) if following <= MAX_OFFSET else None


def _name(order: Order, joins: Joins) -> str:
    """Return what rows are ordered by."""
    name = joins.name(order.column)
    return name if order.prefix is None else f"substr({name}, 1, {order.prefix})"


def order_by(orders: Sequence[Order], joins: Joins) -> str:
    """Return the order in SQL. Missing values come last on each database."""
    parts = []
    for order in orders:
        name = _name(order, joins)
        if order.is_null:
            parts.append(f"{name} IS NULL")
        parts.append(f"{name} DESC" if order.descending else name)
    return ", ".join(parts)


def after(orders: Sequence[Order], place: Place, joins: Joins) -> SQL:
    """
    Return the condition on the rows that follow a place.

    Args:
        orders: The order, which ends with the primary key.
        place: The values of the last row before.
        joins: Names the columns.
    """
    equal: list[SQL] = []
    either: list[SQL] = []
    for order, value in zip(orders, place, strict=True):
        name = _name(order, joins)
        if (beyond := _beyond(order, name, value)) is not None:
            either.append(all_of(*equal, beyond))
        equal.append(SQL(f"{name} IS NULL") if value is None else SQL(f"{name} = {{}}", (value,)))
    return all_of(_bound(orders, place, joins), any_of(either))


def _beyond(order: Order, name: str, value: Any) -> SQL | None:
    """Return the condition that a value follows another; `None` if none does."""
    if value is None:
        return None  # missing values come last
    sign = "<" if order.descending else ">"
    if order.is_null:
        return SQL(f"({name} {sign} {{}} OR {name} IS NULL)", (value,))
    return SQL(f"{name} {sign} {{}}", (value,))


def _bound(orders: Sequence[Order], place: Place, joins: Joins) -> SQL | None:
    """Return a condition on the first column alone, by which the database can use an index."""
    first, value = orders[0], place[0]
    if first.is_null or len(orders) == 1:
        return None
    sign = "<=" if first.descending else ">="
    return SQL(f"{_name(first, joins)} {sign} {{}}", (value,))


def mark_of(table: str, query: ListQuery, orders: Sequence[Order]) -> str:
    """Return the fingerprint of a list, which its cursors carry."""
    free = {"cursor", "limit", "fields", "include", "count"}
    sent = sorted((name, texts) for name, texts in query.sent.items() if name not in free)
    return cursor.fingerprint([table, sent, [(order.name, order.descending) for order in orders]])


def place_of(text: str, mark: str, orders: Sequence[Order]) -> list[Any]:
    """
    Return the place of a cursor.

    Raises:
        Unprocessable: It is no cursor, or that of another list.
    """
    try:
        texts = cursor.decode(text, mark, len(orders))
        return [_restored(order, value) for order, value in zip(orders, texts, strict=True)]
    except (ValueError, ArithmeticError) as error:
        why = str(error) or "This is no cursor."
        raise Unprocessable([refused("cursor", why)]) from None


def _restored(order: Order, text: str | None) -> Any:
    if text is None:
        if not order.is_null:
            raise ValueError("This is no cursor.")
        return None
    return (order.kind.restore or order.kind.parse)(text)


def cursor_after(row: Row, mark: str, orders: Sequence[Order]) -> str:
    """
    Return the cursor of the page after a row.

    Args:
        row: The row, with its order values as `place_names` names them.
        mark: The fingerprint of the list.
        orders: The order.

    Raises:
        Unprocessable: It would be longer than a request may have it.
    """
    place = []
    for name, order in zip(place_names(orders), orders, strict=True):
        value = row[name]
        place.append(None if value is None else order.kind.write(value))
    text = cursor.encode(mark, place)
    if len(text) > cursor.MAX_LENGTH:
        raise Unprocessable([refused("sort", "Sort by fewer columns: their values are too long.")])
    return text


def placed(orders: Sequence[Order], joins: Joins, engine: str) -> list[str]:
    """
    Return what a `SELECT` needs for cursors.

    Args:
        orders: The order.
        joins: Names the columns.
        engine: The type of the engine.
    """
    found = []
    for order, name in zip(orders, place_names(orders), strict=True):
        # Piccolo does not convert what has no type, so that all digits are there.
        sign = "+" if order.kind.is_rounded and engine == "sqlite" else ""
        found.append(f'{sign}{_name(order, joins)} AS "{name}"')
    return found


def place_names(orders: Sequence[Order]) -> list[str]:
    """Return the names that the order values have in a row. No column has such a name."""
    return [f"{number}.order" for number, _ in enumerate(orders)]
