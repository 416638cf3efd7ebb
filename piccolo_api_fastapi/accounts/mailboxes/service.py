"""`Mailboxes`: verify addresses, and change them."""

import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Generic

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.database.failure_counters import reserve
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, telling
from piccolo_api_fastapi.errors import (
    FactorDisabled,
    IdentityTaken,
    InvalidTicket,
    NotFound,
    TooManyRequests,
)
from piccolo_api_fastapi.login.tickets import Ticket, Tickets
from piccolo_api_fastapi.mail.delivery import Delivery, Kept
from piccolo_api_fastapi.mail.links import Links
from piccolo_api_fastapi.mail.messages import (
    AlreadyRegistered,
    ConfirmEmail,
    EmailChanged,
    EmailChangeRequested,
    Mail,
    VerifyEmail,
)
from piccolo_api_fastapi.users import Users, UserT
from piccolo_api_fastapi.users.identifiers import normal_email, real_email
from piccolo_api_fastapi.users.passwords.hasher import PasswordMismatch

from . import queries as service
from .queries import Before, Binding, Sending
from .tables import EmailChange, EmailStatus

_CODE = re.compile(rf"[0-9]{{{service.CODE_LENGTH}}}", re.ASCII)

ATTEMPTS = 10
"""So often a link may be presented: a form that was filled in wrongly is sent again."""


@dataclass(frozen=True, slots=True)
class MailLifetimes:
    """
    How long what is mailed is good.

    Args:
        verification: The link that verifies an address.
        code: The six digits that do the same.
        change: The link that confirms a new address.
        undo: The link that undoes a change.
        interval: At most one mail of a kind goes to somebody in this time.
    """

    verification: timedelta = timedelta(days=1)
    code: timedelta = timedelta(minutes=15)
    change: timedelta = timedelta(hours=1)
    undo: timedelta = timedelta(days=7)
    interval: timedelta = timedelta(minutes=1)


