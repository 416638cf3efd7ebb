"""The user table that a table belongs to, and users made from its rows."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, TypeVar, cast

from piccolo.apps.user.tables import BaseUser
from piccolo.table import TABLE_REGISTRY, Table

from piccolo_api_fastapi.errors import ConfigurationError

from .statements import column_names

BaseUserT = TypeVar("BaseUserT", bound=BaseUser)
TableT = TypeVar("TableT", bound=Table)

_USER = "user."


def bound(
    kind: type[TableT], user_table: type[BaseUser], given: type[TableT] | None = None
) -> type[TableT]:
    """
    The table of this kind that belongs to users of `user_table`.

    Args:
        kind: The class of the table.
        user_table: The user table.
        given: The table that the application has chosen, if it has.

    Raises:
        ConfigurationError: `given` belongs to other users; or no such table exists, and
            `auth_tables(…)` must be called first.
    """
    if given is not None:
        if user_table_of(given) is not user_table:
            raise ConfigurationError(
                "table is bound to another user table than users; see auth_tables()."
            )
        return given
    for table in reversed(TABLE_REGISTRY):
        if issubclass(table, kind) and _belongs(table, user_table):
            return table
    raise ConfigurationError(
        f"No {kind.__name__} table is bound to {user_table.__name__}; call auth_tables() first."
    )


def user_table_of(table: type[Table]) -> type[BaseUser]:
    """
    The user table that a table belongs to: the target of its foreign key `user`.

    A table without one belongs to the user table that it was bound to, or else to Piccolo's.
    """
    for column in table._meta.foreign_key_columns:
        if column._meta.name == "user":
            return cast("type[BaseUser]", column._foreign_key_meta.resolved_references)
    return cast("type[BaseUser]", getattr(table, "bound_to", BaseUser))


def _belongs(table: type[Table], user_table: type[BaseUser]) -> bool:
    owner = user_table_of(table)
    # Of a table that was never bound only the name of the user table is known.
    is_stock = owner is BaseUser and user_table._meta.tablename == BaseUser._meta.tablename
    return owner is user_table or is_stock


def own_name(user_table: type[BaseUser]) -> str:
    """The name of a user table of the project's own, and an empty text for Piccolo's."""
    name = str(user_table._meta.get_formatted_tablename()).replace('"', "")
    return "" if name == BaseUser._meta.tablename else name


def user_columns(table: type[Table]) -> list[Any]:
    """All columns of the user that a row belongs to, to be selected along with it."""
    user: Any = table._meta.get_column_by_name("user")
    names = column_names(user_table_of(table))
    return [getattr(user, name).as_alias(f"{_USER}{name}") for name in names]


def take_user(row: dict[str, Any]) -> dict[str, Any]:
    """Take the values of `user_columns` out of a row, for `load`."""
    return {name: row.pop(selected) for name, selected in _selected_names(tuple(row))}


@lru_cache(maxsize=256)
def _selected_names(columns: tuple[str, ...]) -> Sequence[tuple[str, str]]:
    """The names of the columns of the user, with those under which they were selected."""
    return [(name[len(_USER) :], name) for name in columns if name.startswith(_USER)]


def primary_key(row: Table) -> Any:
    """The primary key of a row, whatever its name."""
    return getattr(row, row._meta.primary_key._meta.name)


def load(table: type[BaseUserT], values: dict[str, Any]) -> BaseUserT:
    """
    A user from the values of all columns, as a row that exists.

    Piccolo's constructor checks each column again, which would slow down each request. So it
    makes only the first user of a class. The others copy the attributes of that one that are
    not columns. A class with a constructor of its own always uses it.
    """
    if table not in _beside_columns:
        _beside_columns[table] = _find_beside_columns(table, values)
    if (beside := _beside_columns[table]) is None:
        return table(**values, _exists_in_db=True)
    user = table.__new__(table)
    vars(user).update(beside, **values)
    return user


_beside_columns: dict[type[BaseUser], dict[str, Any] | None] = {}

_known_constructors: set[Any] = {BaseUser.__init__, BaseUser.__setattr__}


def loads_by_columns(table: type[BaseUserT]) -> type[BaseUserT]:
    """Declare that the constructor of a user table needs its columns only; see `load`."""
    _known_constructors.update((table.__init__, table.__setattr__))
    return table


def _find_beside_columns(table: type[BaseUser], values: dict[str, Any]) -> dict[str, Any] | None:
    if not {table.__init__, table.__setattr__} <= _known_constructors:
        return None
    state = vars(table(**values, _exists_in_db=True))
    return {name: value for name, value in state.items() if name not in values}
