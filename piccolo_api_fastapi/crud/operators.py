"""The operators of filters: `field__op=value`."""

from collections.abc import Callable, Iterator
from typing import Any

from piccolo.columns import Column

from .columns import MAX_TEXT
from .kind import Kind
from .sql import SQL

MAX_VALUES = 100
"""Values of one `in`."""

Condition = Callable[[str, Any, str], SQL]
"""Makes the condition from the name of a column, a value and the type of the engine."""


def _compare(sign: str) -> Condition:
    def condition(name: str, value: Any, _: str) -> SQL:
        return SQL(f"{name} {sign} {{}}", (value,))

    return condition


def _is_in(name: str, found: list[Any], _: str) -> SQL:
    return SQL(f"{name} IN ({', '.join(['{}'] * len(found))})", tuple(found))


def _is_null(name: str, value: bool, _: str) -> SQL:  # noqa: FBT001 - the value of a filter
    return SQL(f"{name} IS NULL" if value else f"{name} IS NOT NULL")


def _like(before: str, after: str) -> Condition:
    def condition(name: str, value: str, engine: str) -> SQL:
        sign = "LIKE" if engine == "sqlite" else "ILIKE"
        escaped = value.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
        return SQL(f"{name} {sign} {{}} ESCAPE '\\'", (f"{before}{escaped}{after}",))

    return condition


def _has(name: str, value: Any, engine: str) -> SQL:
    if engine == "sqlite":
        elements = f"SELECT value FROM json_each({name})"  # noqa: S608 - our own name
        return SQL(f"{{}} IN ({elements})", (value,))
    return SQL(f"{{}} = ANY({name})", (value,))


OPERATORS: dict[str, Condition] = {
    "": _compare("="),
    "ne": _compare("<>"),
    "lt": _compare("<"),
    "lte": _compare("<="),
    "gt": _compare(">"),
    "gte": _compare(">="),
    "in": _is_in,
    "isnull": _is_null,
    "contains": _like("%", "%"),
    "starts": _like("", "%"),
    "ends": _like("%", ""),
    "has": _has,
}

contains: Condition = OPERATORS["contains"]


def operators_of(column: Column, kind: Kind) -> Iterator[str]:
    """
    Yield the operators that a filter of a column has.

    Args:
        column: The column, perhaps of a joined table.
        kind: What its values are like.
    """
    if kind.is_compared:
        yield from ("", "ne", "in")
    if kind.is_ordered:
        yield from ("lt", "lte", "gt", "gte")
    if kind.is_text:
        yield from ("contains", "starts", "ends")
    if kind.element is not None and kind.element.is_compared:
        yield "has"
    if column._meta.null or column._meta.call_chain:
        yield "isnull"


def schema_of(operator: str, kind: Kind) -> dict[str, Any]:
    """
    Return the JSON schema of a filter.

    Args:
        operator: The operator.
        kind: What the values of the column are like.
    """
    if operator == "isnull":
        return {"type": "boolean"}
    if operator == "in":
        return {"type": "array", "items": kind.schema, "minItems": 1, "maxItems": MAX_VALUES}
    if operator in {"contains", "starts", "ends"}:
        return {"type": "string", "minLength": 1, "maxLength": MAX_TEXT}
    return kind.schema if kind.element is None else kind.element.schema
