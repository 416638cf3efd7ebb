"""`JWTAuth`: the dependency that authenticates users by a bearer access token."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.access.bearer import bearer_token
from piccolo_api_fastapi.access.devices import Device
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.access.step_up import Factors, second_factors
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.crypto.keys import KeyRing, ring_of
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, load, primary_key
from piccolo_api_fastapi.core.http.client import client_info
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    EnrolmentRequired,
    InsufficientScope,
    InvalidGrant,
    InvalidRequest,
    InvalidToken,
    StepUpRequired,
    StoreUnavailable,
    Unauthenticated,
)
from piccolo_api_fastapi.users import Proof, Users, UserT, or_default

from . import queries, rotation_queries
from .access_tokens import AccessTokens, Claims, family_id
from .claims import ClaimsOf
from .client_names import checked_client_id
from .issuing import issuing_of
from .refresh_tokens import RefreshToken, RefreshTokens
from .scopes import narrow
from .tables import RefreshFamily
from .token_pairs import Grant, TokenPair, write_pair
from .urls import metadata_of, password_flow
from .websocket_tickets import WebSocketTickets, presented


@configured
class JWTAuth(Scheme[UserT]):
    """
    A dependency that authenticates users by an access token in `Authorization: Bearer …`.

    ```python
    import os
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import JWTAuth, User, jwt_router

    jwt = JWTAuth(secret=os.environ["JWT_SECRET"])
    app = FastAPI()
    app.include_router(jwt_router(jwt), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[User, Depends(jwt)]) -> str:
        return user.username
    ```

    Each login starts a family of refresh tokens. Every request checks in one statement that it is
    live and its user active, so a logout takes effect at once. `claims` does not query.

    Args:
        users: The users who own the tokens. Default: those of the stock `User` table.
        secret: The secret for HS256, at least 32 bytes.
        keys: A ring of keys, instead of `secret`.
        name: The name of the scheme, such as `staff`: lower-case letters, digits, `-` and `_`.
            OpenAPI calls it `StaffJWT`, and its operations `staff_create_token`.
        issuer: The value of `iss`.
        audience: The value of `aud`. Default: `piccolo_api_fastapi`, or with the name `staff`
            `piccolo_api_fastapi/staff`. Only schemes with the same issuer and audience accept, list
            and revoke each other's tokens.
        client_id: The value of `client_id` for clients that do not name themselves (RFC 9068).
        resource: The URL of the API. A 401 then names its metadata; see `metadata_router`.
        access_lifetime: The lifetime of an access token, at most a day.
        refresh_lifetime: The lifetime of a family, which refreshes do not extend.
        grace: The time in which a refresh may be repeated with the same token, and gets the same
            successor: at most a minute. 0 refuses every repetition.
        lost_within: The time in which it may be repeated after the grace because the response was
            lost: until the successor is used, at most a week.
        leeway: The tolerated difference between the clocks of servers, at most a minute.
        cap: The number of families a user may have, or `None`. A further login ends the oldest.
        websocket_tickets: The lifetime of the tickets that browsers open WebSockets with, 1 to 60
            seconds; see `POST /token/ws-ticket`. Default: there are none.
        token_url: The URL of `POST /token`, for Swagger; `install(app)` sets it.
        table: The table of families. Default: the one bound to the users' table.
        batched: Whether look-ups that wait together share a statement, on PostgreSQL.

    Raises:
        ConfigurationError: The settings are weak or contradict each other.
    """

    transport = "header"
    challenge = "Bearer"
    device_kind = "app"
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
        name: str | None = None,
        issuer: str = "piccolo_api_fastapi",
        audience: str | None = None,
        client_id: str = "piccolo_api_fastapi",
        resource: str | None = None,
        access_lifetime: timedelta = timedelta(minutes=15),
        refresh_lifetime: timedelta = timedelta(days=30),
        grace: timedelta = timedelta(seconds=10),
        lost_within: timedelta = timedelta(hours=1),
        leeway: timedelta = timedelta(seconds=5),
        cap: int | None = 100,
        websocket_tickets: timedelta | None = None,
        token_url: str = "auth/token",  # noqa: S107 - a path
        table: type[RefreshFamily] | None = None,
        batched: bool = True,
    ) -> None:
        self.users = or_default(users)
        self.table = bound(RefreshFamily, self.users.table, table)
        if not timedelta(0) <= grace <= timedelta(minutes=1) or refresh_lifetime <= access_lifetime:
            raise ConfigurationError(
                "grace must be 0 to 60 seconds, and refresh_lifetime longer than access_lifetime."
            )
        if not timedelta(0) <= lost_within <= timedelta(weeks=1):
            raise ConfigurationError("lost_within must be 0 to 7 days.")
        if cap is not None and cap < 1:
            raise ConfigurationError("cap must be at least 1, or None for no limit.")
        self.clock = self.users.clock
        self.keys = ring_of(secret, keys)
        self.client_id = checked_client_id(client_id)
        self.refresh_lifetime = refresh_lifetime
        self.cap = cap
        self.set_name("JWT", name)
        if audience is None:
            audience = "piccolo_api_fastapi" + (f"/{name}" if name else "")
        self.issuer, self.audience = issuer, audience
        self.token_marks = frozenset((key.kid, issuer, audience) for key in self.keys)
        if resource is not None:
            self.resource_metadata = metadata_of(resource)
            self.challenge = f'Bearer resource_metadata="{self.resource_metadata}"'
        self.resource = resource
        self._access = AccessTokens(self.keys, issuer, audience, access_lifetime, leeway)
        self._refresh = RefreshTokens(self.keys, issuer, audience)
        lost_within = lost_within if grace else grace
        self._repeats = rotation_queries.Repeats(self._refresh.successor, grace, lost_within)
        self.websocket_tickets = (
            None
            if websocket_tickets is None
            else WebSocketTickets(self.users, issuer, audience, websocket_tickets)
        )
        self.own = queries.Own(self.table, issuer, audience)
        held = self.users.permissions
        self._compiled = rotation_queries.compile_queries(self.own, held, is_batched=batched)
        self.model = password_flow(token_url)
        self.claims = ClaimsOf(self, self.decode)
        self.issuing = issuing_of(self)
        super().__init__()

    async def extra_claims(self, user: UserT) -> Mapping[str, Any]:  # noqa: ARG002
        """The claims to add to a user's access tokens. Override it. The client can read them."""
        return {}

    def decode(self, token: str) -> Claims:
        """
        Verify an access token without a query, and return its claims.

        Raises:
            InvalidToken: The token is forged, malformed or expired.
        """
        return self._access.decode(token, self.users.clock())

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        Verify the access token, and look up its family and user. A WebSocket may bring a ticket
        instead, which is used up.

        Raises:
            InvalidToken: The token is malformed, expired or revoked, or its user is disabled.
            InvalidRequest: The request has two `Authorization` headers.
        """
        token, tickets = bearer_token(connection), self.websocket_tickets
        if token is None and tickets is not None and presented(connection):
            return await self._by_ticket(connection, tickets)
        if token is None or token.count(".") != 2:  # noqa: PLR2004 - RFC 7515 section 3.1
            return None
        return await self.identity_of(self.decode(token))

    def has_ticket(self, connection: HTTPConnection) -> bool:
        """Whether a WebSocket brings a ticket, if the scheme issues any."""
        return self.websocket_tickets is not None and bool(presented(connection))

    async def _by_ticket(
        self, connection: HTTPConnection, tickets: WebSocketTickets
    ) -> Identity[UserT]:
        ticket, *others = presented(connection)
        if others:
            raise InvalidToken
        return await self.identity_of(await tickets.use(ticket))

    async def identity_of(self, claims: Claims) -> Identity[UserT]:
        """
        Look up the family and the user of a verified access token.

        Raises:
            InvalidToken: The token is revoked, or its user is disabled.
        """
        family = await rotation_queries.find(self._compiled, family_id(claims), self.users.clock())
        if family is None:
            raise InvalidToken
        user = load(self.users.table, family.user)
        if not user.active or str(primary_key(user)) != claims.subject:
            raise InvalidToken
        held = () if family.permissions is None else (family.permissions,)
        scopes = claims.scopes & family.scopes & await self.users.scopes_of(user, *held)
        return Identity(
            user,
            self.scheme_name,
            family.id,
            scopes,
            family.authenticated_at,
            family.factors,
            family.is_enrolling,
            family.step_ups,
        )

    async def issue(
        self, proof: Proof[UserT] | UserT, connection: HTTPConnection, scope: str = ""
    ) -> TokenPair:
        """
        Start a family and return its first tokens.

        Args:
            proof: The result of `Login.start`, or a user whom the application has
                authenticated itself.
            connection: The request.
            scope: The requested scopes, separated by spaces. Default: all scopes of the user.

        Raises:
            InvalidScope: The user does not have a requested scope.
            InvalidCredentials: The password has changed or the user was disabled meanwhile.
        """
        held = proof if isinstance(proof, Proof) else Proof(proof)
        now = self.users.clock()
        granted = narrow(await self.users.scopes_of(held.user), scope)
        grant = Grant(
            str(primary_key(held.user)),
            granted,
            now + self.refresh_lifetime,
            held.factors,
            held.is_enrolling,
            authenticated_at=now,
            client_id=held.client_id or self.client_id,
        )
        token = self._refresh.first(held.client_id)
        key, client = primary_key(held.user), client_info(connection)
        row = queries.new_family(self.own, token, grant, key, client)
        # Before the family is stored: if `extra_claims` fails, nobody would have its tokens.
        pair = await self._pair(held.user, token, grant, now)
        async with store(), transaction(self.table):
            # First: it locks the user, so that a password change sees the family or stops it.
            await self.users.uphold(held)
            await queries.start(self.own, row, cap=self.cap)
        return pair

    async def sign_in(
        self,
        connection: HTTPConnection,
        response: Response,  # noqa: ARG002
        proof: Proof[UserT] | UserT,
    ) -> TokenPair:
        """
        Start a family, as `SessionAuth.sign_in` starts a session. Returns its first tokens.

        Args:
            connection: The request.
            response: The response, which gets no cookie.
            proof: The result of `Login.start`, or a user whom the application has
                authenticated itself.

        Raises:
            InvalidScope, InvalidCredentials: As for `issue`.
        """
        scope = proof.scope if isinstance(proof, Proof) else ""
        return await self.issue(proof, connection, scope)

    async def refresh(self, refresh_token: str, scope: str = "") -> TokenPair:
        """
        Exchange a refresh token for a new pair.

        Args:
            refresh_token: The current token of its family, or the previous one if the response
                was lost.
            scope: The scopes of the access token, separated by spaces. Default: all granted.

        Raises:
            InvalidGrant: The token is forged, expired or revoked, or has been used before.
            InvalidScope: A requested scope was not granted at login. The refresh token stays
                valid.
            StoreUnavailable: The database is down.
        """
        presented = self._refresh.read(refresh_token)
        if presented is None:
            raise InvalidGrant
        now = self.users.clock()

        async def check(family: rotation_queries.Family) -> None:
            if scope:  # otherwise nothing can be refused
                await self._granted(load(self.users.table, family.user), family, scope)

        async with store():
            family, successor = await rotation_queries.rotate(
                self._compiled, presented, now, self._repeats, check
            )
        user = load(self.users.table, family.user)
        granted = await self._granted(user, family, scope)
        client_id = presented.client_id or self.client_id
        grant = family.grant(str(primary_key(user)), granted, client_id)
        return await self._pair(user, successor, grant, now)

    async def _granted(
        self, user: UserT, family: rotation_queries.Family, scope: str
    ) -> frozenset[str]:
        """The requested scopes, which the family and the user must have."""
        held = () if family.permissions is None else (family.permissions,)
        return narrow(family.scopes & await self.users.scopes_of(user, *held), scope)

    async def record_factor(
        self,
        identity: Identity[UserT],
        factor: str,
        connection: HTTPConnection,  # noqa: ARG002
        response: Response,  # noqa: ARG002
        *,
        for_change: bool = False,
    ) -> None:
        """
        Record in the family that the user presented a factor again. Its access tokens count as
        stepped up at once; their claims change with the next refresh.

        Raises:
            InvalidToken: The family ended, or another factor was recorded, meanwhile.
        """
        now = self.users.clock()
        step_ups = {**identity.step_ups, factor: now} if for_change else {}
        presented = {**identity.factors, factor: now}
        factors = rotation_queries.all_factors(presented, step_ups)
        is_second = factor in second_factors(presented)
        if not await self._record(identity, factors, is_second=is_second):
            raise InvalidToken

    async def spend_step_ups(self, identity: Identity[UserT]) -> None:
        """
        Use up the step-ups of a family. Of several changes at once, one succeeds.

        Raises:
            StepUpRequired: Another change has used them, or the family ended, meanwhile.
        """
        if not await self._record(identity, identity.factors, is_second=False):
            raise StepUpRequired

    async def _record(
        self, identity: Identity[UserT], factors: Factors, *, is_second: bool
    ) -> bool:
        before = rotation_queries.all_factors(identity.factors, identity.step_ups)
        family = identity.credential_id
        async with store():
            return await queries.record_factor(
                self.own, family, before, factors, is_second=is_second
            )

    async def revoke(self, token: str, *, user: UserT | None = None) -> None:
        """
        End the family of a refresh or access token. Any other text is ignored.

        Args:
            token: The refresh or access token.
            user: The user who must own the family, if given.

        Raises:
            StoreUnavailable: The database is down.
        """
        if (family := self._family_of(token)) is not None:
            key = None if user is None else primary_key(user)
            async with store():
                await queries.revoke(self.own, family, self.users.clock(), key)

    async def devices(self, user: UserT) -> Sequence[Device]:
        """List the live families of a user in this scheme, newest first."""
        rows = await queries.live(self.own, primary_key(user), self.users.clock())
        return [Device.signed_in(self.device_kind, row, row.rotated_at) for row in rows]

    async def end_device(self, user: UserT, device: UUID) -> None:
        """
        End one family of a user.

        Raises:
            NotFound: The family does not exist, has ended, or belongs to another user or scheme.
        """
        await queries.end(self.own, primary_key(user), device, self.users.clock())

    async def _pair(
        self, user: UserT, token: RefreshToken, grant: Grant, now: datetime
    ) -> TokenPair:
        extra = await self.extra_claims(user)
        return write_pair(self._access, self._refresh, token, grant, now, extra)

    def _family_of(self, token: str) -> UUID | None:
        if (refresh_token := self._refresh.read(token)) is not None:
            return refresh_token.family
        with suppress(InvalidToken):
            return family_id(self.decode(token))
        return None
