"""`Flow`: a log-in that a browser has begun, as its ticket stores it, and its secrets."""

import base64
import hashlib
import hmac
import json
import secrets
from dataclasses import asdict, dataclass
from datetime import timedelta

from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.login.tickets import Ticket

BROWSER_TOKEN = OpaqueToken("oauth")
"""What the cookie of a browser holds."""

LIFETIME = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flow:
    """
    The data of the ticket of a flow.

    Args:
        browser: The digest of the token of the browser.
        next: The path to go to afterwards.
        credential: For a link: the id of the credential of the user who began it.
        app: The name of the app that gets a ticket in place of a session.
        code_challenge: The challenge of that app.
    """

    browser: str
    next: str
    credential: str = ""
    app: str = ""
    code_challenge: str = ""

    def write(self) -> str:
        """The text that the ticket stores."""
        return json.dumps(asdict(self))

    @classmethod
    def of(cls, ticket: Ticket) -> "Flow":
        """The data of a ticket."""
        return cls(**json.loads(ticket.data))

    def is_of(self, browser: str) -> bool:
        """Whether a browser, by the digest of its token, is the one that began."""
        return secrets.compare_digest(self.browser, browser)


def browser_digest(token: str) -> str:
    """Return the digest of the token of a browser; empty if it is malformed."""
    return BROWSER_TOKEN.digest(token) or ""


def nonce_of(token: str) -> str:
    """Return the nonce of a flow. It is derived, so that the database does not have it."""
    return _derived(token, "nonce")


def verifier_of(token: str) -> str:
    """Return the code verifier of a flow (RFC 7636 section 4.1): 43 characters."""
    return _derived(token, "code_verifier")


def challenge_of(verifier: str) -> str:
    """Return the challenge of a verifier by S256 (RFC 7636 section 4.2)."""
    return _encoded(hashlib.sha256(verifier.encode()).digest())


def _derived(token: str, purpose: str) -> str:
    return _encoded(hmac.digest(token.encode(), purpose.encode(), "sha256"))


def _encoded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
