"""`Passwords`: reset a forgotten password, and change a known one."""

from datetime import timedelta
from typing import Generic

from starlette.requests import Request
from starlette.responses import Response

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, telling
from piccolo_api_fastapi.errors import InvalidTicket, Unprocessable
from piccolo_api_fastapi.login.tickets import Tickets
from piccolo_api_fastapi.mail.messages import PasswordChanged, ResetPassword
from piccolo_api_fastapi.users import UserT
from piccolo_api_fastapi.users.identifiers import real_email

from .settings import Settings

ATTEMPTS = 10
"""How often a link may be presented, so that a user can replace a password that is refused."""


class Passwords(Generic[UserT]):
    """
    Sets new passwords, by a link or by the current password.

    Args:
        settings: What the parts of `Accounts` share.
        reset_lifetime: How long a link that sets a new password is valid.
    """

    def __init__(self, settings: Settings[UserT], reset_lifetime: timedelta) -> None:
        self._settings = settings
        self._users = settings.users
        self._tickets = Tickets(
            settings.users, "reset-password", lifetime=reset_lifetime, attempts=ATTEMPTS
        )

    async def request_reset(self, email: str) -> None:
        """Send a link that sets a new password, if a user has this address."""
        mailboxes = self._settings.mailboxes
        user = await mailboxes.addresses.find(email)
        if user is None or not (user.active or await mailboxes.addresses.waits(user)):
            key = None if user is None else primary_key(user)
            name = "authn_password_reset_request_fail"
            await emit(AuthEvent(name, self._users.clock(), key))
            await mailboxes.pacing.rehearse(tickets=1)
        elif await mailboxes.pacing.may_send(user, "reset"):
            await self.send_reset(user)
        else:
            await mailboxes.pacing.rehearse(tickets=1)

    async def send_reset(self, user: UserT) -> None:
        """
        Send a link that sets a new password. If that fails, the next request may send one at
        once.
        """
        async with self._settings.mailboxes.pacing.attempt(user, "reset") as attempt:
            await attempt.send(await self._issue(user))

    async def _issue(self, user: UserT) -> ResetPassword:
        key, now = primary_key(user), self._users.clock()
        async with transaction(self._users.table):
            token = await self._tickets.issue(key, user.email, replace=True)
            await emit(AuthEvent("authn_password_reset_requested", now, key))
        link = self._settings.mailboxes.links.to("reset", token)
        until = now + self._tickets.lifetime
        return ResetPassword(**self._settings.to(user), link=link, expires_at=until)

    async def reset(self, token: str, password: str) -> UserT:
        """
        Set a new password by the secret of a link.

        This revokes all credentials of the user and verifies the address that received the link.
        It signs nobody in.

        Raises:
            InvalidTicket: The secret is unknown, used or expired, the address changed, or the
                user is disabled.
            WeakPassword: The policy refuses the password. The link stays valid.
        """
        mailboxes, errors = self._settings.mailboxes, (InvalidTicket, Unprocessable)
        async with telling("authn_password_reset_fail", self._users.clock, *errors):
            ticket = await self._tickets.present(token)
            key, email = ticket.user, ticket.data
            user = await mailboxes.addresses.get(key)
            encoded = await self._users.encode(password, user.username, real_email(user.email))
            async with transaction(self._users.table):
                await mailboxes.addresses.hold(key, email)
                await self._tickets.burn(ticket)
                before = await mailboxes.verification.mark_verified(key, email)
                await self._users.store_password(user, encoded, everything=before.is_new)
                await self._settings.owe(PasswordChanged, user)
                await emit(AuthEvent("authn_password_reset", self._users.clock(), key))
        return user

    async def change(
        self,
        identity: Identity[UserT],
        current: str | None,
        new: str,
        request: Request,
        response: Response,
    ) -> None:
        """
        Change the password of a signed-in user, and revoke their other credentials.

        Their session gets a new cookie, and their browser gets a new device cookie.

        Raises:
            InvalidCredentials: The current password is wrong, or the account was closed.
            StepUpRequired: No password was given, and the caller has used no factor recently.
            WeakPassword: The policy refuses the new password.
        """
        identity = await self._settings.prove(identity, current, request)
        user, clock = identity.user, self._users.clock
        failing = "authn_password_change_fail"
        async with telling(failing, clock, Unprocessable, user=primary_key(user)):
            encoded = await self._users.encode(new, user.username, real_email(user.email))
        async with transaction(self._users.table):
            await self._users.store_password(user, encoded, keep=identity.credential_id)
            await self._settings.owe(PasswordChanged, user)
            await self._settings.guard.step_up(identity, PASSWORD, request, response)
            if self._is_browser(identity):
                await self._settings.login.remember(user, request, response)

    def _is_browser(self, identity: Identity[UserT]) -> bool:
        by_cookie = (one for one in self._settings.schemes if one.transport == "cookie")
        return any(one.scheme_name == identity.scheme for one in by_cookie)
