"""`LoginRequests`: store the log-ins that are asked for, and mail their links and codes."""

from dataclasses import dataclass, field
from typing import Any, Generic
from uuid import uuid4

from piccolo_api_fastapi.accounts.mailboxes import Mailboxes, NewCode
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.core.http.browsers import browser_name
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import Unprocessable
from piccolo_api_fastapi.login.tickets import Ticket, Tickets
from piccolo_api_fastapi.mail.messages import SignInByEmail
from piccolo_api_fastapi.users import Users, UserT

from . import queries
from .pending import Pending, address_digest

GUESSES = 5
"""The number of guesses at one code."""

PRESSES = 10
"""How often a link may be presented: it stays valid if it was opened in another browser."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    A log-in that somebody asks for.

    Args:
        email: The address in its normal form.
        browser: The digest of the token of the browser or the app that asks.
        code: A code, made before it is known whether anybody gets it.
        client: The client that asks.
        has_link: Whether the mail has a link, which opens a page.
        is_known: Whether the user logged in with the browser before.
    """

    email: str
    browser: str
    code: NewCode = field(repr=False)
    client: ClientInfo
    has_link: bool
    is_known: bool = False


class LoginRequests(Generic[UserT]):
    """
    Sends a link and a code to an address.

    Args:
        users: The users who log in.
        mailboxes: Their addresses.
        sign_up: Whether an address that nobody has gets mail as well.
    """

    def __init__(self, users: Users[UserT], mailboxes: Mailboxes[UserT], *, sign_up: bool) -> None:
        self._users = users
        self._mailboxes = mailboxes
        self._sign_up = sign_up
        self.lifetime = mailboxes.verification.lifetimes.login
        self.links = Tickets(users, "email-login", lifetime=self.lifetime, attempts=PRESSES)
        self.codes = Tickets(users, "email-login-code", lifetime=self.lifetime, attempts=GUESSES)

    async def request(self, wanted: Wanted) -> None:
        """
        Send a link and a code, if the address may log in and was sent none within the interval.
        Call it after the response, which is the same in all cases.
        """
        user = await self._mailboxes.addresses.find(wanted.email)
        if not await self._may_enter(user, wanted.email):
            key = None if user is None else primary_key(user)
            name = "authn_email_login_request_fail"
            await emit(AuthEvent(name, self._users.clock(), key))
            await self._mailboxes.pacing.rehearse(tickets=1)
            return
        ticket = self._ticket(user, wanted)
        if (message := await self._issue(user, wanted, ticket)) is None:
            await self._mailboxes.pacing.rehearse_tickets(1)
        elif not await self._mailboxes.send(message):
            await queries.withdraw(self.codes.table, ticket.id)

    async def _may_enter(self, user: UserT | None, email: str) -> bool:
        if user is not None:
            return user.active or await self._mailboxes.addresses.waits(user)
        return self._sign_up and self._can_be_new(email)

    def _can_be_new(self, email: str) -> bool:
        try:
            self._users.new_email(email)
        except Unprocessable:
            return False
        return True

    def _ticket(self, user: UserT | None, wanted: Wanted) -> Ticket:
        now, email = self._users.clock(), wanted.email if user is None else user.email
        return self.codes.table(
            id=uuid4(),
            digest=address_digest(wanted.email, is_known=wanted.is_known),
            purpose=self.codes.purpose,
            user=None if user is None else primary_key(user),
            data=Pending(wanted.browser, email, wanted.code.encoded).write(),
            attempts=0,
            created_at=now,
            expires_at=now + self.lifetime,
        )

    async def _issue(
        self, user: UserT | None, wanted: Wanted, ticket: Ticket
    ) -> SignInByEmail | None:
        """Store a log-in. Returns None if another was asked for within the interval."""
        now, key = self._users.clock(), None if user is None else primary_key(user)
        since, link = now - self._mailboxes.verification.lifetimes.interval, ""
        async with transaction(self._users.table):
            if user is not None:
                await self._users.lock(key)
                await queries.keep_status(self._mailboxes.addresses.status, key, user.email)
            if not await queries.put(self.codes.table, ticket, since):
                return None
            other = address_digest(wanted.email, is_known=not wanted.is_known)
            await queries.end_older(self.codes.table, other, wanted.browser)
            if wanted.has_link:
                # Without `replace`: an older link ends with its ticket, and others must not end.
                token = await self.links.issue(key, str(ticket.id))
                link = self._mailboxes.links.to("login", token)
            await emit(AuthEvent("authn_email_login_requested", now, key))
        whom: Any = {"username": "" if user is None else user.username, "user": key}
        return SignInByEmail(
            to=wanted.email if user is None else user.email,
            at=now,
            link=link,
            code=wanted.code.code,
            expires_at=now + self.lifetime,
            browser=browser_name(wanted.client.user_agent),
            ip=wanted.client.ip,
            **whom,
        )
