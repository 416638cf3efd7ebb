"""`HeldPermissions`: the permissions that users have by their roles."""

from collections.abc import Collection
from contextlib import AbstractAsyncContextManager
from typing import Any

from piccolo.apps.user.tables import BaseUser
from piccolo.table import Table

from piccolo_api_fastapi.access.permissions import EVERYTHING, RESERVED
from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.database.outages import store

from . import guarding, queries
from .service import Roles


class HeldPermissions:
    """
    Looks up the permissions of users, for `Users`.

    Args:
        roles: The roles, which belong to this user table from now on.
        table: The user table.
        clock: Returns the present time.
    """

    def __init__(self, roles: Roles, table: type[BaseUser], clock: Clock) -> None:
        roles.bind(table, clock)
        self._roles = roles
        self._clock = clock

    def column_of(self, table: type[Table]) -> queries.ColumnAt:
        """The permissions of the user of a row, as a column of the query that finds the row."""
        return queries.column_of(self._roles.own, table)

    async def of(self, user: Any) -> frozenset[str]:
        """The permissions of the user with this primary key, by a statement of its own."""
        async with store():
            return self.read(await queries.permissions_of(self._roles.own, user, self._clock()))

    def read(self, permissions: str) -> frozenset[str]:
        """Read what the column holds. `*` includes all permissions that the code names."""
        held = frozenset(permissions.split()) - RESERVED  # Piccolo Admin checks no names
        return held | self._roles.known if EVERYTHING in held else held

    async def unknown(self, asked: Collection[str]) -> Collection[str]:
        """
        The permissions that no role grants, neither of the code nor of the database; sorted.

        Args:
            asked: The permissions that routes ask for.
        """
        wanted = frozenset(asked) - RESERVED
        granted = frozenset[str]().union(
            self._roles.seeded, *(role.granted for role in await self._roles.every())
        )
        return [] if EVERYTHING in granted else sorted(wanted - granted)

    def keeping_manager(self) -> AbstractAsyncContextManager[None]:
        """A block that leaves a user who may manage roles; see `guarding.keeping_manager`."""
        return guarding.keeping_manager(self._roles.own)
