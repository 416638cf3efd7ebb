"""`TokenAuth`: the user of an API token, as a dependency."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from typing import Any, Literal, cast
from uuid import UUID, uuid4

from fastapi.openapi.models import HTTPBearer
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.access.bearer import bearer_token
from piccolo_api_fastapi.access.identity import NEVER, SCOPE_TOKEN, Identity
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound, load, primary_key, user_table_of
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    FieldError,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    NotFound,
    StoreUnavailable,
    Unauthenticated,
    Unprocessable,
)
from piccolo_api_fastapi.users import Users, UserT

from . import queries as service
from .queries import May, NewToken
from .tables import APIToken

_CENTURY = timedelta(days=36_525)

PICCOLO_API_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""A UUID, as piccolo-api writes it."""


class TokenAuth(Scheme[UserT]):
    """
    The user of an API token, sent as `Authorization: Bearer …`: for scripts and machines.

    Depend on it to guard a route; mount `token_router` to create, list, rotate and revoke
    tokens. They never reach the routes that manage credentials.

    Args:
        users: Whose tokens.
        prefix: What a token begins with, for secret scanners: lower-case letters and digits.
        expires_in: How long a token lives, unless it is given less.
        allow_unlimited: Let tokens be given more, and be made that never expire.
        max_per_user: How many live tokens a user may have; `None` is any number.
        table: The table of API tokens; by default the one bound to the users' table.
        accepts_piccolo_api: Whether tokens that were moved from there are good.

    Raises:
        ConfigurationError: The settings are unusable.
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

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        users: Users[UserT] | None = None,
        *,
        prefix: str = "pat",
        expires_in: timedelta = timedelta(days=365),
        allow_unlimited: bool = False,
        max_per_user: int | None = 50,
        table: type[APIToken] | None = None,
        accepts_piccolo_api: bool = False,
    ) -> None:
        if not timedelta(0) < expires_in <= _CENTURY:
            raise ConfigurationError(
                "expires_in is more than nothing, and a hundred years at most."
            )
        if max_per_user is not None and max_per_user < 1:
            raise ConfigurationError("A user may have one token at least.")
        self.users: Users[UserT] = cast("Any", Users()) if users is None else users
        self.table = table or bound(APIToken, self.users.table)
        if user_table_of(self.table) is not self.users.table:
            raise ConfigurationError(
                "The table of API tokens is bound to another user table; see auth_tables()."
            )
        self.clock = self.users.clock
        self.kind = OpaqueToken(prefix)
        self.expires_in = expires_in
        self.allow_unlimited = allow_unlimited
        self.max_per_user = max_per_user
        self.accepts_piccolo_api = accepts_piccolo_api
        self.scheme_name = "APIToken"
        self.model = HTTPBearer(
            bearerFormat=f"{prefix}_…", description="An API token, for scripts and machines."
        )
        self._find = service.compile_find(self.table)
        super().__init__()

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        The identity of the API token. A bearer token without the prefix is another scheme's.

        Raises:
            InvalidToken: It is mistyped, unknown, expired or revoked, or its user is disabled.
            InvalidRequest: There are two `Authorization` headers.
        """
        token = bearer_token(connection)
        if token is None or not (self._is_old(token) or token.startswith(f"{self.kind.prefix}_")):
            return None
        if (digest := self._digest(token)) is None:
            raise InvalidToken
        now = self.users.clock()
        async with store():
            found = await service.find(self._find, digest, now)
        if found is None or not found.user["active"]:
            raise InvalidToken
        # Whatever keeps the write from happening, the request goes on.
        with suppress(Exception):
            await service.touch(self.table, found, now)
        user = load(self.users.table, found.user)
        scopes = found.scopes & await self.users.scopes_of(user)
        return Identity(user, self.scheme_name, found.id, scopes, NEVER)

    async def create(
        self,
        user: UserT,
        name: str,
        *,
        scopes: Iterable[str] = (),
        expires_at: datetime | Literal["default"] | None = "default",
        may: May | None = None,
    ) -> NewToken:
        """
        Make a token.

        Args:
            user: Its owner.
            name: What they call it.
            scopes: What it may do, as long as its owner may.
            expires_at: When it ends; `None` is never, where that is allowed.
            may: Gives the scopes of whoever makes it; by default what the owner may do.

        Raises:
            Unprocessable: The name, a scope or the time can't be used.
            InsufficientScope: It would do more than whoever makes it may.
            TokenLimitReached: The owner has as many as they may have.
            NotFound: The owner is gone or disabled.
        """
        now, secret = self.users.clock(), self.kind.generate()
        row = self.table(
            id=uuid4(),
            digest=self.kind.digest(secret),
            user=primary_key(user),
            name=_usable_name(name, self.table.name.length or 0),
            scope=_usable_scope(scopes),
            last_four=secret[-4:],
            created_at=now,
            expires_at=self._expiry(expires_at, now),
        )
        asked = may or (lambda: self.users.scopes_of(user))
        await service.create(row, now=now, cap=self.max_per_user, may=asked)
        return NewToken(secret, row)

    async def tokens_of(self, user: UserT) -> Sequence[APIToken]:
        """The live tokens of a user, the latest first."""
        async with store():
            return await service.live(self.table, primary_key(user), self.users.clock())

    async def rotate(
        self, token: UUID, *, user: UserT | None = None, may: May | None = None
    ) -> NewToken:
        """
        Give a token a new secret, and as long to live again. The old secret is dead at once.

        Args:
            token: The id.
            user: Only if it is this user's.
            may: Gives the scopes of whoever rotates it; by default nobody asks.

        Raises:
            InsufficientScope: It may do more than whoever rotates it.
            Conflict: Another request rotated or revoked it meanwhile.
            NotFound: There is none, it is somebody else's, or its owner is disabled.
        """
        now, secret = self.users.clock(), self.kind.generate()
        key = None if user is None else primary_key(user)
        async with store():
            before = await service.get(self.table, token, key, now)
        values = before.to_dict() | {
            "digest": self.kind.digest(secret),
            "last_four": secret[-4:],
            "created_at": now,
            "expires_at": self._renewed(before, now),
            "last_used_at": None,
        }
        row = self.table(**values, _exists_in_db=True)

        async def everything() -> frozenset[str]:
            return before.scopes

        await service.rotate(before, row, now=now, may=may or everything)
        return NewToken(secret, row)

    async def revoke(self, token: UUID | str, *, user: UserT | None = None) -> None:
        """
        End a token, at once.

        Args:
            token: The id; or the token itself, when it was found where it should not be.
            user: Only if it is this user's.

        Raises:
            NotFound: There is none, or it is somebody else's.
        """
        if isinstance(token, UUID):
            condition: Any = self.table.id == token
        else:
            condition = self.table.digest == (self._digest(token) or "")
        if user is not None:
            condition = condition & (self.table.user == primary_key(user))
        async with store():
            ended = await service.revoke(self.table, condition, self.users.clock())
        if not ended:
            raise NotFound

    async def revoke_all(self, user: UserT) -> int:
        """
        End all tokens of a user, at once.

        Returns:
            How many there were.
        """
        async with store():
            condition = self.table.user == primary_key(user)
            return await service.revoke(self.table, condition, self.users.clock())

    def _is_old(self, token: str) -> bool:
        return self.accepts_piccolo_api and PICCOLO_API_TOKEN.fullmatch(token) is not None

    def _digest(self, token: str) -> str | None:
        if self._is_old(token):
            return hashlib.sha256(token.encode("ascii")).hexdigest()
        return self.kind.digest(token)

    def _expiry(
        self, wanted: datetime | Literal["default"] | None, now: datetime
    ) -> datetime | None:
        latest = now + self.expires_in
        if wanted == "default":
            return latest
        if wanted is None:
            if self.allow_unlimited:
                return None
            raise _unusable("expires_at", "expiry_required", "A token has to expire.")
        if wanted.tzinfo is None:
            raise _unusable("expires_at", "expiry_invalid", "Say the time with its zone.")
        # Compared before it is converted, which the last day of the year 9999 may not survive.
        if wanted <= now:
            raise _unusable("expires_at", "expiry_past", "This is in the past.")
        if wanted > (now + _CENTURY if self.allow_unlimited else latest):
            raise _unusable("expires_at", "expiry_too_late", "This is later than a token may live.")
        return wanted.astimezone(timezone.utc)

    def _renewed(self, before: APIToken, now: datetime) -> datetime | None:
        if before.expires_at is None:
            return None if self.allow_unlimited else now + self.expires_in
        lifetime: timedelta = before.expires_at - before.created_at
        return now + (lifetime if self.allow_unlimited else min(lifetime, self.expires_in))


def _usable_name(name: str, maximum: int) -> str:
    name = name.strip()
    if not name or not name.isprintable() or len(name) > maximum:
        raise _unusable("name", "name_invalid", f"Use 1 to {maximum} characters that can be seen.")
    return name


def _usable_scope(scopes: Iterable[str]) -> str:
    names = sorted(set(scopes))
    if isinstance(scopes, str) or not all(SCOPE_TOKEN.fullmatch(name) for name in names):
        raise _unusable("scopes", "scope_invalid", "A scope is text without spaces and quotes.")
    return " ".join(names)


def _unusable(field: str, code: str, sentence: str) -> Unprocessable:
    return Unprocessable([FieldError(("body", field), sentence, code)])
