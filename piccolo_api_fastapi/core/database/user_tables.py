"""What ties tables to a user table."""

from collections.abc import Iterator
from typing import Any, ClassVar, TypeVar, cast

from piccolo.apps.user.tables import BaseUser
from piccolo.table import TABLE_REGISTRY, Table

from piccolo_api_fastapi.errors import ConfigurationError

from .transactions import column_names

BaseUserT = TypeVar("BaseUserT", bound=BaseUser)
TableT = TypeVar("TableT", bound=Table)

_USER = "user."


class CredentialTable:
    """
    Marks tables whose rows are a way in: they end when the password changes.

    A subclass is a Piccolo table with a foreign key `user` and a primary key `id`.
    """


class BrowserTable:
    """
    Marks tables of what is remembered of those who knew a password: forgotten with it.

    A subclass is a Piccolo table with a foreign key `user`.
    """


class VerificationTable:
    """
    Marks the table that says which address of a user is verified.

    A subclass is a Piccolo table with a foreign key `user`, `email` and `verified_at`.
    """


class FactorTable:
    """
    Marks tables of second factors that somebody set up: they end when a change of address is
    undone that came before.

    A subclass is a Piccolo table with a foreign key `user`. `enrolled_at` is the name of the
    column that says when.
    """

    enrolled_at: ClassVar[str]


def bound(kind: type[TableT], user_table: type[BaseUser]) -> type[TableT]:
    """
    The table of this kind whose foreign key `user` goes to `user_table`.

    Raises:
        ConfigurationError: There is none: call `auth_tables(…)` first.
    """
    for table in reversed(TABLE_REGISTRY):
        if issubclass(table, kind) and user_table_of(table) is user_table:
            return table
    raise ConfigurationError(
        f"No {kind.__name__} table is bound to {user_table.__name__}; call auth_tables() first."
    )


def user_table_of(table: type[Table]) -> type[BaseUser]:
    """The user table that the foreign key `user` of a table goes to."""
    user: Any = table._meta.get_column_by_name("user")
    return cast("type[BaseUser]", user._foreign_key_meta.resolved_references)


def user_columns(table: type[Table]) -> list[Any]:
    """All columns of the user that a row belongs to, to be selected along with it."""
    user: Any = table._meta.get_column_by_name("user")
    names = column_names(user_table_of(table))
    return [getattr(user, name).as_alias(f"{_USER}{name}") for name in names]


def take_user(row: dict[str, Any]) -> dict[str, Any]:
    """Take the values of `user_columns` out of a row, for `load`."""
    names = [name for name in row if name.startswith(_USER)]
    return {name[len(_USER) :]: row.pop(name) for name in names}


def primary_key(row: Table) -> Any:
    """The primary key of a row, whatever its name."""
    return getattr(row, row._meta.primary_key._meta.name)


def load(table: type[BaseUserT], values: dict[str, Any]) -> BaseUserT:
    """
    A user from the values of all columns, as a row that exists.

    Piccolo's constructor looks at each column again, which a request would feel. So it makes
    the first user of a class, and the others get what that one has beside its columns. A
    class with a constructor of its own is left to it.
    """
    if table not in _beside_columns:
        _beside_columns[table] = _find_beside_columns(table, values)
    if (beside := _beside_columns[table]) is None:
        return table(**values, _exists_in_db=True)
    user = table.__new__(table)
    vars(user).update(beside, **values)
    return user


_beside_columns: dict[type[BaseUser], dict[str, Any] | None] = {}

_KNOWN_CONSTRUCTORS = frozenset({BaseUser.__module__, "piccolo_api_fastapi.users.tables"})


def _find_beside_columns(table: type[BaseUser], values: dict[str, Any]) -> dict[str, Any] | None:
    if not {table.__init__.__module__, table.__setattr__.__module__} <= _KNOWN_CONSTRUCTORS:
        return None
    state = vars(table(**values, _exists_in_db=True))
    return {name: value for name, value in state.items() if name not in values}


def credential_tables(user_table: type[BaseUser]) -> Iterator[type[Table]]:
    """The tables whose rows are a way in for users of this table, by whatever class it is named."""
    return _marked(CredentialTable, user_table)


def browser_tables(user_table: type[BaseUser]) -> Iterator[type[Table]]:
    """The tables of what is remembered of those who knew the password of a user of this table."""
    return _marked(BrowserTable, user_table)


def verification_tables(user_table: type[BaseUser]) -> Iterator[type[Table]]:
    """The tables that say which addresses of users of this table are verified."""
    return _marked(VerificationTable, user_table)


def factor_tables(user_table: type[BaseUser]) -> Iterator[type[Table]]:
    """The tables of second factors that users of this table set up."""
    return _marked(FactorTable, user_table)


def _marked(marker: type, user_table: type[BaseUser]) -> Iterator[type[Table]]:
    for table in TABLE_REGISTRY:
        if issubclass(table, marker):
            owner = user_table_of(table)._meta
            if owner.get_formatted_tablename() == user_table._meta.get_formatted_tablename():
                yield table
