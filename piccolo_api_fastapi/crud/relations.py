"""The tables that foreign keys lead to: the rows of them that a caller sees."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import ForeignKey
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.errors import ConfigurationError

from .fields import Field, readable
from .scopes import EVERYBODY, Caller, Scope, is_user_table, target_of
from .sql import SQL, all_of, name_of, table_of

if TYPE_CHECKING:
    from .crud import Crud
    from .models import Output


class Relations:
    """
    The scopes of a table and of those that it is joined with.

    Args:
        table: The table.
        scope: Its own scope.
        users: The user table of the guard.
        related: The `Crud` objects of other tables.
    """

    def __init__(
        self,
        table: type[Table],
        scope: Scope,
        users: type[BaseUser],
        related: "Sequence[Crud]",
    ) -> None:
        self._table = table
        self._scope = scope
        self._users = users
        self._related = {table_of(crud.table): crud for crud in related}
        self._known: dict[tuple[str, str], Scope] = {}

    def scope_of(self, column: ForeignKey[Any]) -> Scope:
        """
        Return the scope of the table that a foreign key leads to.

        Raises:
            ConfigurationError: Rows of that table have an owner, and its scope is not known.
        """
        place = table_of(column._meta.table), column._meta.name
        if place not in self._known:
            self._known[place] = self._find(target_of(column)[0], target_of(column)[1]._meta.name)
        return self._known[place]

    def _find(self, target: type[Table], key: str) -> Scope:
        name = table_of(target)
        if is_user_table(target):
            return self._only_oneself(target, key)
        refuse_tables_of_authentication(target)
        if name in self._related:
            return self._related[name].scope
        if name == table_of(self._table):
            return self._scope
        for position, column in enumerate(self._scope.path[:-1]):
            if table_of(target_of(column)[0]) == name:  # type: ignore[arg-type]
                rest = self._scope.path[position + 1 :]
                return Scope(rest, self._scope.attribute, self._scope.sees_all)
        if leads_to_users(target):
            raise ConfigurationError(
                f"Rows of {target.__name__} lead to a user. Say who sees them by "
                f"related=[Crud({target.__name__}, …, owner=…)], with owner=None if everybody."
            )
        return EVERYBODY

    def _only_oneself(self, target: type[Table], key: str) -> Scope:
        if table_of(self._users) != table_of(target):
            raise ConfigurationError(
                f"A foreign key to {target.__name__} can be written and joined only with a guard "
                "that finds users of that table."
            )
        column = target._meta.get_column_by_name(key)
        return Scope((column,), key, self._scope.sees_all)

    def scope_of_children(self, column: ForeignKey[Any]) -> Scope:
        """
        Return the scope of a table whose rows refer to rows of this one.

        Args:
            column: The foreign key of that table.

        Raises:
            ConfigurationError: Its rows lead to a user in another way, and its scope is not known.
        """
        table = column._meta.table
        if table_of(table) in self._related:
            return self._related[table_of(table)].scope
        others = [
            key for key in table._meta.foreign_key_columns if key._meta.name != column._meta.name
        ]
        if any(_is_or_leads_to_users(target_of(key)[0], set()) for key in others):
            raise ConfigurationError(
                f"Rows of {table.__name__} lead to a user. Say who sees them by "
                f"related=[Crud({table.__name__}, …, owner=…)]."
            )
        if not self._scope.path:
            return EVERYBODY
        path = (column, *self._scope.path)
        return Scope(path, self._scope.attribute, self._scope.sees_all, self._scope.public_read)

    def output_of(self, table: type[Table]) -> "Output | None":
        """Return what clients read of a related table, if that was said."""
        known = self._related.get(table_of(table))
        return None if known is None else known.output

    def fields_of(self, table: type[Table]) -> list[Field]:
        """Return the fields of a related table that clients read."""
        known = self.output_of(table)
        return readable(table) if known is None else list(known.fields.values())

    def seen(self, column: ForeignKey[Any], value: Any, caller: Caller) -> SQL:
        """
        Return the condition that a foreign key leads to a row that the caller sees.

        Args:
            column: The foreign key.
            value: Its new value.
            caller: The caller.
        """
        target, key = target_of(column)
        name = table_of(target)
        scope = self._scope_of_new(column).condition(name, caller, reading=True)
        found = all_of(SQL(f"{name}.{name_of(key)} = {{}}", (value,)), scope)
        return SQL(f"EXISTS (SELECT 1 FROM {name} WHERE {found.text})", found.values)  # noqa: S608

    def _scope_of_new(self, column: ForeignKey[Any]) -> Scope:
        """
        Return the scope of the rows that a foreign key of a new row may lead to.

        The key that leads to the owner decides whose the row is: who may only read the row there,
        or may change it by the `Crud` of its own table, can't put rows below it.
        """
        path, own = self._scope.path, self._scope
        if len(path) > 1 and column._meta.name == path[0]._meta.name:
            return Scope(path[1:], own.attribute, own.sees_all)
        return self.scope_of(column)


def refuse_tables_of_authentication(table: type[Table]) -> None:
    """
    Refuse tables that have rules of their own.

    Raises:
        ConfigurationError: The table is one of users or of this package.
    """
    if is_user_table(table) or issubclass(table, AuthTable):
        raise ConfigurationError(
            f"{table.__name__} is a table of authentication, whose rows have rules of their own; "
            "use accounts_router and the other routers for them."
        )


def leads_to_users(table: type[Table]) -> bool:
    """Return whether foreign keys lead from a table to a user, over whatever other tables."""
    return any(_is_or_leads_to_users(target, set()) for target in _targets(table))


def _is_or_leads_to_users(table: type[Table], seen: set[str]) -> bool:
    if is_user_table(table):
        return True
    if table_of(table) in seen:
        return False
    seen.add(table_of(table))
    return any(_is_or_leads_to_users(target, seen) for target in _targets(table))


def _targets(table: type[Table]) -> Iterable[type[Table]]:
    return [target_of(column)[0] for column in table._meta.foreign_key_columns]
