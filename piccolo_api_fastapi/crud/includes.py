"""Related rows that are returned along: by a join, or by one more query for all rows."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from piccolo.columns import Column, ForeignKey
from piccolo.table import Table

from piccolo_api_fastapi.errors import ConfigurationError

from .fields import Field, dotted
from .hooks import Row
from .joins import Joins
from .models import Output, shown_model
from .names import plural, snake
from .relations import Relations, refuse_tables_of_authentication
from .scopes import Caller, is_user_table, target_of
from .sql import SQL, all_of, name_of, run, table_of

if TYPE_CHECKING:
    from pydantic import BaseModel

MAX_CHILDREN = 100
"""Rows that are returned along with one row."""


class Include(ABC):
    """
    A relation whose rows are returned along.

    Args:
        name: The name in the query and in the response.
        column: The foreign key.
        table: The table whose rows are returned.
        relations: Their scope, and the fields that clients read.
        model_name: The name of their model in OpenAPI.
    """

    def __init__(
        self,
        name: str,
        column: ForeignKey[Any],
        table: type[Table],
        relations: Relations,
        model_name: str,
    ) -> None:
        if is_user_table(table):
            raise ConfigurationError(f"include={name} would show users, which this does not.")
        refuse_tables_of_authentication(table)
        self.name = name
        self.mark = ""
        self.column = column
        self.table = table
        self.fields: Sequence[Field] = relations.fields_of(table)
        output = relations.output_of(table)
        if output is None or output.is_own:
            model = shown_model(model_name, self.fields, f"A row of {table.__name__}.")
            output = Output(model, self.fields, is_own=True)
        self._output = output
        self.model: type[BaseModel] = self._output.model

    @abstractmethod
    def selected(self, joins: Joins) -> list[str]:
        """
        Return what the `SELECT` of the rows needs of it.

        The names are numbered: PostgreSQL cuts those that are longer than 63 bytes.

        Args:
            joins: Names the columns.
        """

    @abstractmethod
    async def complete(self, rows: Sequence[Row], caller: Caller) -> None:
        """
        Add the related rows.

        Args:
            rows: The rows, which are changed.
            caller: The caller.
        """

    def render(self, row: Row) -> Row:
        """Return a row as JSON shows it. The row is changed."""
        return self._output.render(row)


class Parent(Include):
    """The row that a foreign key of the table leads to."""

    def selected(self, joins: Joins) -> list[str]:
        """Return the columns of the row, and its key."""
        row = joins.row([self.column])
        key = name_of(self.table._meta.primary_key)
        columns = [
            f'{row}.{name_of(field.column)} AS "{self.mark}.{number}"'
            for number, field in enumerate(self.fields)
        ]
        return [f'{row}.{key} AS "{self.mark}.key"', *columns]

    async def complete(self, rows: Sequence[Row], caller: Caller) -> None:  # noqa: ARG002
        """Make a row of what was selected: `None` if there is none, or the caller sees none."""
        for row in rows:
            values = {
                field.name: row.pop(f"{self.mark}.{number}")
                for number, field in enumerate(self.fields)
            }
            row[self.name] = values if row.pop(f"{self.mark}.key") is not None else None


class Children(Include):
    """The rows of another table whose foreign key leads to a row of the table."""

    def __init__(
        self,
        name: str,
        column: ForeignKey[Any],
        table: type[Table],
        relations: Relations,
        model_name: str,
    ) -> None:
        super().__init__(name, column, table, relations, model_name)
        self._key = target_of(self.column)[1]
        self._scope = relations.scope_of_children(self.column)

    def selected(self, joins: Joins) -> list[str]:
        """Return the column that the children refer to."""
        return [f'{joins.name(self._key)} AS "{self.mark}.key"']

    async def complete(self, rows: Sequence[Row], caller: Caller) -> None:
        """Add the children of rows, with one query."""
        owners = {row.pop(f"{self.mark}.key"): row for row in rows}
        for row in rows:
            row[self.name] = []
        if not rows:
            return
        for child in await run(self.table, self._statement(list(owners), caller)):
            child.pop("0.place")
            owners[child.pop("0.owner")][self.name].append(child)

    def _statement(self, keys: Sequence[Any], caller: Caller) -> SQL:
        table = table_of(self.table)
        owner = f"{table}.{name_of(self.column)}"
        order = f"{table}.{name_of(self.table._meta.primary_key)}"
        marks = ", ".join(["{}"] * len(keys))
        scope = self._scope.condition(table, caller, reading=True)
        where = all_of(SQL(f"{owner} IN ({marks})", tuple(keys)), scope)
        columns = ", ".join(f"{table}.{field.selected}" for field in self.fields)
        place = f"ROW_NUMBER() OVER (PARTITION BY {owner} ORDER BY {order})"
        inner = (
            f'SELECT {columns}, {owner} AS "0.owner", {place} AS "0.place" '  # noqa: S608
            f"FROM {table} WHERE {where.text}"
        )
        text = f'SELECT * FROM ({inner}) AS c WHERE "0.place" <= {{}} ORDER BY "0.place"'  # noqa: S608
        return SQL(text, (*where.values, MAX_CHILDREN))


def includes_of(
    table: type[Table], name: str, columns: Iterable[Column], relations: Relations
) -> dict[str, Include]:
    """
    Return the relations of a table, by name.

    Args:
        table: The table.
        name: The beginning of the names of their models.
        columns: Foreign keys of the table, or of other tables to this one.
        relations: The scopes of other tables.

    Raises:
        ConfigurationError: A column is no such foreign key, or two relations have one name.
    """
    found: dict[str, Include] = {}
    taken = {column._meta.name for column in table._meta.columns}
    for column in columns:
        if not isinstance(column, ForeignKey) or column._meta.call_chain:
            raise ConfigurationError(f"include={dotted(column)} must be a foreign key.")
        include = _include(table, name, column, relations)
        is_taken = isinstance(include, Children) and include.name in taken
        if include.name in found or is_taken:
            raise ConfigurationError(f"include: two members would be called {include.name}.")
        include.mark = f"{len(found)}.include"
        found[include.name] = include
    return found


def _include(
    table: type[Table], name: str, column: ForeignKey[Any], relations: Relations
) -> Include:
    owner, (target, _) = column._meta.table, target_of(column)
    if table_of(owner) == table_of(table):
        relations.scope_of(column)  # refuses unknown ones now
        own = column._meta.name
        return Parent(own, column, target, relations, name + own.title().replace("_", ""))
    if table_of(target) != table_of(table):
        raise ConfigurationError(
            f"include={column._meta.name} must be a foreign key of {table.__name__}, or to it."
        )
    child = owner.__name__
    return Children(plural(snake(child)), column, owner, relations, name + child)
