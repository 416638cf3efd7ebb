"""`Profile`: change what is stored about a user, and close the account."""

from collections.abc import Mapping
from math import ceil
from typing import Any, Generic

from starlette.requests import Request

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.database.outages import is_foreign_key_violation
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, telling
from piccolo_api_fastapi.errors import (
    AccountInUse,
    SessionEnded,
    TooManyRequests,
    Unprocessable,
)
from piccolo_api_fastapi.users import UserT
from piccolo_api_fastapi.users.identifiers import normal_username

from . import queries
from .columns import check_not_null, refusing_values
from .settings import Settings


class Profile(Generic[UserT]):
    """
    Changes the columns and the address of a signed-in user, and deletes the user.

    Args:
        settings: What the parts of `Accounts` share.
    """

    def __init__(self, settings: Settings[UserT]) -> None:
        self._settings = settings
        self._users = settings.users

    async def accept_change(
        self, identity: Identity[UserT], password: str | None, email: str, request: Request
    ) -> str:
        """
        The normal form of the address that a signed-in user wants to change to.

        Raises:
            Unprocessable: The text is not an e-mail address, or it can't be the username of a
                user whose username is their address.
            InvalidCredentials: The password is wrong, or the account was closed.
            StepUpRequired: No password was given, and the caller has used no factor recently.
            TooManyRequests: The user requested another change within `MailLifetimes.interval`.
        """
        user, clock = identity.user, self._users.clock
        failing = "user_email_change_fail"
        async with telling(failing, clock, Unprocessable, user=primary_key(user)):
            address = self._users.new_email(email)
            if "@" in user.username:
                normal_username(address, self._users.table.username.length or 0)
        await self._settings.prove(identity, password, request)
        mailboxes = self._settings.mailboxes
        if not await mailboxes.pacing.may_send(user, "change"):
            interval = mailboxes.verification.lifetimes.interval
            raise TooManyRequests(retry_after=ceil(interval.total_seconds()))
        return address

    async def update(self, user: UserT, values: Mapping[str, Any]) -> UserT:
        """
        Change columns that a user may change.

        Returns:
            The user with the new values.

        Raises:
            Unprocessable: A column can't be empty, or a value does not fit it.
            ValueTaken: A value belongs to another user.
            SessionEnded: The account was closed in the meantime.
        """
        check_not_null(self._users.table, values)
        if not values:
            return user
        key = primary_key(user)
        with refusing_values():
            async with transaction(self._users.table):
                if not await queries.update_columns(self._users.table, key, dict(values)):
                    raise SessionEnded
                await emit(AuthEvent("user_updated", self._users.clock(), key))
        return await self._users.get(key) or user

    async def close(
        self, identity: Identity[UserT], password: str | None, request: Request
    ) -> None:
        """
        Delete a user and every row that refers to them. Events stay. Of several concurrent
        requests, one succeeds.

        Raises:
            InvalidCredentials: The password is wrong, or the account was closed.
            StepUpRequired: No password was given, and the caller has used no factor recently.
            AccountInUse: Rows of the application refer to the user, and are not deleted with the
                user. Nothing was changed.
            LastManager: No other user may manage roles.
        """
        await self._settings.prove(identity, password, request)
        key, is_deleting = primary_key(identity.user), False
        try:
            async with transaction(self._users.table):
                await self._users.lock(key)
                # Before the deletion, so that a `before_commit` listener can still read the rows.
                await emit(AuthEvent("user_deleted", self._users.clock(), key))
                is_deleting = True
                async with self._users.keeping_manager():
                    await queries.delete_user(self._users.table, key)
        except Exception as error:  # also at the commit, by a deferred foreign key
            if is_deleting and is_foreign_key_violation(error):
                raise AccountInUse from None
            raise
