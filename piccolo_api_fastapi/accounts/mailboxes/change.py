"""`AddressChange`: replace the address of a user, and undo that."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Generic

from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, telling
from piccolo_api_fastapi.errors import IdentityTaken, InvalidTicket, Unauthenticated
from piccolo_api_fastapi.login.tickets import Tickets
from piccolo_api_fastapi.mail.delivery import Kept
from piccolo_api_fastapi.mail.links import Links
from piccolo_api_fastapi.mail.messages import ConfirmEmail, EmailChanged, EmailChangeRequested
from piccolo_api_fastapi.mail.notices import UndoLink
from piccolo_api_fastapi.users import Users, UserT
from piccolo_api_fastapi.users.identifiers import folded_email, real_email

from . import change_queries as queries
from .addresses import ATTEMPTS, Caller
from .binding import Binding
from .tables import EmailChange
from .verification import Verification


class UndoLinks:
    """
    Links by which the owner of an address undoes what was done to an account since a moment.

    Args:
        users: The users whose accounts these are.
        links: The pages that links open.
        lifetime: How long such a link is valid.
    """

    def __init__(self, users: Users[Any], links: Links, lifetime: timedelta) -> None:
        self.table = bound(EmailChange, users.table)
        self._clock = users.clock
        self._links = links
        self._lifetime = lifetime

    async def make(self, user: Any, email: str, since: datetime) -> UndoLink:
        """A link that restores an address of a user and removes newer second factors."""
        return await self._make(user, email, since, self._clock() + self._lifetime)

    async def make_again(self, user: Any, email: str, since: datetime) -> UndoLink | None:
        """Another link to an address for what was done at a time, unless it can't be undone."""
        change = await queries.find_change(self.table, user, email, since, self._clock())
        if change is None:
            return None
        return await self._make(user, email, change.created_at, change.expires_at)

    async def _make(self, user: Any, email: str, since: datetime, until: datetime) -> UndoLink:
        token = await queries.remember_change(self.table, user, email, since, until)
        return UndoLink(self._links.to("undo", token), until)


