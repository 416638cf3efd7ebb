"""Routes to log in and out by cookie, and to see and end one's sessions."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response

from piccolo_api_fastapi.errors import (
    ConfigurationError,
    ContentTooLarge,
    CrossSiteRequest,
    HasherBusy,
    InvalidCredentials,
    InvalidSession,
    LoginRefused,
    NotFound,
    StoreUnavailable,
    Unauthenticated,
    Unprocessable,
    UnsupportedMediaType,
)
from piccolo_api_fastapi.identity import Identity, client_info
from piccolo_api_fastapi.login import Login, SignedIn, UserOut
from piccolo_api_fastapi.login.schemas import LoginIn
from piccolo_api_fastapi.problems import responses
from piccolo_api_fastapi.routing import AuthRoute
from piccolo_api_fastapi.user_tables import primary_key
from piccolo_api_fastapi.users import UserT

from . import service
from .dependencies import SessionAuth
from .schemas import SessionOut

_ALWAYS = (ContentTooLarge, StoreUnavailable)
_GUARDED = (Unauthenticated, InvalidSession, *_ALWAYS)


def session_router(session: SessionAuth[UserT], login: Login[UserT] | None = None) -> APIRouter:
    """
    `POST /login`, `POST /logout`, `GET /sessions`, `DELETE /sessions/{id}`, `DELETE /sessions`.

    Args:
        session: The scheme whose cookie is set.
        login: Checks the password; by default one for the same users.

    Raises:
        ConfigurationError: The two are for different user tables.
    """
    login = login or Login(session.users)
    if login.users.table is not session.users.table:
        msg = "The session and the login are for different user tables."
        raise ConfigurationError(msg)
    router = APIRouter(route_class=AuthRoute, tags=["sessions"])
    _add_login(router, session, login)
    _add_sessions(router, session)
    return router


def _add_login(router: APIRouter, session: SessionAuth[Any], login: Login[Any]) -> None:
    @router.post(
        "/login",
        operation_id="log_in",
        summary="Log in",
        dependencies=[Depends(session.csrf)],
        responses=responses(
            InvalidCredentials,
            CrossSiteRequest,
            LoginRefused,
            UnsupportedMediaType,
            Unprocessable,
            HasherBusy,
            *_ALWAYS,
        ),
    )
    async def log_in(request: Request, response: Response, credentials: LoginIn) -> SignedIn:
        """Start a session and set its cookie. Unknown, wrong and disabled have one answer."""
        password = credentials.password.get_secret_value()
        proof = await login.start(credentials.username, password, client_info(request))
        await session.sign_in(request, response, proof)
        return SignedIn(user=UserOut.of(proof.user))

    @router.post(
        "/logout",
        operation_id="log_out",
        summary="Log out",
        status_code=204,
        responses=responses(CrossSiteRequest, *_ALWAYS),
    )
    async def log_out(request: Request, response: Response) -> None:
        """End the session and remove the cookie; the same answer when there was none."""
        await session.sign_out(request, response)


def _add_sessions(router: APIRouter, session: SessionAuth[Any]) -> None:
    @router.get(
        "/sessions",
        operation_id="list_sessions",
        summary="List my sessions",
        responses=responses(*_GUARDED),
    )
    async def list_sessions(
        identity: Annotated[Identity[Any], Depends(session.identity)],
    ) -> list[SessionOut]:
        """The browsers that are signed in, the latest first."""
        user, now = primary_key(identity.user), session.users.clock()
        rows = await service.live(session.table, user, now)
        return [SessionOut.of(row, identity.credential_id) for row in rows]

    @router.delete(
        "/sessions/{session_id}",
        operation_id="end_session",
        summary="End one session",
        status_code=204,
        responses=responses(*_GUARDED, CrossSiteRequest, NotFound, Unprocessable),
    )
    async def end_session(
        identity: Annotated[Identity[Any], Depends(session.identity)], session_id: UUID
    ) -> None:
        """Sign one browser out."""
        user, now = primary_key(identity.user), session.users.clock()
        await service.end(session.table, user, session_id, now)

    @router.delete(
        "/sessions",
        operation_id="end_other_sessions",
        summary="End all other sessions",
        status_code=204,
        responses=responses(*_GUARDED, CrossSiteRequest),
    )
    async def end_other_sessions(
        identity: Annotated[Identity[Any], Depends(session.identity)],
    ) -> None:
        """Sign all other browsers out."""
        user, now = primary_key(identity.user), session.users.clock()
        await service.end_others(session.table, user, identity.credential_id, now)