class Mailboxes(Generic[UserT]):
    """
    Knows which addresses are verified, and changes them.

    Args:
        users: Whose.
        mail: Sends messages, after the answer.
        links: The pages that they lead to.
        lifetimes: How long what is mailed is good.
    """

    def __init__(
        self, users: Users[UserT], mail: Mail, links: Links, lifetimes: MailLifetimes
    ) -> None:
        self.users = users
        self.send = Delivery(mail, users, {EmailChanged: self._undo_again})
        self.links = links
        self.lifetimes = lifetimes
        self.table = bound(EmailStatus, users.table)
        self._changes = bound(EmailChange, users.table)
        self._verification = Tickets(
            users, "verify-email", lifetime=lifetimes.verification, attempts=ATTEMPTS
        )
        self._codes = Tickets(
            users, "verify-email-code", lifetime=lifetimes.code, attempts=ATTEMPTS
        )
        self._change = Tickets(users, "change-email", lifetime=lifetimes.change, attempts=ATTEMPTS)

    async def begin(self, user: UserT, *, activates: bool) -> None:
        """Note in the open transaction that somebody registered, and has to be asked."""
        key, now = primary_key(user), self.users.clock()
        await service.begin(self.table, key, user.email, now, activates=activates)

    async def is_new(self, user: UserT) -> bool:
        """Whether somebody registered with the address of a user and nobody verified it yet."""
        async with store():
            return await service.is_new(self.table, primary_key(user), user.email)

    async def contest(self, user: UserT) -> None:
        """Note that an unverified address was registered again, be it with the same password."""
        async with store():
            await service.contest(self.table, primary_key(user))

    async def compared(self, user: UserT, *, is_same: bool) -> None:
        """Note whether it was; until then, or if that fails, the account is contested."""
        async with store():
            await service.compared(self.table, primary_key(user), is_same=is_same)

    async def issue_verification(self, user: UserT) -> VerifyEmail:
        """A link and a code for the present address of a user; older ones end."""
        key, code, now = primary_key(user), service.new_code(), self.users.clock()
        hashed = Binding(user.email, code=await self.users.hasher.hash(code))
        async with store(), transaction(self.users.table):
            token = await self._verification.issue(key, Binding(user.email).write(), replace=True)
            await self._codes.issue(key, hashed.write(), replace=True)
        return VerifyEmail(
            to=user.email,
            username=user.username,
            user=key,
            at=now,
            link=self.links.to("verify", token),
            code=code,
            code_expires_at=now + self.lifetimes.code,
            expires_at=now + self.lifetimes.verification,
        )

    async def may_send(self, user: UserT, sending: Sending) -> bool:
        """
        Whether it is not too soon for another mail; if so, the next one is later.

        Raises:
            InvalidCredentials: The user was deleted meanwhile.
        """
        now = self.users.clock()
        async with store(), transaction(self.table):
            await self.users.lock(primary_key(user))
            return await service.may_send(
                self.table,
                primary_key(user),
                user.email,
                sending,
                now=now,
                since=now - self.lifetimes.interval,
            )

    async def request_verification(self, email: str) -> None:
        """Send a link and a code to an address, if it is that of a user and not verified."""
        user = await self.find(email)
        if user is None or await self.users.has_verified_email(user):
            return
        if not user.active and not await self.waits(user):
            return
        if await self.may_send(user, "verification"):
            await self.send_verification(user)

    async def send_verification(self, user: UserT) -> None:
        """Send a link and a code; if that fails, the next request may do so at once."""

        async def work() -> bool:
            return await self.send(await self.issue_verification(user))

        await self.or_forget(user, "verification", work)

    async def tell_owner(self, owner: UserT) -> bool:
        """
        Tell the owner of an address that somebody else wants it, but not too often. Whether
        nothing failed.
        """
        if not await self.may_send(owner, "verification"):
            return True
        whom: Any = {"username": owner.username, "user": primary_key(owner)}
        message = AlreadyRegistered(to=owner.email, at=self.users.clock(), **whom)
        return await self.or_forget(owner, "verification", lambda: self.send(message))

    async def or_forget(
        self, user: UserT, sending: Sending, work: Callable[[], Awaitable[bool]]
    ) -> bool:
        """
        Do what sends a mail for which `may_send` was asked.

        Args:
            user: Whose.
            sending: What.
            work: Returns whether the mail went out; or raises. If not, the next request may send
                another at once.
        """
        is_sent = False
        try:
            is_sent = await work()
        finally:
            if not is_sent:
                await self.forget_sending(user, sending)
        return is_sent

    async def forget_sending(self, user: UserT, sending: Sending) -> None:
        """A mail did not go out: the next request may send another at once."""
        async with store():
            await service.forget_sending(self.table, primary_key(user), sending)

    async def hold(self, user: Any, email: str, caller: "Caller[UserT] | None" = None) -> None:
        """
        Make sure, until the open transaction ends, that an address is that of a user who may log
        in, or may as soon as it is verified. If nobody verified it yet, their second factors end.

        Args:
            user: The primary key.
            email: The address.
            caller: Who set them up in person, if it is that user.

        Raises:
            InvalidTicket: It is not, or the user is disabled.
        """
        await self._end_factors_of_new(user, caller)
        held = await service.hold_address(self.users.table, user, email)
        if not held or not (held["active"] or await self._waits(user, email, held["last_login"])):
            raise InvalidTicket

    async def find(self, email: str) -> UserT | None:
        """
        The user with this address, not with this name.

        Raises:
            Unprocessable: It is no address.
        """
        address = normal_email(email)
        user = await self.users.find(address)
        return user if user is not None and user.email.lower() == address else None

    async def get(self, user: Any) -> UserT:
        """
        The user whose primary key a ticket has.

        Raises:
            InvalidTicket: They were deleted meanwhile.
        """
        found = await self.users.get(user)
        if found is None:
            raise InvalidTicket
        return found

    async def waits(self, user: UserT) -> bool:
        """Whether a user is inactive only until the address is verified."""
        async with store():
            return await self._waits(primary_key(user), user.email, user.last_login)

    async def _waits(self, user: Any, email: str, last_login: datetime | None) -> bool:
        """Who logged in was made active by somebody, and disabled by somebody if they are not."""
        return last_login is None and await service.is_waiting(self.table, user, email)

    async def verify_by_link(self, token: str, caller: "Caller[UserT] | None") -> "Verified[UserT]":
        """
        Verify an address by the secret of a link.

        Args:
            token: The secret.
            caller: Whose credential goes on: what else an unverified account held, ends.

        Raises:
            InvalidTicket: It is unknown, used, expired, or for another address.
        """
        async with telling("user_email_verify_fail", self.users.clock, InvalidTicket):
            ticket = await self._verification.present(token)
            return await self._verify(self._verification, ticket, caller)

    async def verify_by_code(
        self, email: str, code: str, caller: "Caller[UserT] | None"
    ) -> "Verified[UserT]":
        """
        Verify an address by a code of six digits.

        Args:
            email: The address.
            code: As typed.
            caller: Whose credential goes on.

        Raises:
            InvalidTicket: The address is nobody's, the code is wrong, or there were too many
                wrong ones.
        """
        async with telling("user_email_verify_fail", self.users.clock, InvalidTicket):
            user = await self.find(email)
            digits = "".join(code.split())
            key = None if user is None or not _CODE.fullmatch(digits) else primary_key(user)
            ticket = await self._guess(key)
            try:
                # As much work where there is no code as where there is one, or the time that it
                # takes would tell who has an account.
                encoded = None if ticket is None else Binding.of(ticket).code
                await self.users.hasher.verify(encoded, digits)
            except PasswordMismatch:
                ticket = None
            if ticket is None:
                raise InvalidTicket
            return await self._verify(self._codes, ticket, caller)

    async def _guess(self, user: Any) -> Ticket | None:
        """The live code of a user, if there is one to guess at; two statements either way."""
        now = self.users.clock()
        try:
            # Counted before it is checked, over all the codes that were ever sent.
            await reserve(self.table, user, now)
            async with store():
                return await service.count_guess(self._codes.table, user, self._codes.purpose, now)
        except (NotFound, TooManyRequests, FactorDisabled, InvalidTicket):
            return None

    async def _verify(
        self, tickets: Tickets, ticket: Ticket, caller: "Caller[UserT] | None"
    ) -> "Verified[UserT]":
        key, email = ticket.user, Binding.of(ticket).email
        async with store(), transaction(self.users.table):
            await self.hold(key, email, caller)
            await tickets.burn(ticket)
            before = await self.mark_verified(key, email)
            user = await self.get(key)
            if before.is_contested:
                # Nobody knows whose password it has.
                await self.users.store_password(user, None)
            else:
                await self._end_others(user, caller, everything=before.is_new)
        return Verified(user, needs_password=before.is_contested)

    async def mark_verified(self, user: Any, email: str) -> Before:
        """Note in the open transaction that an address is verified; activate who waited for it."""
        now = self.users.clock()
        before = await service.verify(self.table, user, email, now)
        if before.activates:
            await service.activate(self.users.table, user)
        await emit(AuthEvent("user_email_verified", now, user))
        return before

    async def request_change(self, user: UserT, new: str) -> None:
        """
        Ask at a new address whether it is the user's, and tell the present one.

        Args:
            user: Whose address.
            new: In its normal form.
        """
        await self.or_forget(user, "change", lambda: self._ask(user, new))
        if (present := real_email(user.email)) is not None and present != new:
            to: Any = {"to": present, "username": user.username, "user": primary_key(user)}
            await self.send(EmailChangeRequested(at=self.users.clock(), new=new, **to))

    async def _ask(self, user: UserT, new: str) -> bool:
        """Ask at an address, or tell its owner. Whether nothing failed: either looks the same."""
        key, now, owner = primary_key(user), self.users.clock(), await self.find(new)
        if owner is not None and await self._keeps(owner, key):
            return primary_key(owner) == key or await self.tell_owner(owner)
        async with store(), transaction(self.users.table):
            token = await self._change.issue(key, Binding(new, user.email).write(), replace=True)
            await emit(AuthEvent("user_email_change_requested", now, key))
        link: Any = {
            "link": self.links.to("change", token),
            "expires_at": now + self.lifetimes.change,
        }
        to: Any = {"to": new, "username": user.username, "user": key, "at": now}
        return await self.send(ConfirmEmail(**to, **link))

    async def confirm_change(self, token: str, caller: "Caller[UserT] | None") -> Kept | None:
        """
        Change an address by the secret of a link that was sent to the new one.

        Args:
            token: The secret.
            caller: Whose credential goes on.

        Returns:
            What is to be sent to the old address, unless whoever registered it never proved
            that it was theirs.

        Raises:
            InvalidTicket: It is unknown, used, expired, or the address was changed or the user
                disabled meanwhile.
            IdentityTaken: The new address belongs to somebody else by now, who did not merely
                register it.
        """
        now = self.users.clock()
        async with telling(
            "user_email_change_fail", self.users.clock, InvalidTicket, IdentityTaken
        ):
            ticket = await self._change.present(token)
            key, binding = ticket.user, Binding.of(ticket)
            async with store(), transaction(self.users.table):
                await self._end_factors_of_new(key, caller)
                await self._move(key, binding)
                await self._change.burn(ticket)
                before = await self.mark_verified(key, binding.email)
                user = await self.get(key)
                await self._end_others(user, caller, everything=before.is_new)
                notice = None if before.is_new else await self._notice(user, binding.old)
                await emit(AuthEvent("user_email_changed", now, key))
        return notice

    async def undo_change(self, token: str) -> UserT:
        """
        Give an account back to the owner of its old address. Everything that was a way in ends,
        the password included: who changed the address knew it. So do the second factors that
        were set up since, or the thief's app would lock the owner out. A user who is disabled
        gets the address back, and stays disabled.

        Raises:
            InvalidTicket: It is unknown, used or expired.
            IdentityTaken: Likewise, the old address.
        """
        now = self.users.clock()
        failing = telling("user_email_undo_fail", self.users.clock, InvalidTicket, IdentityTaken)
        async with failing, store(), transaction(self.users.table):
            change = await service.undo_change(self._changes, token, now)
            key, email, since = change["user"], change["email"], change["created_at"]
            is_rid = await service.end_factors(self.users.table, key, since)
            await self._move(key, Binding(email))
            await self.mark_verified(key, email)
            user = await self.get(key)
            await self.users.store_password(user, None)
            data = {"ended_factors": is_rid}
            await emit(AuthEvent("user_email_change_undone", now, key, data))
        return user

    async def _move(self, user: Any, binding: Binding) -> None:
        """To the address that a secret is bound to, from the one at that time."""
        users = self.users.table
        await service.release_address(users, self.table, user, binding.email)
        await service.refuse_if_taken(users, user, binding.email)
        if not await service.move_address(users, user, binding.email, old=binding.old):
            raise InvalidTicket

    async def _keeps(self, owner: UserT, user: Any) -> bool:
        """Whether an address is no matter of a mail any more: it is its owner's for certain."""
        if primary_key(owner) == user:
            return await self.users.has_verified_email(owner)
        return not await self.is_new(owner)

    async def _end_factors_of_new(self, user: Any, caller: "Caller[UserT] | None") -> None:
        """End what whoever registered set up, unless it is they who verify, and nobody else."""
        is_own = caller is not None and caller.is_(user)
        await service.end_factors_of_new(
            self.users.table, self.table, user, only_if_contested=is_own
        )

    async def _end_others(
        self, user: UserT, caller: "Caller[UserT] | None", *, everything: bool
    ) -> None:
        """End the credentials of a user but the caller's, if it is the user's own; renew that."""
        own = caller if caller is not None and caller.is_(primary_key(user)) else None
        keep = None if own is None else own.identity.credential_id
        await self.users.end_credentials(user, keep=keep, everything=everything)
        if own is not None:
            await own.renew()

    async def _notice(self, user: UserT, old: str) -> Kept | None:
        """What tells the old address of a change, and how to undo it. It is the owner's."""
        if real_email(old) is None or old.lower() == user.email:
            return None
        key, now = primary_key(user), self.users.clock()
        until = now + self.lifetimes.undo
        token = await service.remember_change(self._changes, key, old, now, until)
        link: Any = {"link": self.links.to("undo", token), "expires_at": until}
        to: Any = {"to": old, "username": user.username, "user": key, "at": now}
        # Kept in this transaction: the link is all that its owner has against a thief.
        return await self.send.keep(EmailChanged(**to, **link, new=user.email))

    async def _undo_again(self, user: Any, old: str) -> tuple[str, datetime] | None:
        """Another link that undoes a change from an address, as long as that can be undone."""
        async with store():
            change = await service.find_change(self._changes, user, old, self.users.clock())
            if change is None:
                return None
            since, until = change.created_at, change.expires_at
            token = await service.remember_change(self._changes, user, old, since, until)
        return self.links.to("undo", token), until


@dataclass(frozen=True, slots=True)
class Caller(Generic[UserT]):
    """
    Who is signed in where a link is used.

    Args:
        identity: Who, and with which credential.
        renew: Gives that credential a new secret.
    """

    identity: Identity[UserT]
    renew: Callable[[], Awaitable[None]]

    def is_(self, user: Any) -> bool:
        """Whether it is the user with this primary key."""
        return bool(primary_key(self.identity.user) == user)


@dataclass(frozen=True, slots=True)
class Verified(Generic[UserT]):
    """
    An address was verified.

    Args:
        user: Whose.
        needs_password: Whether the account was contested and has none now.
    """

    user: UserT
    needs_password: bool
