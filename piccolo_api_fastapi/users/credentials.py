"""Ending the sessions, tokens and other credentials of a user."""

from collections.abc import Iterable
from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.database.auth_tables import (
    AuthTable,
    credential_tables,
    device_tables,
)
from piccolo_api_fastapi.errors import ConfigurationError, InvalidCredentials


class Credentials:
    """
    Locks users and ends their credentials.

    Args:
        table: The user table.
        kept: The credential tables that a new password keeps.

    Raises:
        ConfigurationError: A table in `kept` is not a table of credentials.
    """

    def __init__(self, table: type[BaseUser], kept: Iterable[type[AuthTable]]) -> None:
        self._table = table
        self._key = table._meta.primary_key
        self._kept = tuple(kept)
        for kind in self._kept:
            if not getattr(kind, "ends_with_password", False):
                raise ConfigurationError(
                    f"{kind.__name__} in keeps_on_new_password is not a table of credentials; "
                    "use tables such as APIToken."
                )

    async def lock(self, key: Any) -> str:
        """
        Lock a user's row until the transaction ends.

        Args:
            key: The primary key of the user.

        Returns:
            The value of the password column of the user table.

        Raises:
            InvalidCredentials: The user does not exist.
        """
        column = self._table.password
        locked = (
            await self._table.update({column: column}).where(self._key == key).returning(column)
        )
        if not locked:
            raise InvalidCredentials
        return str(locked[0]["password"])

    async def end(self, key: Any, *, keep: Any = None, everything: bool = False) -> None:
        """
        End the credentials of a user, except those in tables that a new password keeps.

        Args:
            key: The primary key of the user.
            keep: The id of a credential that stays valid.
            everything: Whether to end the credentials that a new password keeps as well.
        """
        # Locks the row, if there is one: a login that is under way issues nothing meanwhile.
        active = self._table.active
        await self._table.update({active: active}).where(self._key == key)
        for table in credential_tables(self._table):
            if issubclass(table, self._kept) and not everything:
                continue
            condition: Any = table.user == key  # type: ignore[attr-defined]
            if (kept := _as_id(table, keep)) is not None:
                condition = condition & (table.id != kept)  # type: ignore[attr-defined]
            await table.delete().where(condition)

    async def forget_browsers(self, key: Any) -> None:
        """
        Forget the known browsers of a user.

        Otherwise anyone who knew the old password could guess the new one from such a browser
        without the limits of an unknown one.
        """
        for table in device_tables(self._table):
            await table.delete().where(table.user == key)  # type: ignore[attr-defined]


def _as_id(table: Any, keep: Any) -> Any:
    """Return the id of a credential to keep as this table has it, or `None` if it can't have it."""
    try:
        return None if keep is None else table.id.value_type(str(keep))
    except ValueError:  # PostgreSQL would not compare them
        return None
