"""`JWTAuth`: the user of a bearer access token, as a dependency."""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, cast
from uuid import UUID

from fastapi.openapi.models import OAuth2, OAuthFlowPassword, OAuthFlows
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.access.bearer import bearer_token
from piccolo_api_fastapi.access.identity import SCOPE_TOKEN, Identity
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.core.crypto.keys import Key, KeyRing
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound, load, primary_key, user_table_of
from piccolo_api_fastapi.core.http.client import client_info
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    EnrolmentRequired,
    InsufficientScope,
    InvalidGrant,
    InvalidRequest,
    InvalidScope,
    InvalidToken,
    StoreUnavailable,
    Unauthenticated,
)
from piccolo_api_fastapi.users import Proof, Users, UserT

from . import queries as service
from .access_tokens import AccessTokens, Claims
from .claims import ClaimsOf
from .refresh_tokens import RefreshToken, RefreshTokens
from .tables import RefreshFamily
from .token_pairs import Grant, TokenPair, TokenPairs


class JWTAuth(Scheme[UserT]):
    """
    The user of an access token sent as `Authorization: Bearer …`.

    Depend on it to guard a route; mount `jwt_router` to get, refresh and revoke tokens.
    Every request asks the database whether the family lives and the user is active, in
    one statement, so a logout or a deactivation bites at once. `claims` is the dependency
    that does not ask.

    Args:
        users: Whose tokens.
        secret: For HS256, 32 bytes or more.
        keys: Or a ring of keys.
        issuer: `iss`.
        audience: `aud`.
        access_lifetime: How long an access token lives.
        refresh_lifetime: How long a family lives, whatever the activity.
        grace: How long after a refresh the same one may be repeated.
        leeway: How far the clocks of the servers may be apart.
        token_url: Where `POST /token` is, for Swagger; `install(app)` finds it by itself.
        table: The table of families; by default the one bound to the users' table.

    Raises:
        ConfigurationError: The settings are weak or contradict each other.
    """

    transport = "header"
    challenge = "Bearer"
    documented_errors = (
        InvalidRequest,
        Unauthenticated,
        InvalidToken,
        EnrolmentRequired,
        InsufficientScope,
        StoreUnavailable,
    )

    def __init__(  # noqa: PLR0913 - configuration, all of it optional but the key
        self,
        users: Users[UserT] | None = None,
        *,
        secret: str | bytes | None = None,
        keys: KeyRing | None = None,
        issuer: str = "piccolo_api_fastapi",
        audience: str = "piccolo_api_fastapi",
        access_lifetime: timedelta = timedelta(minutes=15),
        refresh_lifetime: timedelta = timedelta(days=30),
        grace: timedelta = timedelta(seconds=10),
        leeway: timedelta = timedelta(0),
        token_url: str = "auth/token",  # noqa: S107 - a path
        table: type[RefreshFamily] | None = None,
    ) -> None:
        self.users: Users[UserT] = cast("Any", Users()) if users is None else users
        self.table = table or bound(RefreshFamily, self.users.table)
        if user_table_of(self.table) is not self.users.table:
            raise ConfigurationError(
                "The table of families is bound to another user table; see auth_tables()."
            )
        if not timedelta(0) <= grace <= timedelta(minutes=1) or refresh_lifetime <= access_lifetime:
            raise ConfigurationError(
                "The grace is a minute at most, and a family outlives its access tokens."
            )
        self.clock = self.users.clock
        self.keys = _ring(secret, keys)
        self.refresh_lifetime = refresh_lifetime
        self.grace = grace
        self._access = AccessTokens(self.keys, issuer, audience, access_lifetime, leeway)
        self._refresh = RefreshTokens(self.keys)
        self._pairs = TokenPairs(self._access, self._refresh)
        self._queries = service.compile_queries(self.table)
        self.scheme_name = "JWT"
        self.model = OAuth2(
            flows=OAuthFlows(password=OAuthFlowPassword(tokenUrl=token_url, scopes={})),
            description="Log in with a username and a password.",
        )
        self.claims = ClaimsOf(self.decode, self.model, self.scheme_name, self.clock)
        super().__init__()

    async def extra_claims(self, user: UserT) -> Mapping[str, Any]:  # noqa: ARG002
        """Claims to add to the access tokens of a user. Override it; they are readable by all."""
        return {}

    def decode(self, token: str) -> Claims:
        """
        The claims of an access token, without asking the database.

        Raises:
            InvalidToken: It is not one of ours, or it has expired.
        """
        return self._access.decode(token, self.users.clock())

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        The identity of the access token.

        Raises:
            InvalidToken: It is malformed, expired or revoked, or its user is disabled.
            InvalidRequest: There are two `Authorization` headers.
        """
        token = bearer_token(connection)
        if token is None or token.count(".") != 2:  # noqa: PLR2004 - RFC 7515 section 3.1
            return None
        claims = self.decode(token)
        family = await self._family(claims)
        user = load(self.users.table, family.user)
        if not user.active or str(primary_key(user)) != claims.subject:
            raise InvalidToken
        scopes = claims.scopes & family.scopes & await self.users.scopes_of(user)
        return Identity(
            user,
            self.scheme_name,
            family.id,
            scopes,
            family.authenticated_at,
            family.factors,
            family.is_enrolling,
        )

    async def _family(self, claims: Claims) -> service.Family:
        try:
            family_id = UUID(claims.family)
        except ValueError:
            raise InvalidToken from None
        async with store():
            family = await service.find(self._queries.find, family_id, self.users.clock())
        if family is None:
            raise InvalidToken
        return family

    async def issue(
        self, proof: Proof[UserT] | UserT, connection: HTTPConnection, scope: str = ""
    ) -> TokenPair:
        """
        Start a family and give its first tokens.

        Args:
            proof: What `Login.start` gave, or a user whom the application trusts.
            connection: The request.
            scope: What was asked for; everything the user may do if empty.

        Raises:
            InvalidScope: More was asked for than the user may do.
            InvalidCredentials: The proof no longer holds.
        """
        held = proof if isinstance(proof, Proof) else Proof(proof)
        now = self.users.clock()
        granted = _narrow(await self.users.scopes_of(held.user), scope)
        grant = Grant(granted, now + self.refresh_lifetime, held.factors, held.is_enrolling, now)
        token = self._refresh.first()
        await service.start(
            self.table,
            token=token,
            user=primary_key(held.user),
            grant=grant,
            client=client_info(connection),
            uphold=lambda: self.users.uphold(held),
        )
        return await self._pair(held.user, token, grant, now)

    async def refresh(self, refresh_token: str, scope: str = "") -> TokenPair:
        """
        Exchange a refresh token.

        Args:
            refresh_token: The current one of its family, or within the grace the one before.
            scope: A narrower scope for the access token.

        Raises:
            InvalidGrant: It is forged, expired, revoked or was used before.
            InvalidScope: More was asked for than was granted.
        """
        presented = self._refresh.read(refresh_token)
        if presented is None:
            raise InvalidGrant
        now, successor = self.users.clock(), self._refresh.successor(presented)
        async with store():
            family = await service.rotate(
                self.table, self._queries, presented, successor, now, self.grace
            )
        user = load(self.users.table, family.user)
        may = family.scopes & await self.users.scopes_of(user)
        grant = Grant(
            _narrow(may, scope),
            family.expires_at,
            family.factors,
            family.is_enrolling,
            family.authenticated_at,
        )
        return await self._pair(user, successor, grant, now)

    async def record_factor(
        self,
        identity: Identity[UserT],
        factor: str,
        connection: HTTPConnection,  # noqa: ARG002
        response: Response,  # noqa: ARG002
    ) -> None:
        """
        Record with the family that a factor was presented once more. Its access tokens
        count as stepped up at once; what they say is brought up to date by a refresh.

        Raises:
            InvalidToken: It ended meanwhile, or another factor was recorded.
        """
        factors, is_second = {**identity.factors, factor: self.users.clock()}, factor != PASSWORD
        async with store():
            recorded = await service.record_factor(
                self.table, identity.credential_id, identity.factors, factors, is_second=is_second
            )
        if not recorded:
            raise InvalidToken

    async def revoke(self, token: str, *, user: UserT | None = None) -> None:
        """
        End the family of a refresh or an access token; anything else is ignored.

        Args:
            token: Either.
            user: Only if it is this user's.
        """
        if (family := self._family_id(token)) is not None:
            key = None if user is None else primary_key(user)
            async with store():
                await service.revoke(self.table, family, self.users.clock(), key)

    async def _pair(
        self, user: UserT, token: RefreshToken, grant: Grant, now: datetime
    ) -> TokenPair:
        extra = await self.extra_claims(user)
        return self._pairs.write(str(primary_key(user)), token, grant, now, extra)

    def _family_id(self, token: str) -> UUID | None:
        if (refresh_token := self._refresh.read(token)) is not None:
            return refresh_token.family
        try:
            return UUID(self.decode(token).family)
        except (InvalidToken, ValueError):
            return None


def _ring(secret: str | bytes | None, keys: KeyRing | None) -> KeyRing:
    if (secret is None) is (keys is None):
        raise ConfigurationError("JWTAuth takes a secret or keys, one of the two.")
    return keys or KeyRing(Key.from_secret(secret or b""))


def _narrow(may: frozenset[str], scope: str) -> frozenset[str]:
    """What is asked for, if it may be had (RFC 6749 section 3.3)."""
    wanted: Iterable[str] = scope.split(" ") if scope else may
    asked = frozenset(name for name in wanted if name)
    if scope and not all(SCOPE_TOKEN.fullmatch(name) for name in asked):
        raise InvalidScope
    if not asked <= may:
        raise InvalidScope
    return asked
