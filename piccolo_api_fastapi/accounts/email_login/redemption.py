"""`Redemption`: accept the links and codes of log-ins by e-mail."""

import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Generic

from piccolo_api_fastapi.access.step_up import declare_factor
from piccolo_api_fastapi.accounts.mailboxes import Mailboxes, change_queries
from piccolo_api_fastapi.core.database.failure_counters import reserve
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import telling
from piccolo_api_fastapi.errors import (
    FactorDisabled,
    IdentityTaken,
    InvalidTicket,
    NotFound,
    TooManyRequests,
    Unprocessable,
    ValueTaken,
)
from piccolo_api_fastapi.login.tickets import Ticket
from piccolo_api_fastapi.users import Users, UserT
from piccolo_api_fastapi.users.identifiers import normal_email, own_username
from piccolo_api_fastapi.users.passwords.hasher import PasswordMismatch

from . import queries
from .pending import Pending, address_digests, present
from .requests import LoginRequests

BY_LINK, BY_CODE = "email_link", "email_code_login"
"""The names of the factors."""

declare_factor(BY_LINK, amr=["otp"], worth="first", proves="mailbox")
declare_factor(BY_CODE, amr=["otp"], worth="first", proves="mailbox")

REHEARSED_ROWS = 3
"""Rows that are made for nobody: they take as long as to read a code and the count of guesses."""

_CODE = re.compile(r"[0-9]{6,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Entrant:
    """
    A user who has proved that a mailbox is theirs.

    Args:
        user: The primary key of the user.
        email: The address, as it is stored for the user.
        factor: The factor that they presented.
        fingerprint: The fingerprint of their password at that moment.
    """

    user: Any
    email: str
    factor: str
    fingerprint: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OtherBrowser:
    """A link is valid, and was opened in a browser that did not ask for it."""


class Redemption(Generic[UserT]):
    """
    Accepts links and codes, each log-in once.

    Args:
        users: The users who log in.
        mailboxes: Their addresses.
        requests: The log-ins that were asked for.
        allows_other_browsers: Whether a link also signs in the browsers that did not ask for it.
    """

    def __init__(
        self,
        users: Users[UserT],
        mailboxes: Mailboxes[UserT],
        requests: LoginRequests[UserT],
        *,
        allows_other_browsers: bool,
    ) -> None:
        self._users = users
        self._addresses = mailboxes.addresses
        self._verification = mailboxes.verification
        self._requests = requests
        self._allows_other_browsers = allows_other_browsers

    async def by_link(self, token: str, browser: str) -> Entrant | OtherBrowser:
        """
        Accept the secret of a link.

        Args:
            token: The secret.
            browser: The digest of the token of the browser; empty if it has none.

        Raises:
            InvalidTicket: The secret is unknown, used, expired or replaced by that of a newer
                request, or the account changed.
        """
        async with telling("authn_email_login_fail", self._users.clock, InvalidTicket):
            link = await self._requests.links.present(token)
            table, now = self._requests.codes.table, self._users.clock()
            ticket = present(await queries.find(table, link.data, now))
            if self._allows_other_browsers or Pending.of(ticket).is_of(browser):
                return await self._redeem(ticket, BY_LINK)
            return OtherBrowser()

    async def by_code(self, email: str, code: str, browser: str) -> Entrant:
        """
        Accept a code.

        Args:
            email: The address.
            code: The code as the user typed it.
            browser: The digest of the token of the browser or the app; empty if it has none.

        Raises:
            Unprocessable: The text is not an e-mail address.
            InvalidTicket: The code is wrong, used, expired or replaced by that of a newer
                request, there were too many wrong ones, another browser asked for it, or the
                account changed.
        """
        async with telling("authn_email_login_fail", self._users.clock, InvalidTicket):
            digits = "".join(code.split())
            digests = address_digests(normal_email(email))
            ticket = await self._guess(digests, browser if _CODE.fullmatch(digits) else "")
            try:
                # Hash even if there is no code: the time must not reveal who was sent one.
                encoded = None if ticket is None else Pending.of(ticket).code
                await self._users.hasher.verify(encoded, digits)
            except PasswordMismatch:
                ticket = None
            return await self._redeem(present(ticket), BY_CODE)

    async def _guess(self, digests: tuple[str, str], browser: str) -> Ticket | None:
        """
        The ticket of a code, or None.

        The guess is counted first: for the code, and across all codes that were sent to the user.
        """
        table, now = self._requests.codes.table, self._users.clock()
        attempts = self._requests.codes.attempts
        ticket = await queries.count_guess(table, digests, browser, now, attempts=attempts)
        try:
            if ticket is None or ticket.user is not None:
                user = None if ticket is None else ticket.user
                await reserve(self._addresses.status, user, now)
        except (NotFound, TooManyRequests, FactorDisabled):
            for _ in range(REHEARSED_ROWS):  # a row that is found takes time to read
                table(purpose=self._requests.codes.purpose)
            return None
        return ticket

    async def _redeem(self, ticket: Ticket, factor: str) -> Entrant:
        """Use a log-in up, and its link and its code with it. Of several at once, one succeeds."""
        email = Pending.of(ticket).email
        async with transaction(self._users.table):
            user = ticket.user
            if user is not None:
                await self._addresses.hold(user, email)
                await self._requests.codes.burn(ticket)
                await self._prove(user, email)
            else:
                await self._requests.codes.burn(ticket)
                user = await self._sign_up(email)
            proof = await self._users.proof_of(user)
        if proof is None:
            raise InvalidTicket
        return Entrant(user, email, factor, proof.fingerprint)

    async def uphold(self, entrant: Entrant) -> None:
        """
        Make sure, before a credential is issued, that the mailbox is still the user's.

        Raises:
            InvalidTicket: The address was changed since.
        """
        held = await change_queries.hold_address(self._users.table, entrant.user, entrant.email)
        if held is None:
            raise InvalidTicket

    async def _prove(self, user: Any, email: str) -> None:
        """
        Record that the mailbox is the user's.

        The first proof of a registered account ends what was set up before, because anybody can
        register an address: the password, and all credentials.
        """
        if await self._users.has_verified(user, email):
            await queries.forgive(self._addresses.status, user)
            return
        before = await self._verification.mark_verified(user, email)
        if before.is_new or before.is_contested:
            await self._users.store_password(await self._addresses.get(user), None)

    async def _sign_up(self, email: str) -> Any:
        """
        Make the account of an address that nobody had. Returns its primary key.

        Raises:
            InvalidTicket: Somebody has it now; they have to ask for a log-in to their account.
        """
        try:
            user = await self._users.create(self._username(email), email=email)
        except (IdentityTaken, ValueTaken):
            raise InvalidTicket from None
        await self._verification.mark_verified(primary_key(user), email)
        return primary_key(user)

    def _username(self, email: str) -> str:
        """The address, unless it can't be a username."""
        try:
            return own_username(email, self._users.table.username.length, email)
        except Unprocessable:
            return f"user-{secrets.token_hex(8)}"
