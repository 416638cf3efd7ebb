"""The tables of piccolo-api, read and erased."""

from typing import Any

from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi.core.database.transactions import engine_of

AUTHENTICATORS = "authenticator_secret"

_SQLITE = """
SELECT t.name AS name, c.name AS column_name
FROM sqlite_master t, pragma_table_info(t.name) c WHERE t.type = 'table'
"""
_POSTGRES = """
SELECT table_name AS name, column_name
FROM information_schema.columns WHERE table_schema = ANY (current_schemas(false))
"""


class OldTables:
    """
    The tables of piccolo-api, by their names: their classes may not be installed.

    Args:
        table: Any table of the database.
    """

    def __init__(self, table: type[Table]) -> None:
        self._table = table
        self._is_sqlite = isinstance(engine_of(table), SQLiteEngine)

    async def rows(self, name: str, order: str = "id") -> list[dict[str, Any]]:
        """Return the rows of a table; none if it does not exist."""
        if not await self._find("name", name):
            return []
        return await self._run(f"SELECT * FROM {name} ORDER BY {order}")  # noqa: S608 - our own names

    async def authenticators(self) -> list[dict[str, Any]]:
        """Return authenticators, in the order in which piccolo-api asks for one."""
        return await self.rows(AUTHENTICATORS, "created_at DESC, id DESC")

    async def other_authenticators(self) -> list[str]:
        """Return the names of other tables with the columns of authenticators."""
        return sorted(await self._find("column_name", "recovery_codes_used_at") - {AUTHENTICATORS})

    async def delete(self, name: str, row: dict[str, Any]) -> None:
        """Delete a row."""
        await self._run(f"DELETE FROM {name} WHERE id = {{}}", row["id"])  # noqa: S608 - the same

    async def _find(self, what: str, value: str) -> set[str]:
        """Return the names of the tables with this name, or with a column of this name."""
        catalogue = _SQLITE if self._is_sqlite else _POSTGRES
        statement = f"SELECT name FROM ({catalogue}) columns WHERE {what} = {{}}"  # noqa: S608 - the same
        return {row["name"] for row in await self._run(statement, value)}

    async def _run(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = await self._table.raw(statement, *values)
        return rows
