"""Fragments of SQL with their values, and the one place that runs them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from piccolo.columns import Column
from piccolo.querystring import QueryString
from piccolo.table import Table

from piccolo_api_fastapi.core.database.transactions import engine_of

from .refusals import refusal


@dataclass(frozen=True, slots=True)
class SQL:
    """
    A part of a statement.

    Args:
        text: The text. Each `{}` stands for a value.
        values: The values, in the order of the text.
    """

    text: str
    values: tuple[Any, ...] = ()


NOTHING = SQL("1 = 0")
"""The condition that no row meets."""


def quoted(name: str) -> str:
    """Return an identifier, for the text of a fragment."""
    doubled = name.replace('"', '""').replace("{", "{{").replace("}", "}}")
    return f'"{doubled}"'


def name_of(column: Column) -> str:
    """Return the name of a column in the database."""
    return quoted(column._meta.db_column_name)


def table_of(table: type[Table]) -> str:
    """Return the name of a table in the database."""
    name: str = table._meta.get_formatted_tablename()
    return name


def joined(word: str, parts: Iterable[SQL]) -> SQL:
    """
    Join fragments.

    Args:
        word: The text between them, such as `" AND "`.
        parts: The fragments.
    """
    parts = tuple(parts)
    text = word.join(part.text for part in parts)
    return SQL(text, tuple(value for part in parts for value in part.values))


def all_of(*conditions: SQL | None) -> SQL:
    """Return the condition that all of these hold. `None` is no condition."""
    parts = [part for part in conditions if part is not None]
    return joined(" AND ", parts) if parts else SQL("1 = 1")


def any_of(conditions: Iterable[SQL]) -> SQL:
    """Return the condition that one of these holds."""
    either = joined(" OR ", conditions)
    return SQL(f"({either.text})", either.values)


async def run(table: type[Table], statement: SQL) -> list[dict[str, Any]]:
    """
    Run a statement on the engine of a table, and return its rows.

    Raises:
        AuthError: The database refused a value, or is not available. The error has no sentence of
            the database.
    """
    engine = engine_of(table)
    query = QueryString(statement.text, *statement.values)
    try:
        rows = await engine.run_querystring(query, in_pool=True)
    except Exception as error:
        translated = refusal(error, table)
        if translated is None:
            raise
        raise translated from None
    return engine.transform_response_to_dicts(rows) if rows else []
