"""The rows that were moved from piccolo-api, so that another run moves none of them again."""

from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi.core.database.transactions import engine_of

LEDGER = "auth_piccolo_api_moved"
"""The name of the table. The first run creates it; it is dropped with the last old rows."""


class Ledger:
    """
    The rows that were moved, each by its old table and a digest that identifies it there.

    Args:
        table: Any table of the database.
    """

    def __init__(self, table: type[Table]) -> None:
        self._table = table

    async def open(self) -> None:
        """Wait for other runs to end, and make the table. SQLite has one writer at a time."""
        if not isinstance(engine_of(self._table), SQLiteEngine):
            await self._table.raw("SELECT pg_advisory_xact_lock(hashtext({}))", LEDGER)
        await self._table.raw(
            f"CREATE TABLE IF NOT EXISTS {LEDGER} (source VARCHAR(32) NOT NULL, "
            "digest VARCHAR(64) NOT NULL, PRIMARY KEY (source, digest))"
        )

    async def enter(self, source: str, digest: str) -> bool:
        """Record a row. Returns `False` if it was recorded before."""
        entered = await self._table.raw(
            f"INSERT INTO {LEDGER} (source, digest) VALUES ({{}}, {{}}) "  # noqa: S608 - our own name
            "ON CONFLICT DO NOTHING RETURNING digest",
            source,
            digest,
        )
        return bool(entered)

    async def strike(self, source: str, digest: str) -> None:
        """Remove the record of a row that was not moved."""
        statement = f"DELETE FROM {LEDGER} WHERE source = {{}} AND digest = {{}}"  # noqa: S608
        await self._table.raw(statement, source, digest)

    async def drop(self) -> None:
        """Drop the table."""
        await self._table.raw(f"DROP TABLE {LEDGER}")
