"""`Verification`: prove by a link or a code that an address belongs to a user."""

import re
from dataclasses import dataclass, field
from typing import Any, Generic

from piccolo_api_fastapi.core.database.failure_counters import reserve
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, telling
from piccolo_api_fastapi.errors import FactorDisabled, InvalidTicket, NotFound, TooManyRequests
from piccolo_api_fastapi.login.tickets import Ticket, Tickets
from piccolo_api_fastapi.mail.links import Links
from piccolo_api_fastapi.mail.messages import VerifyEmail, VerifyEmailFirst
from piccolo_api_fastapi.users import UserT
from piccolo_api_fastapi.users.passwords.hasher import PasswordMismatch

from . import verification_queries as queries
from .addresses import ATTEMPTS, Addresses, Caller
from .binding import Binding
from .lifetimes import MailLifetimes
from .pacing import Pacing
from .verification_queries import Before

REHEARSED_ROWS = 6
"""Rows that are made for nobody: they take as long as to read a user and their code."""

_CODE = re.compile(rf"[0-9]{{{queries.CODE_LENGTH}}}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Verified(Generic[UserT]):
    """
    The result of a verification.

    Args:
        user: The user whose address is verified.
        needs_password: Whether the account lost its password, because the address was registered
            more than once.
    """

    user: UserT
    needs_password: bool


@dataclass(frozen=True, slots=True)
class NewCode:
    """
    A code of digits and its hash, made before it is known whether anybody gets it.

    Args:
        code: The code.
        encoded: Its hash.
    """

    code: str = field(repr=False)
    encoded: str = field(repr=False)


class Verification(Generic[UserT]):
    """
    Sends links and codes to addresses, and accepts them.

    Args:
        addresses: The addresses of the users.
        pacing: Limits how often mail is sent.
        links: The pages that links open.
        lifetimes: How long links and codes are valid.
    """

    def __init__(
        self,
        addresses: Addresses[UserT],
        pacing: Pacing[UserT],
        links: Links,
        lifetimes: MailLifetimes,
    ) -> None:
        self.addresses = addresses
        self._users = addresses.users
        self._status = addresses.status
        self.pacing = pacing
        self.links = links
        self.lifetimes = lifetimes
        self._tickets = Tickets(
            self._users, "verify-email", lifetime=lifetimes.verification, attempts=ATTEMPTS
        )
        self._codes = Tickets(
            self._users, "verify-email-code", lifetime=lifetimes.code, attempts=ATTEMPTS
        )

    async def begin(self, user: UserT, *, activates: bool) -> None:
        """
        Record in the open transaction that a new user has to verify their address.

        Args:
            user: The user.
            activates: Whether the verification also activates the user.
        """
        key, now = primary_key(user), self._users.clock()
        await queries.begin(self._status, key, user.email, now, activates=activates)

    async def is_new(self, user: UserT) -> bool:
        """Whether a user registered with their present address and has not verified it yet."""
        return await queries.is_new(self._status, primary_key(user), user.email)

    async def contest(self, user: UserT, *, is_compared: bool) -> None:
        """
        Record that an unverified address was registered again: nobody knows which password is
        the owner's, so neither will count.

        Args:
            user: The user who registered first.
            is_compared: Whether the passwords are known to differ, not just never compared.
        """
        await queries.contest(self._status, primary_key(user), is_compared=is_compared)

    async def new_code(self, length: int = queries.CODE_LENGTH) -> NewCode:
        """
        Make a code for `request` or `send`.

        Call it before the response, for known and unknown addresses: the hash is slow, and slows
        down other requests. After the response, that would reveal whether a code was sent.

        Args:
            length: The number of digits.

        Raises:
            HasherBusy: Too many passwords are being hashed.
        """
        code = queries.new_code(length)
        return NewCode(code, await self._users.hasher.hash(code))

    async def issue(self, user: UserT, code: NewCode) -> VerifyEmail:
        """Make a link for the present address of a user, store a code, and revoke older ones."""
        key, now = primary_key(user), self._users.clock()
        hashed = Binding(user.email, code=code.encoded)
        async with transaction(self._users.table):
            token = await self._tickets.issue(key, Binding(user.email).write(), replace=True)
            await self._codes.issue(key, hashed.write(), replace=True)
        return VerifyEmail(
            to=user.email,
            username=user.username,
            user=key,
            at=now,
            link=self.links.to("verify", token),
            code=code.code,
            code_expires_at=now + self.lifetimes.code,
            expires_at=now + self.lifetimes.verification,
        )

    async def request(self, email: str, code: NewCode) -> None:
        """Send a link and a code to an address, if it belongs to a user and is not verified."""
        user = await self.addresses.find(email)
        if (
            user is not None
            and await self._may_verify(user)
            and await self.pacing.may_send(user, "verification")
        ):
            await self.send(user, code)
        else:
            await self.pacing.rehearse(tickets=2)

    async def _may_verify(self, user: UserT) -> bool:
        if await self._users.has_verified_email(user):
            return False
        return user.active or await self.addresses.waits(user)

    async def send(self, user: UserT, code: NewCode) -> None:
        """Send a link and a code. If that fails, the next request may send them at once."""
        async with self.pacing.attempt(user, "verification") as attempt:
            await attempt.send(await self.issue(user, code))

    async def send_link(self, user: UserT) -> None:
        """
        Send a link without a code, to a user who tried to sign in. A code would have to be hashed
        for everybody whose login is refused.
        """
        key, now = primary_key(user), self._users.clock()
        async with self.pacing.attempt(user, "verification") as attempt:
            token = await self._tickets.issue(key, Binding(user.email).write(), replace=True)
            link, until = self.links.to("verify", token), now + self.lifetimes.verification
            to: Any = {"to": user.email, "username": user.username, "user": key, "at": now}
            await attempt.send(VerifyEmailFirst(**to, link=link, expires_at=until))

    async def by_link(self, token: str, caller: Caller[UserT] | None) -> Verified[UserT]:
        """
        Verify an address by the secret of a link.

        Args:
            token: The secret.
            caller: The signed-in user. If the account is theirs, their credential is kept; all
                others of an account that was never verified are revoked.

        Raises:
            InvalidTicket: The secret is unknown, used or expired, or was sent to another address.
        """
        async with telling("user_email_verify_fail", self._users.clock, InvalidTicket):
            ticket = await self._tickets.present(token)
            return await self._verify(self._tickets, ticket, caller)

    async def by_code(self, email: str, code: str, caller: Caller[UserT] | None) -> Verified[UserT]:
        """
        Verify an address by a code of six digits.

        Args:
            email: The address.
            code: The code as the user typed it.
            caller: The signed-in user, as for `by_link`.

        Raises:
            InvalidTicket: No user has the address, the code is wrong, or there were too many
                wrong codes.
        """
        async with telling("user_email_verify_fail", self._users.clock, InvalidTicket):
            user = await self.addresses.find(email)
            digits = "".join(code.split())
            key = None if user is None or not _CODE.fullmatch(digits) else primary_key(user)
            ticket = await self._guess(key)
            try:
                # Hash even if there is no code: the time must not reveal who has an account.
                encoded = None if ticket is None else Binding.of(ticket).code
                await self._users.hasher.verify(encoded, digits)
            except PasswordMismatch:
                ticket = None
            if ticket is None:
                raise InvalidTicket
            return await self._verify(self._codes, ticket, caller)

    async def _guess(self, user: Any) -> Ticket | None:
        """The valid code of a user, or None. Both cases run two statements."""
        now = self._users.clock()
        try:
            # Count the guess before it is checked, across all codes that were sent to the user.
            await reserve(self._status, user, now)
            return await queries.count_guess(self._codes.table, user, self._codes.purpose, now)
        except (NotFound, TooManyRequests, FactorDisabled, InvalidTicket):
            for _ in range(REHEARSED_ROWS):  # a row that is found takes time to read
                self._codes.table(purpose=self._codes.purpose)
            return None

    async def _verify(
        self, tickets: Tickets, ticket: Ticket, caller: Caller[UserT] | None
    ) -> Verified[UserT]:
        key, email = ticket.user, Binding.of(ticket).email
        async with transaction(self._users.table):
            await self.addresses.hold(key, email, caller)
            await tickets.burn(ticket)
            before = await self.mark_verified(key, email)
            user = await self.addresses.get(key)
            if before.is_contested:
                # Nobody knows which of the registrations chose the password.
                await self._users.store_password(user, None)
            else:
                await self.addresses.end_others(user, caller, everything=before.is_new)
        return Verified(user, needs_password=before.is_contested)

    async def mark_verified(self, user: Any, email: str) -> Before:
        """
        Record in the open transaction that an address is verified, and activate the user if they
        were inactive until then.

        Args:
            user: The primary key of the user.
            email: The address in its normal form.

        Returns:
            The state of the account before the verification.
        """
        now = self._users.clock()
        before = await queries.verify(self._status, user, email, now)
        if before.activates:
            await queries.activate(self._users.table, user)
        await emit(AuthEvent("user_email_verified", now, user))
        return before
