"""`CookieTokens`: the session tokens that a request presents in its cookies."""

import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.http.cookies import Cookie
from piccolo_api_fastapi.errors import InvalidSession

from .queries import PICCOLO_API_TOKEN, SESSION_TOKEN


@dataclass(frozen=True, slots=True)
class CookieTokens:
    """
    The reader of session tokens.

    Args:
        cookie: The cookie that carries a token.
        accepts_piccolo_api: Whether tokens of piccolo-api are accepted.
    """

    cookie: Cookie
    accepts_piccolo_api: bool

    def digest(self, token: str) -> str | None:
        """Return the digest to look a token up by, or `None` if it has not the form of one."""
        if self.accepts_piccolo_api and PICCOLO_API_TOKEN.fullmatch(token):
            return hashlib.sha256(token.encode("ascii")).hexdigest()
        return SESSION_TOKEN.digest(token)

    def digests(self, tokens: Sequence[str]) -> list[str]:
        """Return the digests of those tokens that have the form of one."""
        return [digest for token in tokens if (digest := self.digest(token)) is not None]

    def presented(self, connection: HTTPConnection) -> list[str]:
        """Return the digests of the tokens of a request: none if its cookies are malformed."""
        with suppress(InvalidSession):
            return self.digests(self.cookie.read(connection.headers.getlist("cookie")))
        return []
