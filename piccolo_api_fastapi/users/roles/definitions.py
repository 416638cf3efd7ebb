"""`Definitions`: make, change and delete roles."""

from collections.abc import Collection
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.database.outages import is_unique_violation, store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import Conflict, ValueTaken

from . import queries
from .events import data_of
from .guarding import Actor, keeping_manager
from .queries import Own
from .tables import Role


class Definitions:
    """
    Changes roles.

    Args:
        own: The tables of roles.
        clock: Returns the present time.
    """

    def __init__(self, own: Own, clock: Clock) -> None:
        self._own = own
        self._clock = clock

    async def sync(self, seeds: Collection[Role], *, replace: bool) -> None:
        """Store the roles that do not exist; see `Roles.sync`."""
        async with store(), transaction(self._own.roles):
            new = await queries.insert_missing(self._own, seeds)
            for seed in seeds:
                if seed.name in new:
                    await self._tell(seed.name, None, "", seed.permissions)
                elif replace:
                    before = await queries.get_role(self._own, seed.name)
                    await self._change(before, {"permissions": seed.permissions}, None)

    async def create(self, role: Role, by: Actor | None) -> None:
        """Store a new role; see `Roles.create`."""
        async with store(), transaction(self._own.roles):
            if by is not None:
                await by.refuse_beyond(role.granted)
            if not await queries.insert_missing(self._own, [role]):
                raise ValueTaken
            await self._tell(role.name, by, "", role.permissions)

    async def change(self, role: str | UUID, values: dict[str, Any], by: Actor | None) -> Role:
        """Change columns of a role; see `Roles.change`."""
        try:
            async with store(), transaction(self._own.roles):
                before = await queries.get_role(self._own, role)
                return await self._change(before, values, by)
        except Exception as error:
            if is_unique_violation(error):
                raise ValueTaken from None
            raise

    async def _change(self, before: Role, values: dict[str, Any], by: Actor | None) -> Role:
        after = self._own.roles(**before.to_dict() | values)
        if by is not None:
            await by.refuse_beyond(before.granted, after.granted)
        if after.to_dict() == before.to_dict():
            return after
        async with keeping_manager(self._own):
            is_changed = await queries.change_role(self._own, before, values)
        if not is_changed:
            raise Conflict
        await self._tell(after.name, by, before.permissions, after.permissions)
        return after

    async def delete(self, role: str | UUID, by: Actor | None) -> None:
        """Delete a role; see `Roles.delete`."""
        async with store(), transaction(self._own.roles):
            before = await queries.get_role(self._own, role)
            if by is not None:
                await by.refuse_beyond(before.granted)
            async with keeping_manager(self._own):
                is_deleted = await queries.delete_role(self._own, before)
            if not is_deleted:
                raise Conflict
            await self._tell(before.name, by, before.permissions, "")

    async def _tell(self, name: str, by: Actor | None, before: str, after: str) -> None:
        data = data_of(name, by, before, after)
        await emit(AuthEvent("authz_role_changed", self._clock(), None, data))