class AddressChange(Generic[UserT]):
    """
    Asks at a new address, changes to it, and gives the account back to the owner of the old one.

    Args:
        verification: Verifies addresses.
        undo_links: The links that undo a change.
    """

    def __init__(self, verification: Verification[UserT], undo_links: UndoLinks) -> None:
        self._verification = verification
        self._addresses = verification.addresses
        self._users = verification.addresses.users
        self._pacing = verification.pacing
        self._deliver = verification.pacing.deliver
        self._links = verification.links
        self._undo_links = undo_links
        lifetime = verification.lifetimes.change
        self._tickets = Tickets(self._users, "change-email", lifetime=lifetime, attempts=ATTEMPTS)

    async def request(
        self, user: UserT, new: str, confirm: Callable[[], Awaitable[object]]
    ) -> None:
        """
        Send a link to a new address, and tell the present one that a change was requested.

        Nothing is sent if the credential of the caller has ended since the request.

        Args:
            user: The user whose address is to change.
            new: The new address in its normal form.
            confirm: Authenticates the caller again, in the transaction that stores the link: a
                new password, for example, ends the links that are stored before it.
        """
        with suppress(Unauthenticated):
            await self._request(user, new, confirm)

    async def _request(
        self, user: UserT, new: str, confirm: Callable[[], Awaitable[object]]
    ) -> None:
        key = primary_key(user)
        async with self._pacing.attempt(user, "change") as attempt:
            owner = await self._addresses.find(new)
            if owner is None or not await self._keeps(owner, key):
                await attempt.send(await self._issue(user, new, confirm))
            elif primary_key(owner) == key or await self._pacing.tell_owner(owner):
                attempt.skip()
        if (present := real_email(user.email)) is not None and present != new:
            to: Any = {"to": present, "username": user.username, "user": key}
            await self._deliver(EmailChangeRequested(at=self._users.clock(), new=new, **to))

    async def _issue(
        self, user: UserT, new: str, confirm: Callable[[], Awaitable[object]]
    ) -> ConfirmEmail:
        key, now = primary_key(user), self._users.clock()
        async with transaction(self._users.table):
            await self._users.lock(key)
            await confirm()
            token = await self._tickets.issue(key, Binding(new, user.email).write(), replace=True)
            await emit(AuthEvent("user_email_change_requested", now, key))
        return ConfirmEmail(
            to=new,
            username=user.username,
            user=key,
            at=now,
            link=self._links.to("change", token),
            expires_at=now + self._tickets.lifetime,
        )

    async def confirm(self, token: str, caller: Caller[UserT] | None) -> Kept | None:
        """
        Change an address by the secret of a link that was sent to the new one.

        Args:
            token: The secret.
            caller: The signed-in user. If the account is theirs, their credential is kept.

        Returns:
            A message to the old address, for `Delivery.send_kept`. None if the old address was
            never verified: the user may not own it.

        Raises:
            InvalidTicket: The secret is unknown, used or expired, the address changed, or the
                user was disabled.
            IdentityTaken: The new address belongs to another user who has not merely registered
                it.
        """
        now, errors = self._users.clock(), (InvalidTicket, IdentityTaken)
        async with telling("user_email_change_fail", self._users.clock, *errors):
            ticket = await self._tickets.present(token)
            key, binding = ticket.user, Binding.of(ticket)
            async with transaction(self._users.table):
                await self._addresses.lock(key)
                await self._addresses.end_factors_of_new(key, caller)
                await self._move(key, binding)
                await self._tickets.burn(ticket)
                before = await self._verification.mark_verified(key, binding.email)
                user = await self._addresses.get(key)
                await self._addresses.end_others(user, caller, everything=before.is_new)
                notice = None if before.is_new else await self._notice(user, binding.old, now)
                await emit(AuthEvent("user_email_changed", now, key))
        return notice

    async def undo_link(self, user: UserT, since: datetime) -> UndoLink | None:
        """
        A link to the address of a user that undoes what was done to the account since a moment.

        None if the user has no address, or registered it and never verified it: they may not own
        it.
        """
        if real_email(user.email) is None or await self._verification.is_new(user):
            return None
        return await self._undo_links.make(primary_key(user), user.email, since)

    async def undo(self, token: str) -> UserT:
        """
        Give an account back to the owner of the address that the link was sent to.

        This restores the address, revokes all credentials and removes the password, because the
        person who changed the account knew it. It also deletes the second factors that were set
        up since, which would lock the owner out. A disabled user gets the address back and stays
        disabled.

        Raises:
            InvalidTicket: The secret is unknown, used or expired.
            IdentityTaken: The old address belongs to another user now.
        """
        now, errors = self._users.clock(), (InvalidTicket, IdentityTaken)
        failing = telling("user_email_undo_fail", self._users.clock, *errors)
        async with failing, transaction(self._users.table):
            key = await queries.owner_of_link(self._undo_links.table, token)
            await self._addresses.lock(key)
            change = await queries.undo_change(self._undo_links.table, token, now)
            email, since = change["email"], change["created_at"]
            has_ended = await queries.end_factors(self._users.table, key, since)
            await self._move(key, Binding(email))
            await self._verification.mark_verified(key, email)
            user = await self._addresses.get(key)
            await self._users.store_password(user, None)
            data = {"ended_factors": has_ended}
            await emit(AuthEvent("user_email_change_undone", now, key, data))
        return user

    async def _move(self, user: Any, binding: Binding) -> None:
        """Change to the new address of a binding, if the user still has the old one."""
        users = self._users.table
        await queries.release_address(users, self._addresses.status, user, binding.email)
        await queries.refuse_if_taken(users, user, binding.email)
        if not await queries.move_address(users, user, binding.email, old=binding.old):
            raise InvalidTicket

    async def _keeps(self, owner: UserT, user: Any) -> bool:
        """Whether the owner of an address keeps it, so that no link is sent to it."""
        if primary_key(owner) == user:
            return await self._users.has_verified_email(owner)
        return not await self._verification.is_new(owner)

    async def _notice(self, user: UserT, old: str, now: datetime) -> Kept | None:
        """The message to the old address, with a link that undoes the change."""
        if real_email(old) is None or folded_email(old) == folded_email(user.email):
            return None
        key = primary_key(user)
        link, until = await self._undo_links.make(key, old, now)
        to: Any = {"to": old, "username": user.username, "user": key, "at": now}
        message = EmailChanged(**to, link=link, expires_at=until, new=user.email)
        # Stored in this transaction: without the link its owner can't get the account back.
        return await self._deliver.keep(message)
