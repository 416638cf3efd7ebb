"""`SessionAuth`: the user of the session cookie, as a dependency."""

import hashlib
from contextlib import suppress
from datetime import timedelta
from typing import Any, cast

from fastapi.openapi.models import APIKey
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.access.csrf import SameOrigin
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound, load, primary_key, user_table_of
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
from piccolo_api_fastapi.users import Proof, Users, UserT

from . import queries as service
from .queries import PICCOLO_API_TOKEN, SESSION_TOKEN, Lifetimes
from .tables import Session


class SessionAuth(Scheme[UserT]):
    """
    The user of a session, by cookie.

    Depend on it to guard a route; mount `session_router` to log in and out. A cookie
    that comes with an unsafe request of another site is refused.

    Args:
        users: Whose sessions.
        cookie: Its name and attributes.
        idle: A session not used for this long ends.
        absolute: Every session ends after this long.
        cap: How many sessions a user may have; the oldest give way.
        csrf: What other origins may do.
        table: The table of sessions; by default the one bound to the users' table.
        accepts_piccolo_api: Whether the cookie may hold a session that was moved from there.

    Raises:
        ConfigurationError: The settings contradict each other.
    """

    transport = "cookie"
    challenge = COOKIE_CHALLENGE
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
        cap: int | None = None,
        csrf: SameOrigin | None = None,
        table: type[Session] | None = None,
        accepts_piccolo_api: bool = False,
    ) -> None:
        if cap is not None and cap < 1:
            raise ConfigurationError("A user may have one session at least.")
        self.users: Users[UserT] = cast("Any", Users()) if users is None else users
        self.table = table or bound(Session, self.users.table)
        if user_table_of(self.table) is not self.users.table:
            raise ConfigurationError(
                "The table of sessions is bound to another user table; see auth_tables()."
            )
        self.clock = self.users.clock
        self.cookie = cookie or Cookie()
        self.lifetimes = Lifetimes(idle, absolute)
        self.cap = cap
        self.accepts_piccolo_api = accepts_piccolo_api
        self.csrf = csrf or SameOrigin()
        self.scheme_name = "Session"
        self.model = APIKey.model_validate(
            {"in": "cookie", "name": self.cookie.name, "description": "A session, by cookie."}
        )
        self._find = service.compile_find(self.table)
        super().__init__()

    @classmethod
    def aal1(cls, users: Users[UserT] | None = None, **options: Any) -> "SessionAuth[UserT]":
        """30 days whatever the activity: NIST SP 800-63B-4 section 2.1.3."""
        thirty_days = timedelta(days=30)
        return cls(users, idle=thirty_days, absolute=thirty_days, **options)

    @classmethod
    def aal2(cls, users: Users[UserT] | None = None, **options: Any) -> "SessionAuth[UserT]":
        """An hour idle, 24 in all: NIST SP 800-63B-4 section 2.2.3."""
        return cls(users, idle=timedelta(hours=1), absolute=timedelta(hours=24), **options)

    @classmethod
    def aal3(cls, users: Users[UserT] | None = None, **options: Any) -> "SessionAuth[UserT]":
        """15 minutes idle, 12 hours in all: NIST SP 800-63B-4 section 2.3.3."""
        return cls(users, idle=timedelta(minutes=15), absolute=timedelta(hours=12), **options)

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        The identity of the session cookie.

        Raises:
            InvalidSession: The cookie can't be read, or came twice.
            SessionEnded: It is unknown, expired or revoked, or its user is disabled.
            CrossSiteRequest: Another site sent it.
        """
        if "authorization" in connection.headers:
            return None
        token = self.cookie.read(connection.headers.getlist("cookie"))
        if token is None:
            return None
        self.csrf.check(connection)
        if (digest := self._digest(token)) is None:
            raise SessionEnded
        now = self.users.clock()
        async with store():
            session = await service.find(self._find, digest, now)
        if session is None or not session.user["active"]:
            raise SessionEnded
        if now - session.last_seen_at >= service.TOUCH_INTERVAL:
            with suppress(StoreUnavailable):
                async with store():
                    await service.touch(self.table, session, now, self.lifetimes)
        user = load(self.users.table, session.user)
        return Identity(
            user,
            self.scheme_name,
            session.id,
            await self.users.scopes_of(user),
            max(session.factors.values(), default=session.created_at),
            session.factors,
            session.is_enrolling,
        )

    async def sign_in(
        self,
        connection: HTTPConnection,
        response: Response,
        proof: Proof[UserT] | UserT,
    ) -> None:
        """
        Start a session and set its cookie. A session that the request came with ends.

        Args:
            connection: The request.
            response: The answer that takes the cookie.
            proof: What `Login.start` gave, or a user whom the application trusts.

        Raises:
            InvalidCredentials: The proof no longer holds.
        """
        held = proof if isinstance(proof, Proof) else Proof(proof)
        token = await service.start(
            self.table,
            user=primary_key(held.user),
            client=client_info(connection),
            now=self.users.clock(),
            lifetimes=self.lifetimes,
            factors=held.factors,
            is_enrolling=held.is_enrolling,
            uphold=lambda: self.users.uphold(held),
            replaces=self._presented(connection),
            cap=self.cap,
        )
        self._give(response, token)

    async def record_factor(
        self,
        identity: Identity[UserT],
        factor: str,
        connection: HTTPConnection,
        response: Response,
    ) -> None:
        """
        Record that a factor was presented once more, and give the session a new cookie.

        Raises:
            SessionEnded: It ended meanwhile.
        """
        now = self.users.clock()
        factors, is_second = {**identity.factors, factor: now}, factor != PASSWORD
        async with store():
            token = await service.record_factor(
                self.table, self._presented(connection) or "", factors, now, is_second=is_second
            )
        self._give_renewed(response, token)

    async def replace_secret(
        self,
        identity: Identity[UserT],  # noqa: ARG002
        connection: HTTPConnection,
        response: Response,
    ) -> None:
        """
        Give the session a new cookie; the old one is dead.

        Raises:
            SessionEnded: It ended meanwhile.
        """
        digest, now = self._presented(connection) or "", self.users.clock()
        async with store():
            token = await service.rotate(self.table, digest, now)
        self._give_renewed(response, token)

    async def sign_out(self, connection: HTTPConnection, response: Response) -> None:
        """
        End the session of a request, if it has one, and remove the cookie.

        Args:
            connection: The request.
            response: The answer that removes the cookie.

        Raises:
            CrossSiteRequest: Another site sent it.
        """
        await self.csrf(connection)
        if digest := self._presented(connection):
            async with store():
                await service.end_by_digest(self.table, digest, self.users.clock())
        response.headers.append("Set-Cookie", self.cookie.clearing_header())
        # Not "cookies", which would take those of every sibling domain along.
        response.headers["Clear-Site-Data"] = '"cache", "storage"'

    def _give_renewed(self, response: Response, token: str | None) -> None:
        if token is None:
            raise SessionEnded
        self._give(response, token)

    def _give(self, response: Response, token: str) -> None:
        header = self.cookie.header(token, self.lifetimes.absolute)
        response.headers.append("Set-Cookie", header)

    def _digest(self, token: str) -> str | None:
        if self.accepts_piccolo_api and PICCOLO_API_TOKEN.fullmatch(token):
            return hashlib.sha256(token.encode("ascii")).hexdigest()
        return SESSION_TOKEN.digest(token)

    def _presented(self, connection: HTTPConnection) -> str | None:
        with suppress(InvalidSession):
            token = self.cookie.read(connection.headers.getlist("cookie"))
            return self._digest(token) if token else None
        return None
