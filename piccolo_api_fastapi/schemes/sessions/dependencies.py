"""`SessionAuth`: the dependency that authenticates users by a session cookie."""

import hashlib
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

from fastapi.openapi.models import APIKey
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.access.csrf import SameOrigin
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.scheme import Scheme
from piccolo_api_fastapi.access.step_up import is_second_factor, write_factors
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

from . import queries
from .queries import PICCOLO_API_TOKEN, SESSION_TOKEN, Lifetimes
from .tables import Session


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
        cookie: The name and attributes of the cookie.
        idle: The time without activity after which a session expires.
        absolute: The time after which a session expires despite activity.
        cap: The number of sessions a user may have; a further login ends the oldest.
        csrf: The origins whose requests are accepted. Default: the site's own.
        table: The table of sessions. Default: the one bound to the users' table.
        accepts_piccolo_api: Whether to accept session tokens migrated from piccolo-api.

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
            raise ConfigurationError("cap must be at least 1; omit it for no limit.")
        self.users = or_default(users)
        self.table = bound(Session, self.users.table, table)
        self.clock = self.users.clock
        self.cookie = cookie or Cookie()
        self.lifetimes = Lifetimes(idle, absolute)
        self.cap = cap
        self.accepts_piccolo_api = accepts_piccolo_api
        self.csrf = csrf or SameOrigin()
        self.scheme_name = "Session"
        self.model = APIKey.model_validate(
            {"in": "cookie", "name": self.cookie.name, "description": "A session cookie."}
        )
        self._find = queries.compile_find(self.table)
        super().__init__()

    @classmethod
    def aal1(cls, users: Users[UserT] | None = None, **options: Any) -> "SessionAuth[UserT]":
        """Sessions of 30 days, idle or not (NIST SP 800-63B-4 section 2.1.3)."""
        thirty_days = timedelta(days=30)
        return cls(users, idle=thirty_days, absolute=thirty_days, **options)

    @classmethod
    def aal2(cls, users: Users[UserT] | None = None, **options: Any) -> "SessionAuth[UserT]":
        """Sessions of an hour idle and 24 hours in all (NIST SP 800-63B-4 section 2.2.3)."""
        return cls(users, idle=timedelta(hours=1), absolute=timedelta(hours=24), **options)

    @classmethod
    def aal3(cls, users: Users[UserT] | None = None, **options: Any) -> "SessionAuth[UserT]":
        """Sessions of 15 minutes idle and 12 hours in all (NIST SP 800-63B-4 section 2.3.3)."""
        return cls(users, idle=timedelta(minutes=15), absolute=timedelta(hours=12), **options)

    async def authenticate(self, connection: HTTPConnection) -> Identity[UserT] | None:
        """
        Look up the session of the cookie.

        Raises:
            InvalidSession: The cookie is malformed, or was sent twice.
            SessionEnded: The session is unknown, expired or revoked, or its user is disabled.
            CrossSiteRequest: Another site sent the request.
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
        session = await queries.find(self._find, digest, now)
        if session is None or not session.user["active"]:
            raise SessionEnded
        if now - session.last_seen_at >= queries.TOUCH_INTERVAL:
            async with optional_write(self.table):
                await queries.touch(self.table, session, now, self.lifetimes)
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
        token = SESSION_TOKEN.generate()
        row = self._row(token, held, connection)
        async with store(), transaction(self.table):
            # First, because it locks the user: a password change either sees the session or
            # stops it.
            await self.users.uphold(held)
            await queries.start(row, replaces=self._presented(connection), cap=self.cap)
        self._give(response, token)

    def _row(self, token: str, proof: Proof[UserT], connection: HTTPConnection) -> Session:
        now, client = self.users.clock(), client_info(connection)
        absolute = now + self.lifetimes.absolute
        return self.table(
            id=uuid4(),
            digest=SESSION_TOKEN.digest(token),
            user=primary_key(proof.user),
            created_at=now,
            last_seen_at=now,
            expires_at=self.lifetimes.expiry(now, absolute),
            absolute_expires_at=absolute,
            factors=write_factors(proof.factors),
            is_enrolling=proof.is_enrolling,
            ip=client.ip,
            user_agent=client.user_agent,
        )

    async def record_factor(
        self,
        identity: Identity[UserT],
        factor: str,
        connection: HTTPConnection,
        response: Response,
    ) -> None:
        """
        Record that the user presented a factor again, and set a new cookie.

        Raises:
            SessionEnded: The session ended, or its cookie was replaced, meanwhile.
        """
        now = self.users.clock()
        factors, is_second = {**identity.factors, factor: now}, is_second_factor(factor)
        async with store():
            token = await queries.record_factor(
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
        Set a new cookie; the old one stops working.

        Raises:
            SessionEnded: The session ended, or its cookie was replaced, meanwhile.
        """
        digest, now = self._presented(connection) or "", self.users.clock()
        async with store():
            token = await queries.rotate(self.table, digest, now)
        self._give_renewed(response, token)

    async def sign_out(self, connection: HTTPConnection, response: Response) -> None:
        """
        End the session of a request, if it has one, and clear the cookie.

        Args:
            connection: The request.
            response: The response that clears the cookie.

        Raises:
            CrossSiteRequest: Another site sent the request.
            StoreUnavailable: The database is down.
        """
        await self.csrf(connection)
        if digest := self._presented(connection):
            async with store():
                await queries.end_by_digest(self.table, digest, self.users.clock())
        response.headers.append("Set-Cookie", self.cookie.clearing_header())
        # Not "cookies", which would also clear those of every sibling domain.
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
