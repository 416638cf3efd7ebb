"""What browsers see of an application: the way to log in, and errors as pages."""

import inspect
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI
from fastapi.exception_handlers import http_exception_handler
from fastapi.security import SecurityScopes
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection, Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from piccolo_api_fastapi.access.guards import Guard, View, admit, refusing_guard
from piccolo_api_fastapi.access.identity import UserT
from piccolo_api_fastapi.core.http.middleware import answer_of
from piccolo_api_fastapi.core.http.operations import path_of
from piccolo_api_fastapi.core.http.public_routes import is_exempt, public
from piccolo_api_fastapi.core.http.route import problem_response
from piccolo_api_fastapi.errors import (
    AuthError,
    EmailNotVerified,
    EnrolmentRequired,
    StepUpRequired,
    Unauthenticated,
)

from .accepted import weighed
from .answers import Answer
from .callers import serves
from .next_url import safe_next
from .site import Site, with_query

STATUSES = (400, 401, 403, 404, 405, 409, 413, 415, 429, 500, 503)
"""The statuses that browsers see as pages."""

_LEADING = (Unauthenticated, StepUpRequired, EmailNotVerified, EnrolmentRequired)


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
        if is_exempt(connection, self):
            return None  # type: ignore[return-value]  # the value is not used: see `public`
        guard = self._guard
        try:
            found = await admit(guard, connection, guard.identify(connection, scopes.scopes))
        except _LEADING as error:
            way = None
            if _is_navigation(connection):
                way = await _way(connection, error, self._site, with_query(connection))
            if way is None:
                raise
            passed = {name: way.headers[name] for name in ("Location", "Cache-Control")}
            raise HTTPException(303, headers=passed) from None
        return found.user


class BrowserErrors:
    """
    The handler of a status: browsers see it as a page, all others as before.

    Args:
        app: The application.
        before: The handler that the application had for the status.
    """

    def __init__(self, app: FastAPI, before: Any) -> None:
        self._app = app
        self._before = before
        self.sites: list[Site] = []

    async def __call__(self, request: Request, error: Exception) -> Response:
        """Answer a request with an error."""
        site = self._site_of(request)
        if _is_page(request):
            return await _page(request, error, site)
        response = await _ask(self._other(error), request, error)
        response.headers.add_vary_header("Accept")
        if request.headers.get("hx-request") == "true" and isinstance(error, _LEADING):
            await _lead_htmx(request, error, site, response)
        return response

    def _site_of(self, request: Request) -> Site:
        """Return the pages that sign in whom the guard accepts, or else those near by."""
        guard = refusing_guard(request.scope)
        able = [
            site for site in self.sites if guard is None or serves(site.composer.session, guard)
        ]
        here = f"{path_of(request.scope)}/"
        near = [site for site in able if here.startswith(f"{site.composer.base(request)}/")]
        return next(iter(near or able or self.sites))

    def _other(self, error: Exception) -> Any:
        """Return the handler that an application without pages would ask."""
        if self._before is not None:
            return self._before
        handlers = self._app.exception_handlers
        kinds = (kind for kind in type(error).__mro__ if kind in handlers)
        return next((handlers[kind] for kind in kinds), http_exception_handler)


def serve_browsers(app: FastAPI, site: Site) -> None:
    """
    Send browsers that a guard refuses to the page that helps, and show errors as pages.

    Args:
        app: The application.
        site: The pages.
    """
    # Of two handlers of unexpected errors, Starlette takes the one whose key was there last: ours,
    # which asks the other, even if that is set later.
    app.exception_handlers.setdefault(Exception, _unexpected)
    for status in STATUSES:
        handler: Any = app.exception_handlers.get(status)
        if not isinstance(handler, BrowserErrors):
            handler = BrowserErrors(app, handler)
            app.add_exception_handler(status, handler)
        handler.sites.append(site)
    if "password" in site.routes:
        _add_well_known(app, site)


