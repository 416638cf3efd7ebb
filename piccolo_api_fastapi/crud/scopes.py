"""Which rows of a table a caller sees: the condition that every statement has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import Column, ForeignKey
from piccolo.table import Table

from piccolo_api_fastapi.access.identity import FLAGS, Identity
from piccolo_api_fastapi.errors import ConfigurationError

from .sql import NOTHING, SQL, name_of, table_of

Caller = Identity[Any] | None


@dataclass(frozen=True, slots=True)
class Scope:
    """
    The rows of a table that a caller sees.

    Args:
        path: The columns that lead to the owner: foreign keys, and the owner at the end. Without
            any, everybody sees all rows.
        attribute: The attribute of the user that the owner column holds.
        sees_all: The scope whose holders see all rows.
        public_read: Whether everybody reads all rows.
    """

    path: tuple[Column, ...] = ()
    attribute: str = ""
    sees_all: str | None = None
    public_read: bool = False

    def condition(self, row: str, caller: Caller, *, reading: bool) -> SQL | None:
        """
        Return the condition on the rows of a table.

        Args:
            row: The name of the table in the statement.
            caller: The caller; `None` if nobody is signed in.
            reading: Whether the rows are only read.

        Returns:
            The condition, or `None` if the caller sees all rows.
        """
        if not self.path or (reading and self.public_read):
            return None
        if caller is None:
            return NOTHING
        if self.is_lifted(caller):
            return None
        return SQL(_owned(row, self.path), (getattr(caller.user, self.attribute),))

    def is_lifted(self, caller: Caller) -> bool:
        """Return whether the caller holds the scope that sees all rows."""
        if caller is None or self.sees_all is None or self.sees_all not in caller.scopes:
            return False
        return self.sees_all not in FLAGS or bool(getattr(caller.user, self.sees_all))


EVERYBODY = Scope()
"""The scope of a table whose rows have no owner."""


def _owned(row: str, path: Sequence[Column]) -> str:
    column, *rest = path
    if not rest:
        return f"{row}.{name_of(column)} = {{}}"
    assert isinstance(column, ForeignKey)  # noqa: S101 - the path is made of them
    target, key = target_of(column)
    inner = table_of(target)
    owned = f"SELECT {inner}.{name_of(key)} FROM {inner} WHERE {_owned(inner, rest)}"  # noqa: S608
    return f"{row}.{name_of(column)} IN ({owned})"


def target_of(column: ForeignKey[Any]) -> tuple[type[Table], Column]:
    """Return the table that a foreign key leads to, and the column there."""
    meta = column._foreign_key_meta
    return meta.resolved_references, meta.resolved_target_column


def is_user_table(table: type[Table]) -> bool:
    """Return whether a table holds users, by whatever class."""
    return issubclass(table, BaseUser) or table_of(table) == table_of(BaseUser)


def scope_of_owner(
    owner: Column, users: type[BaseUser], sees_all: str | None, *, public_read: bool
) -> Scope:
    """
    Return the scope of a table whose rows have an owner.

    Args:
        owner: The foreign key to the user, perhaps over joins: `Track.album.owner`.
        users: The user table of the guard.
        sees_all: The scope whose holders see all rows.
        public_read: Whether everybody reads all rows.

    Raises:
        ConfigurationError: The column does not lead to that user table.
    """
    if not isinstance(owner, ForeignKey):
        raise ConfigurationError(
            f"owner={owner._meta.name} must be a foreign key to the user table of the guard."
        )
    target, key = target_of(owner)
    if table_of(target) != table_of(users):
        raise ConfigurationError(
            f"owner={owner._meta.name} leads to {target.__name__}, and the guard finds users of "
            f"{users.__name__}."
        )
    path = (*owner._meta.call_chain, owner)
    return Scope(path, key._meta.name, sees_all, public_read)
