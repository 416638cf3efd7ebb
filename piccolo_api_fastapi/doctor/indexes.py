"""The check of tables with routes: whether filters, sorts and owners have an index."""

from collections.abc import AsyncIterator, Iterator
from inspect import getclosurevars
from typing import Any

from piccolo.columns import Boolean, Column
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi.core.database.transactions import engine_of
from piccolo_api_fastapi.crud import Crud
from piccolo_api_fastapi.crud.fields import dotted

from .subject import Subject
from .values import Result, ok, warning

_FIRST_COLUMNS_ON_SQLITE = """
SELECT info.name AS name FROM pragma_index_list({}) AS list
JOIN pragma_index_info(list.name) AS info ON info.seqno = 0
"""

_FIRST_COLUMNS_ON_POSTGRES = """
SELECT attname AS name FROM pg_index
JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0]
WHERE indrelid = to_regclass({})
"""


async def has_indexes(subject: Subject) -> AsyncIterator[Result]:
    """Look for columns that requests filter or sort by, and that begin no index."""
    for crud in subject.all(Crud):
        indexed: dict[str, set[str]] = {}
        bare = []
        for column in _columns(crud):
            table = column._meta.table
            name = table._meta.get_formatted_tablename()
            if name not in indexed:
                indexed[name] = await _first_columns(table)
            if column._meta.db_column_name not in indexed[name]:
                bare.append(dotted(column))
        if bare:
            yield warning(
                f"Requests filter or sort {crud.table.__name__} by {', '.join(bare)}, with which "
                "no index begins: each request reads the whole table. Add index=True."
            )
        else:
            yield ok(f"All filters and sorts of {crud.table.__name__} have an index.")


def _columns(crud: Crud) -> list[Column]:
    """Return the columns of filters, sorts and owners. No index is of use for two values."""
    found = {dotted(column): column for column in _asked(crud)}
    return [column for column in found.values() if not isinstance(column, Boolean)]


def _asked(crud: Crud) -> Iterator[Column]:
    """Yield the columns that lead to the owner, and those that clients filter and sort by."""
    if not crud.scope.public_read:
        yield from crud.scope.path
    for parameter in crud.grammars.list.parameters.values():
        held: Any = getclosurevars(parameter.read).nonlocals
        if (column := held.get("column")) is not None:
            yield column
        yield from (order.column for order in held.get("orders", {}).values())


async def _first_columns(table: type[Table]) -> set[str]:
    """Return the columns with which an index of a table begins, the primary key among them."""
    key = table._meta.primary_key._meta.db_column_name
    if isinstance(engine_of(table), SQLiteEngine):
        rows = await table.raw(_FIRST_COLUMNS_ON_SQLITE, table._meta.tablename)
    else:
        rows = await table.raw(_FIRST_COLUMNS_ON_POSTGRES, table._meta.get_formatted_tablename())
    return {key, *(row["name"] for row in rows)}
