"""`SessionAuth`: the dependency that authenticates users by a session cookie."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from fastapi.openapi.models import APIKey
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.access.csrf import SameOrigin
from piccolo_api_fastapi.access.devices import Device
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.access.step_up import last_presented, second_factors
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.lookups import CANDIDATES
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import optional_write, transaction
from piccolo_api_fastapi.core.database.user_tables import bound, load, primary_key
from piccolo_api_fastapi.core.http.client import client_info
from piccolo_api_fastapi.core.http.cookies import Cookie
from piccolo_api_fastapi.errors import (
    COOKIE_CHALLENGE,
    ConfigurationError,
    CrossSiteRequest,
    EnrolmentRequired,
    InsufficientScope,
    InvalidSession,
    SessionEnded,
    StoreUnavailable,
    Unauthenticated,
)
from piccolo_api_fastapi.users import Proof, Users, UserT, or_default

from . import queries, rotation_queries
from .cookie_tokens import CookieTokens
from .issuing import issuing_of
from .queries import SESSION_TOKEN, Lifetimes
from .tables import Session


@configured
class SessionAuth(Scheme[UserT]):
    """
    A dependency that authenticates users by a session cookie.

    ```python
    from typing import Annotated
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import SessionAuth, User, session_router

    session = SessionAuth()
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[User, Depends(session)]) -> str:
        return user.username
    ```

    `session_router` has the routes to log in and out. An unsafe request from another site is
    refused, even with a valid cookie.

    Args:
        users: The users who own the sessions. Default: those of the stock `User` table.
        cookie: The name and attributes of the cookie. Default: `__Host-session`, or with the name
            `staff` `__Host-staff-session`.
        idle: The time without activity after which a session expires.
        absolute: The time after which a session expires despite activity.
        cap: The number of sessions a user may have, or `None`. A further login ends the oldest.
        csrf: The origins whose requests are accepted. Default: the site's own.
        name: The name of the scheme, such as `staff`: lower-case letters, digits, `-` and `_`.
            OpenAPI calls it `StaffSession`, and its operations `staff_log_in`. Only schemes with
            the same name accept, list and end each other's sessions. Default: one that is derived
            from the cookie, and `Session` in OpenAPI.
        table: The table of sessions. Default: the one bound to the users' table.
        accepts_piccolo_api: Whether to accept session tokens migrated from piccolo-api.
        clears: The data of the site that browsers delete after a logout: `"cache"`, `"storage"`
            or both, by the header `Clear-Site-Data`. Default: none, since clearing the cache can
            take browsers seconds, and the storage may hold the user's drafts.
        batched: Whether look-ups that wait together share a statement, on PostgreSQL.

    Raises:
        ConfigurationError: The settings contradict each other.
    """

    transport = "cookie"
    challenge = COOKIE_CHALLENGE
    device_kind = "session"
    documented_errors = (
        Unauthenticated,
        InvalidSession,
        EnrolmentRequired,
        InsufficientScope,
        CrossSiteRequest,
        StoreUnavailable,
    )

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        users: Users[UserT] | None = None,
        *,
        cookie: Cookie | None = None,
        idle: timedelta = timedelta(days=14),
        absolute: timedelta = timedelta(days=30),
        cap: int | None = 100,
        csrf: SameOrigin | None = None,
        name: str | None = None,
        table: type[Session] | None = None,
        accepts_piccolo_api: bool = False,
        clears: Collection[Literal["cache", "storage"]] = (),
        batched: bool = True,
    ) -> None:
        if cap is not None and cap < 1:
            raise ConfigurationError("cap must be at least 1, or None for no limit.")
        self.set_name("Session", name)
        self.users = or_default(users)
        self.table = bound(Session, self.users.table, table)
        self.clock = self.users.clock
        self.cookie = cookie or _cookie_of(name)
        self.lifetimes = Lifetimes(idle, absolute)
        self.cap = cap
        self.accepts_piccolo_api = accepts_piccolo_api
        self._tokens = CookieTokens(self.cookie, accepts_piccolo_api)
        self.csrf = csrf or SameOrigin()
        # Not "cookies", which would also clear those of every sibling domain.
        self.clears = ", ".join(f'"{kind}"' for kind in clears)
        self.model = APIKey.model_validate(
            {"in": "cookie", "name": self.cookie.name, "description": "A session cookie."}
        )
        self._is_batched = batched
        self._own(name or _name_of(self.cookie))
        self.issuing = issuing_of(self)
        super().__init__()

    @classmethod
    def aal1(cls, users: Users[UserT] | None = None, **options: Any) -> "SessionAuth[UserT]":
        """Sessions of 30 days, idle or not (NIST SP 800-63B-4 section 2.1.3)."""
        return cls._at("aal1", timedelta(days=30), timedelta(days=30), users, options)

    @classmethod
    def aal2(cls, users: Users[UserT] | None = None, **options: Any) -> "SessionAuth[UserT]":
        """Sessions of an hour idle and 24 hours in all (NIST SP 800-63B-4 section 2.2.3)."""
        return cls._at("aal2", timedelta(hours=1), timedelta(hours=24), users, options)

    @classmethod
    def aal3(cls, users: Users[UserT] | None = None, **options: Any) -> "SessionAuth[UserT]":
        """Sessions of 15 minutes idle and 12 hours in all (NIST SP 800-63B-4 section 2.3.3)."""
        return cls._at("aal3", timedelta(minutes=15), timedelta(hours=12), users, options)

    @classmethod
    def _at(
        cls,
        level: str,
        idle: timedelta,
        absolute: timedelta,
        users: Users[UserT] | None,
        options: dict[str, Any],
    ) -> "SessionAuth[UserT]":
        """Make a scheme whose name has the level, because other sessions last longer."""
        limits: dict[str, Any] = {"idle": idle, "absolute": absolute}
        scheme = cls(users, **limits | options)
        if options.get("name") is None:
            scheme._own(f"{scheme.name}; {level}")
        return scheme

    def _own(self, name: str) -> None:
        """Accept, list and end the sessions that carry a name."""
        self.name = name
        self.own = queries.Own(self.table, name, self.accepts_piccolo_api)
        held = self.users.permissions
        self._find = queries.compile_find(self.own, held, is_batched=self._is_batched)

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        Look up the session of the cookie.

        A browser that was given the cookie with several domains or paths sends several: the one
        whose session is live counts, wherever it stands.

        Raises:
            InvalidSession: The cookie is malformed, or there are two with a live session.
            SessionEnded: The session is unknown, expired or revoked, or its user is disabled.
            CrossSiteRequest: Another site sent the request.
        """
        tokens = self.cookie.read(connection.headers.getlist("cookie"))
        if not tokens:
            return None
        self.csrf.check(connection)
        now = self.users.clock()
        if len(tokens) > 1:
            session = await self._find_live(tokens, now)
        elif digest := self._tokens.digest(tokens[0]):
            session = await queries.find(self._find, digest, now)
        else:
            raise SessionEnded
        if session is None or not session.user["active"]:
            raise SessionEnded
        if now - session.last_seen_at >= queries.TOUCH_INTERVAL:
            async with optional_write(self.table):
                await queries.touch(self.table, session, now, self.lifetimes)
        user = load(self.users.table, session.user)
        held = () if session.permissions is None else (session.permissions,)
        return Identity(
            user,
            self.scheme_name,
            session.id,
            await self.users.scopes_of(user, *held),
            last_presented(session.factors, session.created_at),
            session.factors,
            session.is_enrolling,
        )

    async def _find_live(self, tokens: Sequence[str], now: datetime) -> queries.FoundSession | None:
        """
        Look up the live one of several tokens.

        Raises:
            InvalidSession: Two are live, so that a sibling domain may have planted one of them;
                or there are too many to look up.
        """
        digests = self._tokens.digests(tokens)
        if len(digests) > CANDIDATES:
            raise InvalidSession
        found = await queries.find_several(self._find, digests, now) if digests else []
        live = [session for session in found if session.user["active"]]
        if len(live) > 1:
            raise InvalidSession
        return live[0] if live else None

    async def sign_in(
        self,
        connection: HTTPConnection,
        response: Response,
        proof: Proof[UserT] | UserT,
    ) -> None:
        """
        Start a session and set its cookie. The session that the request came with ends.

        Args:
            connection: The request.
            response: The response that sets the cookie.
            proof: The result of `Login.start`, or a user whom the application has
                authenticated itself.

        Raises:
            InvalidCredentials: The password has changed or the user was disabled meanwhile.
            StoreUnavailable: The database is down.
        """
        held = proof if isinstance(proof, Proof) else Proof(proof)
        token, now = SESSION_TOKEN.generate(), self.users.clock()
        client = client_info(connection)
        row = queries.new_session(self.own, token, held, self.lifetimes, client, now)
        async with store(), transaction(self.table):
            # First, because it locks the user: a password change either sees the session or
            # stops it.
            await self.users.uphold(held)
            replaced = self._tokens.presented(connection)
            await queries.start(self.own, row, replaces=replaced, cap=self.cap)
        self._give(response, token)

    async def record_factor(
        self,
        identity: Identity[UserT],
        factor: str,
        connection: HTTPConnection,
        response: Response,
        *,
        for_change: bool = False,  # noqa: ARG002
    ) -> None:
        """
        Record that the user presented a factor again, and set a new cookie.

        Raises:
            SessionEnded: The session ended, or its cookie was replaced, meanwhile.
        """
        now = self.users.clock()
        factors = {**identity.factors, factor: now}
        presented = self._presented(identity, connection)
        async with store():
            token = await rotation_queries.record_factor(
                self.own, presented, factors, now, is_second=factor in second_factors(factors)
            )
        self._give_renewed(response, token)

    async def replace_secret(
        self,
        identity: Identity[UserT],
        connection: HTTPConnection,
        response: Response,
    ) -> None:
        """
        Set a new cookie; the old one stops working.

        Raises:
            SessionEnded: The session ended, or its cookie was replaced, meanwhile.
        """
        presented = self._presented(identity, connection)
        async with store():
            token = await rotation_queries.rotate(self.own, presented, self.users.clock())
        self._give_renewed(response, token)

    async def sign_out(self, connection: HTTPConnection, response: Response) -> None:
        """
        End the session of a request, if it has one, and clear the cookie. If the request has
        several cookies, the sessions of all of them end.

        Args:
            connection: The request.
            response: The response that clears the cookie.

        Raises:
            CrossSiteRequest: Another site sent the request.
            StoreUnavailable: The database is down.
        """
        await self.csrf(connection)
        if digests := self._tokens.presented(connection):
            async with store():
                await queries.end_by_digest(self.own, digests, self.users.clock())
        self.cookie.clear_on(response)
        if self.clears:
            response.headers["Clear-Site-Data"] = self.clears

    async def devices(self, user: UserT) -> Sequence[Device]:
        """List the live sessions of a user in this scheme, newest first."""
        rows = await queries.live(self.own, primary_key(user), self.users.clock())
        return [Device.signed_in(self.device_kind, row, row.last_seen_at) for row in rows]

    async def end_device(self, user: UserT, device: UUID) -> None:
        """
        End one session of a user.

        Raises:
            NotFound: The session does not exist, or belongs to another user or scheme.
        """
        await queries.end(self.own, primary_key(user), device, self.users.clock())

    def _presented(
        self, identity: Identity[UserT], connection: HTTPConnection
    ) -> rotation_queries.Presented:
        digests = self._tokens.presented(connection)
        return rotation_queries.Presented(identity.credential_id, digests)

    def _give_renewed(self, response: Response, token: str | None) -> None:
        if token is None:
            raise SessionEnded
        self._give(response, token)

    def _give(self, response: Response, token: str) -> None:
        self.cookie.set_on(response, token, self.lifetimes.absolute)


def _cookie_of(name: str | None) -> Cookie:
    """The cookie of a scheme, which differs from those of schemes with other names."""
    return Cookie() if name is None else Cookie(f"__Host-{name}-session")


def _name_of(cookie: Cookie) -> str:
    """Name a scheme after what tells its cookie from others (RFC 6265bis section 5.7)."""
    domain = f"; Domain={cookie.domain}" if cookie.domain is not None else ""
    path = f"; Path={cookie.path}" if cookie.path != "/" else ""
    return f"{cookie.name}{domain}{path}"
