"""What browsers see of an application: the way to log in, and errors as pages."""

from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from fastapi.security import SecurityScopes
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import RedirectResponse, Response

from piccolo_api_fastapi.access.guards import Guard, View, admit
from piccolo_api_fastapi.access.identity import UserT
from piccolo_api_fastapi.core.http.public_routes import public
from piccolo_api_fastapi.core.http.route import problem_response
from piccolo_api_fastapi.errors import (
    AuthError,
    EmailNotVerified,
    EnrolmentRequired,
    StepUpRequired,
    Unauthenticated,
)

from .answers import Answer
from .next_url import safe_next
from .site import Site, with_query

STATUSES = (400, 401, 403, 404, 405, 409, 413, 415, 429, 503)
"""The statuses that browsers see as pages."""

_LEADING = (Unauthenticated, StepUpRequired, EmailNotVerified, EnrolmentRequired)

Handler = Callable[[Request, Any], Awaitable[Response] | Response]


class BrowserUser(View[UserT]):
    """
    The dependency that returns the user, and sends browsers to the page to log in.

    Args:
        guard: The guard that finds the user.
        site: The pages.
    """

    def __init__(self, guard: Guard[UserT], site: Site) -> None:
        super().__init__(guard)
        self._site = site

    async def __call__(
        self, connection: HTTPConnection, scopes: SecurityScopes, **_: None
    ) -> UserT:
        """Return the user."""
        guard = self._guard
        try:
            found = await admit(guard, connection, guard.identify(connection, scopes.scopes))
        except _LEADING as error:
            if not _is_page(connection):
                raise
            way = self._site.detour(connection, _answer(error, connection), with_query(connection))
            if way is None:
                raise
            raise HTTPException(303, headers=dict(way.headers)) from None
        return found.user


def serve_browsers(app: FastAPI, site: Site) -> None:
    """
    Send browsers that a guard refuses to the page that helps, and show errors as pages.

    Args:
        app: The application.
        site: The pages.
    """
    for status in STATUSES:
        before = app.exception_handlers.get(status)
        app.add_exception_handler(status, _handler(app, site, before))
    if "password" in site.routes:
        _add_well_known(app, site)


def _handler(app: FastAPI, site: Site, before: Any) -> Handler:
    async def handle(request: Request, error: HTTPException) -> Response:
        if _is_browser(request):
            return _page(request, error, site)
        other = before or app.exception_handlers.get(HTTPException, http_exception_handler)
        response: Any = other(request, error)
        if isinstance(response, Awaitable):
            response = await response
        assert isinstance(response, Response)  # noqa: S101 - a handler of a request returns one
        response.headers.add_vary_header("Accept")
        if request.headers.get("hx-request") == "true" and isinstance(error, _LEADING):
            _lead_htmx(request, error, site, response)
        return response

    return handle


def _lead_htmx(request: Request, error: HTTPException, site: Site, response: Response) -> None:
    """Tell htmx where to send the whole page, which it takes from the header `HX-Redirect`."""
    parts = urlsplit(request.headers.get("hx-current-url", ""))
    here = f"{parts.path}?{parts.query}" if parts.query else parts.path
    here = safe_next(here, site.composer.default_next)
    if (way := site.detour(request, _answer(error, request), here)) is not None:
        response.headers["HX-Redirect"] = way.headers["Location"]


def _page(request: Request, error: HTTPException, site: Site) -> Response:
    """Present an error as a page, or as the way to one."""
    answer = _answer(error, request)
    way = None
    if request.method in ("GET", "HEAD") and isinstance(error, _LEADING):
        way = site.detour(request, answer, with_query(request))
    response = way or site.refuse(request, answer)
    response.headers["Vary"] = "Accept, Accept-Language, Cookie"
    return response


def _answer(error: HTTPException, connection: HTTPConnection) -> Answer:
    request = Request(connection.scope)
    if isinstance(error, AuthError):
        return Answer.of(problem_response(error, request))
    return Answer.of(
        problem_response(HTTPException(error.status_code, headers=error.headers), request)
    )


def _is_browser(connection: HTTPConnection) -> bool:
    """Return whether a request is the navigation of a browser, by cookie if by any credential."""
    return isinstance(connection, Request) and _is_page(connection)


def _is_page(connection: HTTPConnection) -> bool:
    headers = connection.headers
    if connection.scope["type"] != "http" or "authorization" in headers:
        return False
    if headers.get("sec-fetch-dest", "document") != "document":
        return False
    return _prefers_html(headers.get("accept", ""))


def _prefers_html(accept: str) -> bool:
    """Return whether a client wants HTML, and not JSON rather (RFC 9110 section 12.5.1)."""
    weights = dict(_weighed(part) for part in accept.split(",")[:20])
    html = weights.get("text/html", 0.0)
    return html > 0 and html >= weights.get("application/json", 0.0)


def _weighed(part: str) -> tuple[str, float]:
    kind, *parameters = (piece.strip() for piece in part.lower().split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return kind, float(parameter[2:])
            except ValueError:
                return kind, 0.0
    return kind, 1.0


def _add_well_known(app: FastAPI, site: Site) -> None:
    @app.get("/.well-known/change-password", include_in_schema=False)
    @public
    async def change_password(request: Request) -> Response:
        return RedirectResponse(site.composer.href(request, "password"), 303)
