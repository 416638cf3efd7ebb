"""The rows that were moved from fastapi-users, with their old and new ids."""

from collections.abc import Collection
from typing import Any

from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi.core.database.transactions import engine_of

LEDGER = "auth_fastapi_users_moved"
"""The name of the table. The first run creates it; drop it once no table has old ids."""


class Ledger:
    """
    The rows that were moved from an old table, for one user table.

    Args:
        source: The name of the old table.
        target: The user table.
    """

    def __init__(self, source: str, target: type[Table]) -> None:
        self._table = target
        self._key = [source, target._meta.get_formatted_tablename().replace('"', "")]

    async def open(self) -> None:
        """Wait for other runs to end, and make the table. SQLite has one writer at a time."""
        if not isinstance(engine_of(self._table), SQLiteEngine):
            await self._table.raw("SELECT pg_advisory_xact_lock(hashtext({}))", LEDGER)
        await self._table.raw(
            f"CREATE TABLE IF NOT EXISTS {LEDGER} (source TEXT NOT NULL, target TEXT NOT NULL, "
            "old_id TEXT NOT NULL, new_id TEXT NOT NULL, PRIMARY KEY (source, target, old_id))"
        )

    async def moved(self, old: Collection[str]) -> dict[str, str]:
        """Return those of these ids that were moved before, each with the new id."""
        marks = ", ".join(["{}"] * len(old))
        rows = await self._table.raw(
            f"SELECT old_id, new_id FROM {LEDGER} WHERE source = {{}} AND target = {{}} "  # noqa: S608 - our own name
            f"AND old_id IN ({marks})",
            *self._key,
            *old,
        )
        return {row["old_id"]: row["new_id"] for row in rows}

    async def enter(self, old: str, new: Any) -> None:
        """Record a row."""
        statement = f"INSERT INTO {LEDGER} VALUES ({{}}, {{}}, {{}}, {{}})"  # noqa: S608 - the same
        await self._table.raw(statement, *self._key, old, str(new))
