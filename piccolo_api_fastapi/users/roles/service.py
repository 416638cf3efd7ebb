"""`Roles`: the object through which applications define, grant and withdraw roles."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.access.permissions import EVERYTHING, RESERVED
from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.errors import ConfigurationError, Unprocessable

from . import queries
from .definitions import Definitions
from .grants import Grants
from .guarding import MANAGE, Actor
from .names import usable_description, usable_permissions, usable_role
from .queries import Own
from .tables import Role, UserRole


@configured
class Roles:
    """
    Roles: named sets of permissions, which users are granted and lose again.

    ```python
    from piccolo_api_fastapi import Roles, SessionAuth, Users, require

    roles = Roles({"editor": ["movies:read", "movies:write"]})
    users = Users(roles=roles)
    writer = require(SessionAuth(users), permission="movies:write")

    await roles.sync()
    alan = await users.create("alan", "correct horse battery")
    await roles.grant(alan, "editor")
    ```

    Permissions are scopes: `require`, FastAPI's `Security`, API tokens and JWTs treat them as
    such. A change takes effect at the next request. A role with the permission `*` has all
    permissions that the code names: in `Roles`, `require` and `owned`.

    Args:
        seeds: The permissions of each role that `sync` stores. More roles can be made at run time.

    Raises:
        ConfigurationError: The name of a role or a permission is malformed or reserved.
    """

    def __init__(self, seeds: Mapping[str, Iterable[str]] | None = None) -> None:
        self._own: Own | None = None
        self._clock: Clock = utcnow
        try:
            self._seeds = {
                usable_role(name): usable_permissions(permissions)
                for name, permissions in (seeds or {}).items()
            }
        except Unprocessable as error:
            raise ConfigurationError(
                f"Roles: {error.errors[0].msg} Reserved are {', '.join(sorted(RESERVED))}."
            ) from None
        self.seeded = frozenset(" ".join(self._seeds.values()).split())
        self.known: set[str] = {MANAGE, *self.seeded} - {EVERYTHING}

    def bind(self, table: type[BaseUser], clock: Clock) -> None:
        """
        Let the roles belong to a user table. `Users(roles=…)` does it.

        Raises:
            ConfigurationError: They belong to another one.
        """
        if self._own is not None and self._own.users is not table:
            raise ConfigurationError("Each Users needs Roles of its own.")
        self._own = Own(table, bound(Role, table), bound(UserRole, table))
        self._clock = clock

    @property
    def own(self) -> Own:
        """The tables of the roles."""
        if self._own is None:
            raise ConfigurationError("Give the roles to Users(roles=…) first.")
        return self._own

    async def sync(self, *, replace: bool = False) -> None:
        """
        Store the roles of the code that do not exist. Run it after the migrations.

        Args:
            replace: Whether to give those that exist the permissions of the code again.
        """
        seeds = [queries.new_role(self.own, *seed) for seed in self._seeds.items()]
        await self._definitions.sync(seeds, replace=replace)

    async def every(self) -> Sequence[Role]:
        """List all roles, by name."""
        async with store():
            return await queries.every_role(self.own)

    async def find(self, role: str | UUID) -> Role:
        """
        Look up a role by its name or its id.

        Raises:
            NotFound: It does not exist.
        """
        async with store():
            return await queries.get_role(self.own, role)

    async def create(
        self,
        name: str,
        permissions: Iterable[str],
        description: str = "",
        *,
        by: Actor | None = None,
    ) -> Role:
        """
        Make a role.

        Args:
            name: Its name: lower-case letters, digits, `.`, `-` and `_`.
            permissions: Its permissions.
            description: What it is for.
            by: The user who makes it, who can't go beyond their own permissions. Default: the
                application, which can.

        Raises:
            Unprocessable: The name, a permission or the description is not valid.
            ValueTaken: Another role has the name.
            InsufficientScope: `by` lacks one of the permissions.
        """
        values = usable_role(name), usable_permissions(permissions), usable_description(description)
        role = queries.new_role(self.own, *values)
        await self._definitions.create(role, by)
        return role

    async def change(
        self,
        role: str | UUID,
        *,
        name: str | None = None,
        permissions: Iterable[str] | None = None,
        description: str | None = None,
        by: Actor | None = None,
    ) -> Role:
        """
        Change a role. `None` leaves a value as it is.

        Args:
            role: The name or the id of the role.
            name: Its new name.
            permissions: Its new permissions. Users who have the role gain and lose them at once.
            description: Its new description.
            by: The user who changes it, as for `create`.

        Raises:
            Unprocessable: A value is not valid.
            NotFound: The role does not exist.
            ValueTaken: Another role has the name.
            InsufficientScope: `by` lacks a permission that the role has or gets.
            LastManager: Nobody could manage roles any more.
            Conflict: The role was changed meanwhile.
        """
        values: dict[str, Any] = {}
        if name is not None:
            values["name"] = usable_role(name)
        if permissions is not None:
            values["permissions"] = usable_permissions(permissions)
        if description is not None:
            values["description"] = usable_description(description)
        return await self._definitions.change(role, values, by)

    async def delete(self, role: str | UUID, *, by: Actor | None = None) -> None:
        """
        Delete a role. Users who have it lose it at once.

        Args:
            role: The name or the id of the role.
            by: The user who deletes it, as for `create`.

        Raises:
            NotFound: The role does not exist.
            InsufficientScope: `by` lacks a permission of the role.
            LastManager: Nobody could manage roles any more.
            Conflict: The role was changed meanwhile.
        """
        await self._definitions.delete(role, by)

    async def grant(
        self,
        user: BaseUser,
        role: str | UUID,
        *,
        expires_at: datetime | None = None,
        by: Actor | None = None,
    ) -> UserRole:
        """
        Grant a role to a user, or give a grant that exists another expiry time.

        Args:
            user: The user.
            role: The name or the id of the role.
            expires_at: When the user loses it again, aware; `None` for never.
            by: The user who grants it, who can't go beyond their own permissions. Default: the
                application, which can.

        Returns:
            The grant, with its role.

        Raises:
            NotFound: The role or the user does not exist.
            Unprocessable: The time is in the past, or more than 100 years away.
            Forbidden: `by` is the user.
            InsufficientScope: `by` lacks a permission of the role.
            LastManager: Nobody could manage roles for good any more.
            Conflict: The role was changed meanwhile.
        """
        return await self._grants.grant(primary_key(user), role, expires_at, by)

    async def withdraw(self, user: BaseUser, role: str | UUID, *, by: Actor | None = None) -> None:
        """
        Withdraw a role from a user, who loses it at once.

        Args:
            user: The user.
            role: The name or the id of the role.
            by: The user who withdraws it, as for `grant`. Users may give up their own roles.

        Raises:
            NotFound: The role or the user does not exist, or the user does not have it.
            InsufficientScope: `by` lacks a permission of the role.
            LastManager: Nobody could manage roles any more.
        """
        await self._grants.withdraw(primary_key(user), role, by)

    async def roles_of(self, user: BaseUser) -> Sequence[UserRole]:
        """List the grants of a user that count now, with their roles, by name."""
        async with store():
            return await queries.grants_of(self.own, primary_key(user), self._clock())

    async def holders(
        self, permission: str, *, after: Any = None, limit: int = 100
    ) -> Sequence[BaseUser]:
        """
        List the active users who have a permission by a role, in the order of their keys.

        Args:
            permission: The permission.
            after: The primary key of the last user of the page before, or `None` for the first.
            limit: The number of users of a page.
        """
        async with store():
            return await queries.holders(self.own, permission, self._clock(), after, limit)

    @property
    def _definitions(self) -> Definitions:
        return Definitions(self.own, self._clock)

    @property
    def _grants(self) -> Grants:
        return Grants(self.own, self._clock)
