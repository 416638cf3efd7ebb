"""The joins of a `SELECT`, which show only rows that the caller sees."""

from typing import Any

from piccolo.columns import Column, ForeignKey
from piccolo.table import Table

from .relations import Relations
from .scopes import Caller, target_of
from .sql import SQL, all_of, joined, name_of, table_of


class Joins:
    """
    Names columns in a `SELECT`, and collects the joins that they need.

    Args:
        table: The table.
        relations: The scopes of the tables that are joined.
        caller: The caller.
    """

    def __init__(self, table: type[Table], relations: Relations, caller: Caller) -> None:
        self._base = table_of(table)
        self._relations = relations
        self._caller = caller
        self._names: dict[tuple[str, ...], str] = {}
        self._joins: list[SQL] = []

    def name(self, column: Column) -> str:
        """Return a column, perhaps of a joined table, as the statement names it."""
        return f"{self.row(column._meta.call_chain)}.{name_of(column)}"

    def row(self, chain: "list[ForeignKey[Any]]") -> str:
        """Return the name of the table that foreign keys lead to."""
        place: tuple[str, ...] = ()
        row = self._base
        for column in chain:
            place = (*place, column._meta.name)
            if place not in self._names:
                self._names[place] = self._join(row, column)
            row = self._names[place]
        return row

    def _join(self, row: str, column: ForeignKey[Any]) -> str:
        name = f'"j{len(self._names) + 1}"'
        target, key = target_of(column)
        scope = self._relations.scope_of(column).condition(name, self._caller, reading=True)
        on = all_of(SQL(f"{row}.{name_of(column)} = {name}.{name_of(key)}"), scope)
        self._joins.append(SQL(f" LEFT JOIN {table_of(target)} {name} ON {on.text}", on.values))
        return name

    def source(self) -> SQL:
        """Return what stands behind `FROM`. Call it after all columns were named."""
        return joined("", [SQL(self._base), *self._joins])
