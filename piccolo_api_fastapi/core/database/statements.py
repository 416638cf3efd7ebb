"""Statements that several features need: compiled once, or run in batches."""

import asyncio
import re
from collections.abc import Callable, Sequence
from typing import Any

from piccolo.custom_types import Combinable
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.query.base import Query
from piccolo.query.methods.insert import Insert
from piccolo.querystring import QueryString
from piccolo.table import Table

from .progress import advance
from .time_limit import no_time_limit
from .transactions import engine_of


class _Statement(QueryString):
    """
    A statement whose SQL is known. The template is shown in the log of queries.

    Such statements read and write rows, and change nothing in the session of the database.
    """

    __slots__ = ("sql",)

    leaves_nothing = True

    def __init__(self, sql: str, template: str, values: Sequence[Any]) -> None:
        super().__init__(template, *values)
        self.sql = sql

    def process_args(self, args: Sequence[Any]) -> tuple[Sequence[Any], Sequence[Any]]:
        """Return the values unchanged: none is a column or a part of a statement."""
        return args, ()

    def compile_string(self, engine_type: str = "postgres") -> tuple[str, list[Any]]:  # noqa: ARG002
        """Return the SQL that is known, with the values."""
        return self.sql, list(self.args)


class CompiledQuery:
    """
    A query whose SQL is built once, as building it costs more than running it.

    Args:
        table: The table whose engine runs the query.
        build: The function that builds the query from sentinels, in the order of the SQL.
        sentinels: Placeholders for the values, one of the right type for each.
    """

    def __init__(
        self, table: type[Table], build: Callable[..., Query[Any, Any]], *sentinels: Any
    ) -> None:
        self._table = table
        self._build = build
        self._sentinels = sentinels
        self._compiled: dict[str, tuple[str, str]] = {}

    async def run(self, *values: Any) -> list[dict[str, Any]]:
        """Run the query with these values instead of the sentinels, and return the rows."""
        engine = self._table._meta.db
        sql, template = self._compiled.get(engine.engine_type) or self._compile(engine.engine_type)
        rows = await engine.run_querystring(_Statement(sql, template, values), in_pool=True)
        return engine.transform_response_to_dicts(rows)

    def _adapt(self, sql: str) -> str:
        """Return the SQL as it is run, for subclasses that need what the builder can't write."""
        return sql

    def _compile(self, kind: str) -> tuple[str, str]:
        query = self._build(*self._sentinels)
        sql, arguments = query.querystrings[0].compile_string(kind)
        if list(arguments) != list(self._sentinels):
            raise ValueError("The sentinels must be in the order of the SQL.")
        sql = self._adapt(sql)
        self._compiled[kind] = sql, re.sub(r"\$[0-9]+|\?", "{}", sql)
        return self._compiled[kind]


def column_names(table: type[Table]) -> Sequence[str]:
    """Return the names of all columns of a table."""
    return [column._meta.name for column in table._meta.columns]


async def insert_within(cap: int, row: Table, among: Combinable, order: str) -> None:
    """
    Insert a row, and delete the oldest of its kind beyond a cap; never the row itself.

    The insert counts the rows, so that the deletion is run only if the cap is reached. Call it in
    a transaction that has locked the owner of the rows: otherwise concurrent inserts, which do
    not see each other's rows, can exceed the cap until the next one.

    Args:
        cap: The number of rows to keep, at least 1.
        row: The new row.
        among: The condition that the rows of its kind meet.
        order: The order of the rows in SQL, newest first.
    """
    table, kind = type(row), among.querystring
    name = table._meta.get_formatted_tablename()
    [insert] = Insert(table, row).default_querystrings
    # PostgreSQL counts the rows before the insert, SQLite those after it.
    [counted] = await table.raw(
        f"{{}} RETURNING (SELECT COUNT(*) FROM {name} WHERE {{}}) AS count",  # noqa: S608 - our own
        insert,
        kind,
    )
    if counted["count"] < cap:
        return
    key = table._meta.primary_key._meta.name
    others = QueryString(f'{{}} AND "{key}" <> {{}}', kind, getattr(row, key))
    await table.raw(
        f'DELETE FROM {name} WHERE {{}} AND "{key}" NOT IN ('  # noqa: S608 - our own names
        f'SELECT "{key}" FROM {name} WHERE {{}} ORDER BY {order} LIMIT {{}})',
        others,
        others,
        cap - 1,
    )


SQLITE_BATCH = 50
"""Rows. Unless the file is in WAL mode, no one can read while a batch is written."""

SQLITE_REST = 0.015
"""
The minimum pause between batches, in seconds. SQLite retries a locked file after 1, 3, 8, 18 and
33 milliseconds: the pause is as long as the longest of these steps, so that every writer gets in.
"""


async def delete_in_batches(table: type[Table], condition: Any, batch: int) -> int:
    """
    Delete the rows that meet a condition, in batches.

    There is no time limit: it may take long to find the rows in a large table.

    On SQLite, batches are small, and each is followed by a pause of the same length. Otherwise
    other writers, which only poll the lock of the file, would wait for seconds.

    Args:
        table: The table.
        condition: The rows to delete.
        batch: The number of rows in a statement.

    Returns:
        The number of rows deleted.
    """
    key = table._meta.primary_key
    is_sqlite = isinstance(engine_of(table), SQLiteEngine)
    size = min(batch, SQLITE_BATCH) if is_sqlite else batch
    clock = asyncio.get_running_loop().time
    total = 0
    while True:
        begin = clock()
        with no_time_limit():
            rows = await table.select(key).where(condition).limit(size)
            if not rows:
                return total
            ids = [row[key._meta.name] for row in rows]
            await table.delete().where(key.is_in(ids))
        total += len(ids)
        advance(total)
        if is_sqlite:
            await asyncio.sleep(max(SQLITE_REST, clock() - begin))
