"""`StaticTokens`: the service that a fixed secret stands for, as a dependency."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from typing import Any, cast

from fastapi.openapi.models import HTTPBearer
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.access.bearer import bearer_token
from piccolo_api_fastapi.access.identity import NEVER, Identity
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    StoreUnavailable,
    Unauthenticated,
)
from piccolo_api_fastapi.users import Users, UserT

_SECRET = re.compile(r"[A-Za-z0-9_~+/=-]{32,512}")
"""RFC 6750 section 2.1 without dots, by which a JWT is known; 128 bits in hexadecimal, or more."""


class StaticTokens(Scheme[UserT]):
    """
    The service whose fixed secret is sent as `Authorization: Bearer …`.

    For a handful of services of one's own, whose secrets come from the configuration. Each
    is a user all the same, so that it can be disabled and has scopes: make it by
    `Users.create_service`. A secret never reaches the routes that manage credentials.

    Args:
        secrets: The secret of each username; or several, while it is being changed.
        users: Whose usernames they are.

    Raises:
        ConfigurationError: There is none, one is shorter than 32 characters or has characters
            that a header can't carry, or two are the same.
    """

    transport = "header"
    challenge = "Bearer"
    manages_credentials = False
    documented_errors = (
        InvalidRequest,
        Unauthenticated,
        InvalidToken,
        InsufficientScope,
        StoreUnavailable,
    )

    def __init__(
        self,
        secrets: Mapping[str, str | Sequence[str]],
        users: Users[UserT] | None = None,
    ) -> None:
        self.users: Users[UserT] = cast("Any", Users()) if users is None else users
        self.clock = self.users.clock
        self._names = _digests(secrets)
        self.scheme_name = "StaticToken"
        self.model = HTTPBearer(description="A fixed secret, for services.")
        super().__init__()

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        The identity of the service. A bearer token that is none of the secrets is another
        scheme's.

        Raises:
            InvalidToken: There is no such user, or it is disabled.
            InvalidRequest: There are two `Authorization` headers.
        """
        token = bearer_token(connection)
        if token is None or (name := self._owner(token)) is None:
            return None
        user = await self.users.find(name)
        if user is None or not user.active:
            raise InvalidToken
        scopes = await self.users.scopes_of(user)
        return Identity(user, self.scheme_name, name, scopes, NEVER)

    def _owner(self, token: str) -> str | None:
        """Whose secret it is; every digest is compared, so that time tells nothing."""
        presented = _digest(token)
        owner = None
        for digest, name in self._names.items():
            if compare_digest(presented, digest):
                owner = name
        return owner


def _digests(secrets: Mapping[str, str | Sequence[str]]) -> dict[bytes, str]:
    names: dict[bytes, str] = {}
    for name, several in secrets.items():
        # Nothing, as of a variable that is not set, is no secret either.
        for secret in [several] if isinstance(several, str) else several or [""]:
            if not _SECRET.fullmatch(secret) or _digest(secret) in names:
                raise ConfigurationError(
                    f"The secret of {name!r} is short, unusable or not its own."
                )
            names[_digest(secret)] = name
    if not names:
        raise ConfigurationError("StaticTokens takes one secret or more.")
    return names


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
