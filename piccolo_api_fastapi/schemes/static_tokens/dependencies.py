"""`StaticTokens`: the dependency that authenticates services by a fixed secret."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from hmac import compare_digest

from fastapi.openapi.models import HTTPBearer
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.access.bearer import bearer_token
from piccolo_api_fastapi.access.identity import ACCOUNT, NEVER, Identity
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    StoreUnavailable,
    Unauthenticated,
)
from piccolo_api_fastapi.users import Users, UserT, or_default

_SECRET = re.compile(r"[A-Za-z0-9_~+/=-]{32,512}")
"""RFC 6750 section 2.1 without dots, which mark a JWT; at least 128 bits in hexadecimal."""


@configured
class StaticTokens(Scheme[UserT]):
    """
    A dependency that authenticates services by a fixed secret in `Authorization: Bearer …`.

    ```python
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import StaticTokens, User

    services = StaticTokens({"deploy": "0123456789abcdef0123456789abcdef"})
    app = FastAPI()

    @app.post("/deployments")
    async def start(user: Annotated[User, Depends(services)]) -> str:
        return user.username
    ```

    For a few services of your own, whose secrets are in the configuration. Each service is a user,
    made by `Users.create_service`, so that it can have scopes and be disabled. Routes that manage
    credentials refuse these secrets.

    Args:
        secrets: The secret of each username, or several secrets during a rotation.
        users: The users with these usernames. Default: those of the stock `User` table.
        name: The name of the scheme, such as `staff`: lower-case letters, digits, `-` and `_`.
            OpenAPI calls it `StaffStaticToken`.

    Raises:
        ConfigurationError: There is no secret, or one is shorter than 32 characters, has
            characters that a header cannot carry, or is used twice.
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
        *,
        name: str | None = None,
    ) -> None:
        self.users = or_default(users)
        self.clock = self.users.clock
        self._names = _digests(secrets)
        self.set_name("StaticToken", name)
        self.model = HTTPBearer(description="A fixed secret for services.")
        super().__init__()

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        Look up the user of the secret. Other bearer tokens are left to other schemes.

        Raises:
            InvalidToken: The user does not exist or is disabled.
            InvalidRequest: The request has two `Authorization` headers.
        """
        token = bearer_token(connection)
        if token is None or (name := self._owner(token)) is None:
            return None
        user = await self.users.find(name)
        if user is None or not user.active:
            raise InvalidToken
        scopes = await self.users.scopes_of(user) - {ACCOUNT}  # a machine manages none
        return Identity(user, self.scheme_name, name, scopes, NEVER)

    def _owner(self, token: str) -> str | None:
        """Find the username of a secret. All digests are compared, so the time reveals nothing."""
        presented = _digest(token)
        owner = None
        for digest, name in self._names.items():
            if compare_digest(presented, digest):
                owner = name
        return owner


def _digests(secrets: Mapping[str, str | Sequence[str]]) -> dict[bytes, str]:
    names: dict[bytes, str] = {}
    for name, several in secrets.items():
        # An empty list, as from an unset variable, is refused like an empty secret.
        for secret in [several] if isinstance(several, str) else several or [""]:
            if not _SECRET.fullmatch(secret) or _digest(secret) in names:
                raise ConfigurationError(
                    f"Give {name!r} a secret of its own: 32 to 512 letters, digits and _~+/=-"
                )
            names[_digest(secret)] = name
    if not names:
        raise ConfigurationError("StaticTokens needs at least one secret.")
    return names


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
