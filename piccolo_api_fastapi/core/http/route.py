"""The route class of all prebuilt routers: strict input, and errors that never echo it."""

import re
from collections.abc import Callable, Coroutine, Iterator
from typing import Any, ClassVar

from fastapi import params
from fastapi.datastructures import DefaultPlaceholder
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute, iter_route_contexts
from piccolo.apps.user.tables import BaseUser
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Match
from starlette.types import Receive, Scope, Send

from piccolo_api_fastapi.core.database.outages import is_logged_outage, is_without_user
from piccolo_api_fastapi.errors import (
    AuthError,
    ContentTooLarge,
    FieldError,
    InvalidRequest,
    StoreUnavailable,
    Unauthenticated,
    Unprocessable,
    UnsupportedMediaType,
)

from .client import client_info, serving
from .middleware import note_status, tell_status
from .operations import next_step
from .parsing import MAXIMUM_BODY, capped_body, check_json, form_pairs, is_form, replaying
from .problems import PROBLEM_MEDIA_TYPE, add_responses, errors_of, phrase, problem
from .public_routes import dependencies_of, public

_JSON = re.compile(r'application/json(\s*;\s*charset="?utf-8"?)?', re.IGNORECASE)

_IN_CODES = str.maketrans({" ": "_", "-": "_", "'": ""})

Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class AuthRoute(APIRoute):
    """
    A route that parses its body strictly and answers every error as an RFC 9457 problem.

    Bodies may have 16 KiB and the one content type that the route accepts. Responses are JSON,
    even if the application has another `default_response_class`.

    OpenAPI shows the errors of this class and of the dependencies, so `responses=` needs only
    the errors of the endpoint.
    """

    documents_422 = True
    """Whether OpenAPI shows a 422 for input that does not validate."""

    is_public: ClassVar[bool] = True
    """Whether the endpoint is `public`: it asks for the guards that it needs."""

    maximum_body: ClassVar[int] = MAXIMUM_BODY
    """The bytes that a body may have."""

    media_type: ClassVar[str] = PROBLEM_MEDIA_TYPE
    """The content type of errors."""

    cache_control: ClassVar[str] = "no-store"
    """The header `Cache-Control` of a success."""

    operation: str = ""
    """The operation id without the prefix of its router."""

    user_table: type[BaseUser] | None = None
    """The users that a prebuilt route serves."""

    shares_limits_of: "AuthRoute | None" = None
    """The operation whose rate limits count requests to this route as well."""

    def __init__(self, path: str, endpoint: Callable[..., Any], **options: Any) -> None:
        if isinstance(options.get("response_class"), DefaultPlaceholder):
            options["response_class"] = JSONResponse
        super().__init__(path, public(endpoint) if self.is_public else endpoint, **options)
        self.responses = dict(self.responses)
        self.document(self.responses, *self._own_errors())

    def document(
        self, documented: dict[int | str, dict[str, Any]], *errors: type[AuthError]
    ) -> None:
        """
        Add errors to the documented responses of this route.

        Args:
            documented: The responses.
            errors: The error classes to add.
        """
        add_responses(documented, *errors)

    def _own_errors(self) -> Iterator[type[AuthError]]:
        """Yield the errors of the route class and of the dependencies, for OpenAPI."""
        yield from (ContentTooLarge, StoreUnavailable)
        if self.body_field is not None:
            yield UnsupportedMediaType
        parameters = self.dependant.path_params or self.dependant.query_params
        if self.documents_422 and (self.body_field is not None or parameters):
            yield Unprocessable
        yield from errors_of(dependencies_of(self.dependant, self.endpoint))

    def get_route_handler(self) -> Handler:
        """Wrap the handler of FastAPI with strict parsing of bodies and uniform errors."""
        handle = super().get_route_handler()

        async def strict(request: Request) -> Response:
            try:
                response = await handle(await self.read(request))
            except Exception as error:  # noqa: BLE001 - `translate` raises unknown errors again
                response = problem_response(self.translate(error), request)
            cache = self.cache_control if response.status_code < 400 else "no-store"  # noqa: PLR2004
            response.headers["Cache-Control"] = cache
            note_status(request.scope, response.status_code)
            await tell_status(request.scope, response.status_code)
            return response

        return strict

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """
        Serve a request, with its client known to events and to the hashing threads.

        Background tasks are included. A 405 is answered here, since it is raised before the
        handler runs.
        """
        try:
            with serving(client_info(Request(scope))):
                await super().handle(scope, receive, send)
        except HTTPException as error:
            response = self.refuse_method(error, Request(scope))
            response.headers["Allow"] = ", ".join(sorted(self.allowed_methods(scope)))
            response.headers["Cache-Control"] = "no-store"
            await response(scope, receive, send)

    def refuse_method(self, error: HTTPException, request: Request) -> Response:
        """Return the response to a method that the route does not have."""
        return problem_response(error, request)

    def allowed_methods(self, scope: Scope) -> set[str]:
        """Return the methods of all routes of a path (RFC 9110 section 10.2.1)."""
        return methods_of(scope)

    def members(self, error: HTTPException) -> dict[str, Any]:
        """Return the members of the body of an error beside those of every problem."""
        return error.members() if isinstance(error, AuthError) else {}

    def translate(self, error: Exception) -> HTTPException:
        """Return the error to answer with. Unexpected errors are raised again."""
        if isinstance(error, HTTPException):
            return error
        if isinstance(error, RequestValidationError):
            return validation_error(error)
        if is_logged_outage(error):
            return StoreUnavailable()
        if isinstance(error, ClientDisconnect):
            return incomplete()
        if is_without_user(error):
            return Unauthenticated()
        raise error

    async def read(self, request: Request) -> Request:
        """
        Read and check the body, and return a request that replays it.

        Raises:
            ContentTooLarge: The body is longer than `maximum_body`.
            UnsupportedMediaType: The content type is not the one that the route accepts.
            Unprocessable: The body is malformed or ambiguous.
        """
        body = await capped_body(request, self.maximum_body)
        if self.body_field is not None:
            content_type = request.headers.get("content-type", "")
            if isinstance(self.body_field.field_info, params.Form):
                self.check_form(content_type, body)
            else:
                if not self.is_json(content_type):
                    raise UnsupportedMediaType("The body must be application/json in UTF-8.")
                check_json(body)
        return Request(request.scope, replaying(body, request.receive))

    def is_json(self, content_type: str) -> bool:
        """Return whether a content type is JSON, in a form that the route takes."""
        return _JSON.fullmatch(content_type.strip()) is not None

    def check_form(self, content_type: str, body: bytes) -> None:
        """
        Refuse a form that is malformed or repeats a field (RFC 6749 section 3.2).

        Raises:
            UnsupportedMediaType: The body is not a URL-encoded form.
            InvalidRequest: The form is malformed, or repeats a field.
        """
        if not is_form(content_type):
            raise UnsupportedMediaType(
                "The body must be application/x-www-form-urlencoded in UTF-8."
            )
        try:
            pairs = form_pairs(body)
        except ValueError:
            raise InvalidRequest from None
        names = [name for name, _ in pairs]
        if len(set(names)) < len(names) or any("\x00" in name + value for name, value in pairs):
            raise InvalidRequest


