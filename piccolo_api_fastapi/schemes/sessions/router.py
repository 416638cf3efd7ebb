"""Routes to log in and out by cookie, and to list and end one's own sessions."""

from collections.abc import Callable
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request, Response

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.person_only import InPerson, in_person
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.parsing import no_body
from piccolo_api_fastapi.core.http.problems import shared_responses
from piccolo_api_fastapi.errors import (
    CrossSiteRequest,
    EmailNotVerified,
    HasherBusy,
    InsufficientScope,
    InvalidCredentials,
    LoginRefused,
    NotFound,
    TooManyRequests,
)
from piccolo_api_fastapi.login import Login
from piccolo_api_fastapi.login.captcha import captcha_dependencies
from piccolo_api_fastapi.login.consistency import logs_in
from piccolo_api_fastapi.login.issuing import login_router
from piccolo_api_fastapi.login.schemas import LoginIn
from piccolo_api_fastapi.login.second_step import add_second_step
from piccolo_api_fastapi.schemes.schemas import SignOutIn
from piccolo_api_fastapi.schemes.sign_out import signing_out
from piccolo_api_fastapi.users import UserT

from . import queries
from .dependencies import SessionAuth
from .schemas import SessionOut


@configured
def session_router(
    session: SessionAuth[UserT],
    login: Login[UserT] | None = None,
    *,
    captcha: Callable[..., Any] | None = None,
    guard: Guard[UserT] | None = None,
    operation_prefix: str | None = None,
) -> APIRouter:
    """
    Make the routes `POST /login`, `POST /logout`, `GET /sessions`, `DELETE /sessions/{id}` and
    `DELETE /sessions`; with second factors also `POST /login/mfa` and `POST /login/mfa/send`.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import SessionAuth, session_router

    app = FastAPI()
    app.include_router(session_router(SessionAuth()), prefix="/auth")
    ```

    Args:
        session: The scheme that sets the cookie.
        login: The login that checks passwords and second factors. Default: one for the same users.
        captcha: A `Captcha`, or any other dependency that may refuse a login.
        guard: The guard of the routes that list and end sessions, such as a `require(…)`.
            Default: `session`.
        operation_prefix: The beginning of the operation ids in OpenAPI, such as `staff`. Default:
            the name of `session`.

    Raises:
        ConfigurationError: `session` and `login` have different user tables.
    """
    login = login or Login(session.users)
    router = login_router(session, login, operation_prefix)
    _add_login(router, session, login, captcha)
    _add_sessions(router, session, in_person(guard or session))
    return router


def _add_login(
    router: APIRouter,
    session: SessionAuth[Any],
    login: Login[Any],
    captcha: Callable[..., Any] | None,
) -> None:
    issuing = session.issuing

    @router.post(
        issuing.path,
        operation_id=issuing.verb,
        summary=issuing.summary,
        response_model=issuing.started,
        dependencies=[*issuing.dependencies, *captcha_dependencies(captcha, login.limits)],
        responses=shared_responses(
            InvalidCredentials, LoginRefused, EmailNotVerified, TooManyRequests, HasherBusy
        ),
    )
    @logs_in(login)
    async def log_in(request: Request, response: Response, credentials: LoginIn) -> Any:
        """
        Start a session and set its cookie, or ask for a second factor. An unknown user, a wrong
        password and a disabled user get the same response; so does a user who has not verified
        their address, unless the application tells them (403, `email_not_verified`).
        """
        password = credentials.password.get_secret_value()
        outcome = await login.start(credentials.username, password, login.client(request))
        return await issuing.answer(login, request, response, outcome)

    add_second_step(router, login, issuing)

    @router.post(
        "/logout",
        operation_id="log_out",
        summary="Log out",
        status_code=204,
        responses=shared_responses(CrossSiteRequest),
    )
    async def log_out(request: Request, response: Response) -> None:
        """End the session and clear the cookie. The response is the same without a session."""
        await session.sign_out(request, response)


def _add_sessions(router: APIRouter, session: SessionAuth[Any], person: InPerson[Any]) -> None:
    @router.get(
        "/sessions",
        operation_id="list_sessions",
        summary="List my sessions",
    )
    async def list_sessions(
        identity: Annotated[Identity[Any], Depends(person.identity)],
    ) -> list[SessionOut]:
        """List the browsers in which you are signed in, newest first."""
        user, now = primary_key(identity.user), session.users.clock()
        rows = await queries.live(session.own, user, now)
        return [SessionOut.of(row, identity.credential_id) for row in rows]

    @router.delete(
        "/sessions/{session_id}",
        operation_id="end_session",
        summary="End one session",
        status_code=204,
        responses=shared_responses(NotFound),
    )
    async def end_session(
        identity: Annotated[Identity[Any], Depends(person.identity)], session_id: UUID
    ) -> None:
        """End one of your sessions, which signs that browser out."""
        user, now = primary_key(identity.user), session.users.clock()
        await queries.end(session.own, user, session_id, now)

    @router.delete(
        "/sessions",
        operation_id="end_other_sessions",
        summary="End all other sessions",
        status_code=204,
        responses=shared_responses(InsufficientScope),
    )
    async def end_other_sessions(
        identity: Annotated[Identity[Any], Depends(person.identity)],
        also: Annotated[SignOutIn, Query()],
        _: Annotated[None, Depends(no_body)],
    ) -> None:
        """
        End all your sessions but this one. Your apps, your API tokens and sessions of other parts
        of the site do not end, unless `everything` is set.
        """
        user, now = primary_key(identity.user), session.users.clock()
        users, everything = session.users, also.everything
        async with signing_out(users, session.table, identity, everything=everything):
            await queries.end_others(session.own, user, identity.credential_id, now)
