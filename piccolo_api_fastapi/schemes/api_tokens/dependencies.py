"""`TokenAuth`: the dependency that authenticates users by an API token."""

import hashlib
import re
from collections.abc import Awaitable, Callable, Iterable, Sequence
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID, uuid4

from fastapi.openapi.models import HTTPBearer
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.access.bearer import bearer_token
from piccolo_api_fastapi.access.devices import Device
from piccolo_api_fastapi.access.identity import NEVER, Identity, check_scopes
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import optional_write, transaction
from piccolo_api_fastapi.core.database.user_tables import bound, load, primary_key
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    InsufficientScope,
    InvalidRequest,
    InvalidToken,
    NotFound,
    StoreUnavailable,
    Unauthenticated,
)
from piccolo_api_fastapi.users import Users, UserT, or_default

from . import queries
from .queries import NewToken
from .tables import APIToken
from .values import Expiry, Lifetimes, usable_name, usable_scope

May: TypeAlias = Callable[[], Awaitable[frozenset[str]]]
"""Returns the scopes of the caller; raises if their credential is no longer valid."""

PICCOLO_API_TOKEN = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
"""The format of piccolo-api's tokens: a UUID."""


@configured
class TokenAuth(Scheme[UserT]):
    """
    A dependency that authenticates users by an API token in `Authorization: Bearer …`.

    ```python
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import SessionAuth, TokenAuth, User, token_router

    session, token = SessionAuth(), TokenAuth()
    app = FastAPI()
    app.include_router(token_router(token, session), prefix="/auth")

    @app.get("/report")
    async def report(user: Annotated[User, Depends(token)]) -> str:
        return user.username
    ```

    API tokens are for scripts and machines. `token_router` has the routes with which users
    create, list, rotate and revoke them. Routes that manage credentials refuse API tokens.

    Args:
        users: The users who own the tokens. Default: those of the stock `User` table.
        name: The name of the scheme, such as `staff`: lower-case letters, digits, `-` and `_`.
            OpenAPI calls it `StaffAPIToken`, and its operations `staff_create_api_token`.
        prefix: The start of each token, for secret scanners: lower-case letters and digits.
        expires_in: The default and longest lifetime of a token.
        allow_unlimited: Whether tokens may live longer than `expires_in`, or never expire.
        max_per_user: The number of live tokens a user may have; `None` for no limit.
        table: The table of API tokens. Default: the one bound to the users' table.
        accepts_piccolo_api: Whether to accept tokens migrated from piccolo-api.
        batched: Whether look-ups that wait together share a statement, on PostgreSQL.

    Raises:
        ConfigurationError: A setting is out of range, or `table` is bound to other users.
    """

    transport = "header"
    challenge = "Bearer"
    device_kind = "api_token"
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
        name: str | None = None,
        prefix: str = "pat",
        expires_in: timedelta = timedelta(days=365),
        allow_unlimited: bool = False,
        max_per_user: int | None = 50,
        table: type[APIToken] | None = None,
        accepts_piccolo_api: bool = False,
        batched: bool = True,
    ) -> None:
        if max_per_user is not None and max_per_user < 1:
            raise ConfigurationError("max_per_user must be at least 1, or None.")
        self.users = or_default(users)
        self.table = bound(APIToken, self.users.table, table)
        self.clock = self.users.clock
        self.kind = OpaqueToken(prefix)
        self.lifetimes = Lifetimes(expires_in, allow_unlimited)
        self.max_per_user = max_per_user
        self.accepts_piccolo_api = accepts_piccolo_api
        self.set_name("APIToken", name)
        self.model = HTTPBearer(
            bearerFormat=f"{prefix}_…", description="An API token for scripts and machines."
        )
        self._find = queries.compile_find(self.table, self.users.permissions, is_batched=batched)
        super().__init__()

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        Look up the API token. A bearer token without the prefix is left to other schemes.

        Raises:
            InvalidToken: The token is mistyped, unknown, expired or revoked, or its user is
                disabled.
            InvalidRequest: The request has two `Authorization` headers.
        """
        token = bearer_token(connection)
        if token is None or not (self._is_old(token) or token.startswith(f"{self.kind.prefix}_")):
            return None
        if (digest := self._digest(token)) is None:
            raise InvalidToken
        now = self.users.clock()
        found = await queries.find(self._find, digest, now)
        if found is None or not found.user["active"]:
            raise InvalidToken
        if queries.is_stale(found, now):
            async with optional_write(self.table):
                await queries.touch(self.table, found, now)
        user = load(self.users.table, found.user)
        held = () if found.permissions is None else (found.permissions,)
        scopes = found.scopes & await self.users.scopes_of(user, *held)
        return Identity(user, self.scheme_name, found.id, scopes, NEVER)

    async def create(
        self,
        user: UserT,
        name: str,
        *,
        scopes: Iterable[str] = (),
        expires_at: Expiry = "default",
        may: May | None = None,
    ) -> NewToken:
        """
        Make a token.

        ```python
        from piccolo_api_fastapi import TokenAuth

        token = TokenAuth()
        owner = await token.users.create_service("reporter")
        new = await token.create(owner, "nightly report")
        print(new.secret)
        ```

        Args:
            user: The owner.
            name: The name by which the owner knows it.
            scopes: The scopes of the token. It loses those that its owner loses.
            expires_at: The expiry time; `None` for never, if `allow_unlimited` is set.
            may: Returns the scopes of the caller. Default: those of the owner.

        Raises:
            Unprocessable: The name, a scope or the time is invalid.
            InsufficientScope: The caller does not have one of the scopes.
            TokenLimitReached: The owner has reached `max_per_user`.
            NotFound: The owner does not exist or is disabled.
            StoreUnavailable: The database is down.
        """
        now, secret = self.users.clock(), self.kind.generate()
        row = self.table(
            id=uuid4(),
            digest=self.kind.digest(secret),
            user=primary_key(user),
            name=usable_name(name, self.table.name.length or 0),
            scope=usable_scope(scopes),
            last_four=secret[-4:],
            created_at=now,
            expires_at=self.lifetimes.expiry(expires_at, now),
        )
        async with store(), transaction(self.table):
            await self._hold_owner(row, may or (lambda: self.users.scopes_of(user)))
            await queries.create(row, now=now, cap=self.max_per_user)
        return NewToken(secret, row)

    async def _hold_owner(self, row: APIToken, may: May | None) -> None:
        """
        Lock the owner, then check the scopes of the caller.

        Requests that count or end the owner's tokens wait for the lock, so a password change
        either sees the token or stops it.
        """
        is_active = await queries.lock_owner(row)
        if may is not None:
            check_scopes(await may(), sorted(row.scopes))
        if not is_active:
            raise NotFound

    async def tokens_of(self, user: UserT) -> Sequence[APIToken]:
        """List the live tokens of a user, newest first."""
        async with store():
            return await queries.live(self.table, primary_key(user), self.users.clock())

    async def rotate(
        self, token: UUID, *, user: UserT | None = None, may: May | None = None
    ) -> NewToken:
        """
        Replace the secret of a token and restart its lifetime. The old secret stops working.

        Args:
            token: The id of the token.
            user: The user who must own it, if given.
            may: Returns the scopes of the caller. Default: the caller's scopes are not checked.

        Raises:
            InsufficientScope: The caller does not have all scopes of the token.
            Conflict: Another request rotated or revoked the token meanwhile.
            NotFound: The token does not exist, belongs to another user, or its owner is disabled.
            StoreUnavailable: The database is down.
        """
        now, secret = self.users.clock(), self.kind.generate()
        key = None if user is None else primary_key(user)
        async with store():
            before = await queries.get(self.table, token, key, now)
        values = before.to_dict() | {
            "digest": self.kind.digest(secret),
            "last_four": secret[-4:],
            "created_at": now,
            "expires_at": self.lifetimes.renewed(before, now),
            "last_used_at": None,
        }
        row = self.table(**values, _exists_in_db=True)
        async with store(), transaction(self.table):
            await self._hold_owner(before, may)
            await queries.rotate(before, row, now=now)
        return NewToken(secret, row)

    async def revoke(self, token: UUID | str, *, user: UserT | None = None) -> None:
        """
        Revoke a token; it stops working at once.

        Args:
            token: The id of the token; or the token itself, for example one that has leaked.
            user: The user who must own it, if given.

        Raises:
            NotFound: The token does not exist, is revoked, or belongs to another user.
            StoreUnavailable: The database is down.
        """
        if isinstance(token, UUID):
            condition: Any = self.table.id == token
        else:
            condition = self.table.digest == (self._digest(token) or "")
        if user is not None:
            condition = condition & (self.table.user == primary_key(user))
        async with store():
            ended = await queries.revoke(self.table, condition, self.users.clock())
        if not ended:
            raise NotFound

    async def revoke_all(self, user: UserT) -> int:
        """
        Revoke all tokens of a user; they stop working at once.

        Returns:
            The number of revoked tokens.
        """
        async with store():
            condition = self.table.user == primary_key(user)
            return await queries.revoke(self.table, condition, self.users.clock())

    async def devices(self, user: UserT) -> Sequence[Device]:
        """List the live tokens of a user, newest first."""
        return [
            Device(
                kind=self.device_kind,
                id=row.id,
                name=row.name,
                created_at=row.created_at,
                last_seen_at=row.last_used_at,
                expires_at=row.expires_at,
            )
            for row in await self.tokens_of(user)
        ]

    async def end_device(self, user: UserT, device: UUID) -> None:
        """
        Revoke one token of a user.

        Raises:
            NotFound: The token does not exist, is revoked, or belongs to another user.
        """
        await self.revoke(device, user=user)

    def _is_old(self, token: str) -> bool:
        return self.accepts_piccolo_api and PICCOLO_API_TOKEN.fullmatch(token) is not None

    def _digest(self, token: str) -> str | None:
        if self._is_old(token):
            return hashlib.sha256(token.encode("ascii")).hexdigest()
        return self.kind.digest(token)
