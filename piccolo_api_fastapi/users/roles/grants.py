"""`Grants`: give roles to users, and withdraw them."""

from contextlib import nullcontext
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.database.outages import is_without_user, store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import Conflict, FieldError, Forbidden, NotFound, Unprocessable

from . import queries
from .events import data_of
from .guarding import MANAGE, Actor, keeping_manager
from .queries import Own
from .tables import Role, UserRole

CENTURY = timedelta(days=36_525)
"""The longest time for which a role is granted, if it is not granted for good."""


class Grants:
    """
    Changes the roles of users.

    Args:
        own: The tables of roles.
        clock: Returns the present time.
    """

    def __init__(self, own: Own, clock: Clock) -> None:
        self._own = own
        self._clock = clock

    async def grant(
        self, user: Any, role: str | UUID, expires_at: datetime | None, by: Actor | None
    ) -> UserRole:
        """Grant a role to the user with this primary key; see `Roles.grant`."""
        now = self._clock()
        end = _end_of(expires_at, now)
        async with store(), transaction(self._own.grants):
            found = await self._judge(user, role, by)
            granter = None if by is None else by.key
            row = queries.new_grant(self._own, user, found.id, granter, now, end)
            before = await self._existing(row, now)
            await self._store(row, found)
            told = data_of(found.name, by, before, _time_of(row))
            await emit(AuthEvent("authz_role_granted", now, user, told))
        row.role = found  # as in the rows of `grants_of`
        return row

    async def _judge(self, user: Any, role: str | UUID, by: Actor | None) -> Role:
        """
        Lock the user and the actor, and look up the role that one gives to the other.

        The grant refers to both. A deletion of either locks its row first as well.
        """
        keys = {user} if by is None else {user, by.key}
        if await queries.lock_users(self._own, *keys) < len(keys):
            raise NotFound
        if by is not None and by.key == user:
            raise Forbidden("You can't grant a role to yourself.")
        found = await queries.get_role(self._own, role)
        if by is not None:
            await by.refuse_beyond(found.granted)
        return found

    async def _existing(self, row: UserRole, now: datetime) -> str:
        grants = await queries.grants_of(
            self._own, row.user, now, self._own.grants.slot == row.slot
        )
        return "".join(map(_time_of, grants))

    async def _store(self, row: UserRole, role: Role) -> None:
        # It may shorten a grant that does not expire.
        end: datetime | None = row.expires_at
        may_end = end is not None and role.grants(MANAGE)
        try:
            async with keeping_manager(self._own) if may_end else nullcontext():
                is_stored = await queries.grant(self._own, row, role)
        except Exception as error:
            if is_without_user(error):  # the role was deleted: the users are locked
                raise NotFound from None
            raise
        if not is_stored:
            raise Conflict

    async def withdraw(self, user: Any, role: str | UUID, by: Actor | None) -> None:
        """Withdraw a role from the user with this primary key; see `Roles.withdraw`."""
        now = self._clock()
        async with store(), transaction(self._own.grants):
            await queries.lock_users(self._own, user)
            found = await queries.get_role(self._own, role)
            if by is not None:
                await by.refuse_beyond(found.granted)
            row = queries.new_grant(self._own, user, found.id, None, now, None)
            before = await self._existing(row, now)
            async with keeping_manager(self._own):
                await queries.withdraw(self._own, row.slot)
            if not before:  # the user is locked, so nothing came between
                raise NotFound
            told = data_of(found.name, by, before, "")
            await emit(AuthEvent("authz_role_withdrawn", now, user, told))


def _time_of(grant: UserRole) -> str:
    end: datetime | None = grant.expires_at
    return "never" if end is None else end.isoformat()


def _end_of(wanted: datetime | None, now: datetime) -> datetime | None:
    """The expiry time in UTC. Compared before the conversion, which can overflow."""
    if wanted is None:
        return None
    if wanted.tzinfo is None or not now < wanted < now + CENTURY:
        sentence = "The time must have a time zone, and be in the future, but not too far."
        raise Unprocessable([FieldError(("body", "expires_at"), sentence, "expiry_invalid")])
    return wanted.astimezone(timezone.utc)
