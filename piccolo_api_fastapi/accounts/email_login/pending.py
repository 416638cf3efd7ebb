"""`Pending`: a log-in that somebody asked for, as its ticket stores it."""

import hashlib
import json
import secrets
from dataclasses import dataclass, field

from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.errors import InvalidTicket
from piccolo_api_fastapi.login.tickets import Ticket

LOGIN_TOKEN = OpaqueToken("login")
"""What the cookie of a browser holds, and what an app sends back with the code."""

DIGEST_LENGTH = 64
"""Hexadecimal digits of a SHA-256."""


def address_digest(email: str, *, is_known: bool) -> str:
    """
    Return what the ticket of an address is found by: each address has one log-in at a time, and
    another one in the browsers in which the user logged in before.

    Args:
        email: The address in its normal form.
        is_known: Whether it is asked for in such a browser.
    """
    kind = "email-login of known browsers" if is_known else "email-login"
    return hashlib.sha256(f"{kind}\n{email}".encode()).hexdigest()


def address_digests(email: str) -> tuple[str, str]:
    """Return what the tickets of an address are found by, in unknown and in known browsers."""
    return address_digest(email, is_known=False), address_digest(email, is_known=True)


@dataclass(frozen=True, slots=True)
class Pending:
    """
    The data of the ticket of a log-in.

    Args:
        browser: The digest of the `LOGIN_TOKEN` of the browser or the app that asked.
        email: The address that the mail was sent to, as it is stored for the user.
        code: The hash of the code.
    """

    browser: str
    email: str
    code: str = field(repr=False)

    def write(self) -> str:
        """The text that the ticket stores: the digest first, for the statement that finds it."""
        return self.browser + json.dumps([self.email, self.code])

    @classmethod
    def of(cls, ticket: Ticket) -> "Pending":
        """The data of a ticket."""
        return cls(ticket.data[:DIGEST_LENGTH], *json.loads(ticket.data[DIGEST_LENGTH:]))

    def is_of(self, browser: str) -> bool:
        """Whether a browser, by the digest of its token, is the one that asked."""
        return secrets.compare_digest(self.browser, browser)


def browser_digest(token: str) -> str:
    """Return the digest of the token of a browser or an app; empty if it is malformed."""
    return LOGIN_TOKEN.digest(token) or ""


def present(ticket: Ticket | None) -> Ticket:
    """
    Return a ticket that there is.

    Raises:
        InvalidTicket: There is none.
    """
    if ticket is None:
        raise InvalidTicket
    return ticket