async def _way(
    connection: HTTPConnection, error: HTTPException, site: Site, here: str
) -> Response | None:
    """Return the way to the page that helps, or `None` if none does."""
    guard = refusing_guard(connection.scope)
    if not isinstance(error, _LEADING) or (
        guard is not None and not serves(site.composer.session, guard)
    ):
        return None
    way = site.detour(connection, _answer(error, connection), here)
    # The page to log in sends users who are signed in back at once: the browser would loop.
    is_in_circles = isinstance(error, Unauthenticated) and not isinstance(error, StepUpRequired)
    return None if is_in_circles and await site.is_signed_in(connection) else way


async def _lead_htmx(
    request: Request, error: HTTPException, site: Site, response: Response
) -> None:
    """Tell htmx where to send the whole page, which it takes from the header `HX-Redirect`."""
    try:
        parts = urlsplit(request.headers.get("hx-current-url", ""))
    except ValueError:
        parts = urlsplit("")
    here = f"{parts.path}?{parts.query}" if parts.query else parts.path
    here = safe_next(here, site.composer.default_next)
    if (way := await _way(request, error, site, here)) is not None:
        response.headers["HX-Redirect"] = way.headers["Location"]


async def _page(request: Request, raised: Exception, site: Site) -> Response:
    """Present an error as a page, or as the way to one."""
    way = None
    error = raised if isinstance(raised, HTTPException) else HTTPException(500)
    if _is_navigation(request):
        way = await _way(request, error, site, with_query(request))
    response = way or site.refuse(request, _answer(error, request))
    for name in ("Accept", "Accept-Language", "Cookie"):
        response.headers.add_vary_header(name)
    if error is not raised and (noted := answer_of(request.scope)) is not None:
        noted.complete(response.headers)  # this response bypasses the middleware of `install`
    return response


async def _ask(handler: Any, request: Request, error: Exception) -> Response:
    """Call a handler of the application as Starlette does: one that is not async in a thread."""
    is_async = inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(
        type(handler).__call__
    )
    called = handler(request, error) if is_async else run_in_threadpool(handler, request, error)
    response: Response = await called
    return response


async def _unexpected(_: Request, __: Exception) -> Response:
    """Answer as Starlette does without a handler."""
    return PlainTextResponse("Internal Server Error", 500)


def _answer(error: HTTPException, connection: HTTPConnection) -> Answer:
    request = Request(connection.scope)
    if isinstance(error, AuthError):
        return Answer.of(problem_response(error, request))
    bare = HTTPException(error.status_code, headers=error.headers)
    answer = Answer.of(problem_response(bare, request))
    # The words of the application say more than those for any error of this status.
    words: Any = error.detail
    if not isinstance(words, str):  # as it may be, though Starlette says otherwise
        return answer
    return answer if words == bare.detail else replace(answer, data={"detail": words})


def _is_navigation(connection: HTTPConnection) -> bool:
    """Return whether a browser opens an address. The body of a POST would be lost on the way."""
    return _is_page(connection) and connection.scope["method"] in ("GET", "HEAD")


def _is_page(connection: HTTPConnection) -> bool:
    """Return whether a request is from a browser for a page, by cookie if by any credential."""
    headers = connection.headers
    if connection.scope["type"] != "http" or "authorization" in headers:
        return False
    if headers.get("sec-fetch-dest", "document") != "document":
        return False
    return _prefers_html(headers.get("accept", ""))


def _prefers_html(accept: str) -> bool:
    """Return whether a client wants HTML, and not JSON rather (RFC 9110 section 12.5.1)."""
    weights = dict(weighed(accept))
    html = weights.get("text/html", 0.0)
    return html > 0 and html >= weights.get("application/json", 0.0)


def _add_well_known(app: FastAPI, site: Site) -> None:
    @app.get("/.well-known/change-password", include_in_schema=False)
    @public
    async def change_password(request: Request) -> Response:
        return RedirectResponse(site.composer.href(request, "password"), 303)