class PublicRoute(AuthRoute):
    """A route whose answer is the same for everybody, so that caches may keep it."""

    cache_control = "public, max-age=300"


def validation_error(error: RequestValidationError) -> Unprocessable:
    """Return the 422 of FastAPI without `input`, `ctx` and `url`, which echo the request."""
    return Unprocessable(
        [
            FieldError(tuple(item["loc"]), _without_excerpt(item), item["type"])
            for item in error.errors()
        ]
    )


def incomplete() -> HTTPException:
    """Return the 400 for a client that went away during its body. Access logs show it."""
    return HTTPException(400, "The body is incomplete.")


def problem_response(error: HTTPException, request: Request | None = None) -> JSONResponse:
    """
    Return an error as an RFC 9457 problem, in the form of the route that the request reached.

    Args:
        error: The error.
        request: The request.
    """
    route = None if request is None else request.scope.get("route")
    if isinstance(route, AuthRoute):
        members, media_type = route.members(error), route.media_type
    else:
        members = error.members() if isinstance(error, AuthError) else {}
        media_type = PROBLEM_MEDIA_TYPE
    if request is not None and isinstance(error, AuthError) and error.leads_to is not None:
        members["next"] = next_step(request.scope, error.leads_to).model_dump()
    return JSONResponse(
        problem(error.status_code, error.detail, code_of(error), members),
        status_code=error.status_code,
        headers=error.headers,
        media_type=media_type,
    )


def early_refusal(error: HTTPException, scope: Scope) -> JSONResponse:
    """
    Return an error that was raised before the routes were asked, as the route would answer it.

    Args:
        error: The error.
        scope: The request or WebSocket.
    """
    if scope["type"] != "http":
        return problem_response(error)
    for route in iter_route_contexts(scope["app"].routes):
        if isinstance(route.original_route, AuthRoute) and route.matches(scope)[0] is Match.FULL:
            return problem_response(error, Request({**scope, "route": route.original_route}))
    return problem_response(error)


def code_of(error: HTTPException) -> str:
    """Return the stable code of an error, made from its status if it has none of its own."""
    code: str | None = getattr(error, "code", None)
    return code or phrase(error.status_code).lower().translate(_IN_CODES)


def methods_of(scope: Scope, without: str | None = None) -> set[str]:
    """
    Return the methods of all routes of a path.

    Args:
        scope: The request.
        without: The end of the paths of routes to leave out.
    """
    methods: set[str] = set()
    for route in iter_route_contexts(scope["app"].routes):
        is_left_out = without is not None and (route.path_format or "").endswith(without)
        if route.methods and not is_left_out and route.matches(scope)[0] is not Match.NONE:
            methods |= route.methods
    return methods


def _without_excerpt(item: dict[str, Any]) -> str:
    """Return a message of Pydantic without the character that it quotes from the input."""
    message = str(item["msg"])
    return message.partition(",")[0] if item["type"].endswith("_parsing") else message
