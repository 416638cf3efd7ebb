"""The columns of a table that clients read and write, each with its converter."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from piccolo.columns import JSON, Column, ForeignKey
from piccolo.columns.defaults.base import Default
from piccolo.table import Table
from piccolo.utils.sql_values import convert_to_sql_value
from pydantic import AfterValidator

from piccolo_api_fastapi.errors import ConfigurationError

from . import values
from .columns import kind_of
from .kind import Kind
from .sql import name_of, table_of


@dataclass(frozen=True, slots=True)
class Field:
    """
    A column that clients know.

    Args:
        name: The name, which is that of the attribute in Python.
        column: The column.
        kind: What its values are like.
    """

    name: str
    column: Column
    kind: Kind

    @property
    def is_null(self) -> bool:
        """Whether there may be no value."""
        return bool(self.column._meta.null)

    @property
    def is_optional(self) -> bool:
        """Whether a new row needs no value of a client."""
        meta = self.column._meta
        has_default = getattr(self.column, "default", None) is not None
        return not meta.required and (meta.null or has_default)

    @property
    def selected(self) -> str:
        """The column as `RETURNING` and `SELECT` name it."""
        return f'{name_of(self.column)} AS "{self.name}"'

    @property
    def is_json(self) -> bool:
        """Whether the column holds JSON."""
        return isinstance(self.column, JSON)


def field_of(column: Column) -> Field:
    """Return the field of a column."""
    kind = kind_of(column)
    if column._meta.primary_key and kind.is_text:
        kind = replace(kind, given=Annotated[kind.given, AfterValidator(values.check_key)])
    return Field(column._meta.name, column, kind)


def readable(table: type[Table]) -> list[Field]:
    """Return the fields of all columns of a table that are not secret."""
    return [field_of(column) for column in table._meta.columns if not column._meta.secret]


def own_fields(table: type[Table], setting: str, columns: Iterable[Column]) -> list[Field]:
    """
    Return the fields of columns of a table.

    Args:
        table: The table.
        setting: The argument that names the columns.
        columns: The columns.

    Raises:
        ConfigurationError: A column belongs to another table.
    """
    fields = []
    for column in columns:
        if table_of(column._meta.table) != table_of(table) or column._meta.call_chain:
            raise ConfigurationError(
                f"{setting}={column._meta.name} must be a column of {table.__name__}."
            )
        fields.append(field_of(column))
    return fields


def dotted(column: Column) -> str:
    """Return the name of a column over joins: `director.name`."""
    names = [key._meta.name for key in column._meta.call_chain]
    return ".".join([*names, column._meta.name])


def refuse_secrets(setting: str, columns: Sequence[Column]) -> None:
    """
    Refuse secret columns.

    Args:
        setting: The argument that names the columns.
        columns: The columns, of any table.

    Raises:
        ConfigurationError: One is secret.
    """
    for column in columns:
        if column._meta.secret:
            raise ConfigurationError(
                f"{setting}={dotted(column)} is a secret column, which would leak its values."
            )


def default_of(column: Column) -> Any:
    """Return the default of a column, as it is stored."""
    value = column.get_default_value()
    return convert_to_sql_value(value.python() if isinstance(value, Default) else value, column)


def foreign_keys(fields: Iterable[Field]) -> list[tuple[Field, ForeignKey[Any]]]:
    """Return the fields that are foreign keys."""
    return [(field, field.column) for field in fields if isinstance(field.column, ForeignKey)]
