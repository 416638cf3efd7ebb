"""
Primary keys that SQLite never gives to a second row.

The migrations of projects import `UniqueSerial` from here, so this module keeps its name.
"""

import re
from typing import Any

from piccolo.columns import Serial
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi.errors import ConfigurationError

from .transactions import engine_of, transaction


class UniqueSerial(Serial):
    """
    A primary key that counts upwards and is never used again, on SQLite either.

    SQLite gives the highest id of a deleted row to the next one, unless the column says
    `AUTOINCREMENT`. Tokens, limits and events that name the old row would name the new one.
    """

    @property
    def ddl(self) -> str:
        """The definition of the column."""
        column = Serial(**self._meta.params)  # Piccolo compares the name of the class
        column._meta = self._meta
        definition = column.ddl
        if self._meta.engine_type == "sqlite":
            return definition.replace("PRIMARY KEY", "PRIMARY KEY AUTOINCREMENT", 1)
        return definition


async def reuses_ids(table: type[Table]) -> bool:
    """
    Whether the database gives ids of deleted rows to new ones.

    Args:
        table: A table; one that does not exist reuses none.
    """
    key = table._meta.primary_key
    if not isinstance(key, Serial) or not isinstance(engine_of(table), SQLiteEngine):
        return False
    definition = await _definition(table)
    return definition is not None and not re.search(r"\bAUTOINCREMENT\b", definition, re.IGNORECASE)


async def refuse_reused_ids(table: type[Table]) -> None:
    """
    Refuse a user table whose ids are reused.

    Args:
        table: The user table.

    Raises:
        ConfigurationError: The database gives the ids of deleted users to new ones.
    """
    if await reuses_ids(table):
        name = table._meta.tablename
        raise ConfigurationError(
            f"SQLite gives the id of the last user in {name} to the next one, once that user is "
            "deleted. Run `piccolo piccolo_api_fastapi never_reuse_ids`, or for a user table of "
            f"your own `await never_reuse_ids({table.__name__})` in a migration."
        )


async def never_reuse_ids(table: type[Table]) -> None:
    """
    Let SQLite give the id of a deleted row to no other. No row is changed or copied.

    ```python
    from piccolo_api_fastapi import User
    from piccolo_api_fastapi.piccolo_app import never_reuse_ids

    await never_reuse_ids(User)
    ```

    It does nothing on other databases, and for tables whose ids are not numbers. Call it in a
    migration of your own (`manager.add_raw`), if your user table was made from `BaseUser`.

    Args:
        table: The user table.

    Raises:
        ConfigurationError: The primary key is not written as Piccolo writes it, or this SQLite
            does not let a program change the definition of a table.
    """
    async with transaction(table):
        if await reuses_ids(table):
            await _add_autoincrement(table)


async def _add_autoincrement(table: type[Table]) -> None:
    """
    Change the definition of the table, by the procedure that SQLite documents for changes that
    do not affect what is on the disk (https://www.sqlite.org/lang_altertable.html, section 7).
    """
    name, key = table._meta.tablename, table._meta.primary_key._meta.db_column_name
    old = f'"{key}" INTEGER PRIMARY KEY'
    if old not in (await _definition(table) or ""):
        raise ConfigurationError(
            f"The table {name} does not define its key as {old}. Define it as AUTOINCREMENT."
        )
    await table.raw("PRAGMA writable_schema = 1")
    [allowed] = await table.raw("PRAGMA writable_schema")
    if not allowed["writable_schema"]:
        raise ConfigurationError(
            "This SQLite protects the definitions of tables, as that of macOS does. Run this "
            "with a Python that brings its own SQLite."
        )
    # SQLite makes its table of highest ids with the first column that asks for it.
    await table.raw("CREATE TABLE auth_ids (id INTEGER PRIMARY KEY AUTOINCREMENT)")
    await table.raw("DROP TABLE auth_ids")
    [version] = await table.raw("PRAGMA schema_version")
    change = (
        "UPDATE sqlite_master SET sql = replace(sql, {}, {}) WHERE type = 'table' AND name = {}"
    )
    await table.raw(change, old, f"{old} AUTOINCREMENT", name)
    highest = f'SELECT {{}}, coalesce(max("{key}"), 0) FROM "{name}"'  # noqa: S608 - our names
    await table.raw(f"INSERT INTO sqlite_sequence (name, seq) {highest}", name)
    await table.raw(f"PRAGMA schema_version = {version['schema_version'] + 1}")
    await table.raw("PRAGMA writable_schema = 0")


async def _definition(table: type[Table]) -> str | None:
    rows: list[dict[str, Any]] = await table.raw(
        "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = {}", table._meta.tablename
    )
    return str(rows[0]["sql"]) if rows else None
