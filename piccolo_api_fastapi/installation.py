"""`install(app)`: one error body everywhere, and OpenAPI that names what guards can answer."""

from collections.abc import Callable, Iterator
from typing import Any

from fastapi import FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.exceptions import RequestValidationError
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .errors import Unprocessable
from .guards import Guard, IdentityOf, Optional, OptionalIdentity, is_public
from .problems import responses
from .routing import TokenRoute, problem_response, validation_error

_GUARDS = (Guard, IdentityOf, Optional, OptionalIdentity)


def install(app: FastAPI) -> None:
    """
    Make an application speak like its auth routes.

    Every error becomes an RFC 9457 problem, a 422 no longer echoes its input, and
    OpenAPI tells what the guards of an operation can answer, where authentication is
    optional, and where the token endpoint is.

    Args:
        app: The application, once, before it serves.
    """
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(Exception, _unexpected_error)
    app.openapi = _documenting(app, app.openapi)  # type: ignore[method-assign]


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    if error.status_code in (204, 304) or error.status_code < 200:  # noqa: PLR2004
        return Response(status_code=error.status_code, headers=error.headers)
    return problem_response(error, request)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    return problem_response(validation_error(error), request)


async def _unexpected_error(request: Request, _: Exception) -> Response:
    return problem_response(HTTPException(500, "Something went wrong."), request)


def _documenting(
    app: FastAPI, openapi: Callable[[], dict[str, Any]]
) -> Callable[[], dict[str, Any]]:
    def documented() -> dict[str, Any]:
        if app.openapi_schema is None:
            schema = openapi()
            for route in iter_route_contexts(app.routes):
                if getattr(route, "dependant", None) and getattr(route, "include_in_schema", False):
                    for method in route.methods or ():
                        operation = schema["paths"][route.path_format][method.lower()]
                        _document_guards(operation, route)
                        _document_invalid_input(operation, route)
            _correct_token_url(schema)
        return openapi()

    return documented


def _document_guards(operation: dict[str, Any], route: RouteContext) -> None:
    asks_itself = is_public(route.endpoint)
    calls = list(_calls(route.dependant, asks_itself=asks_itself))
    errors = [error for call in calls for error in getattr(call, "documented_errors", ())]
    for status, response in responses(*errors).items():
        operation["responses"].setdefault(str(status), response)
    names = {call.scheme_name for call in calls if isinstance(call, SecurityBase)}
    security = [scheme for scheme in operation.pop("security", ()) if scheme.keys() <= names]
    guards = [call for call in calls if isinstance(call, _GUARDS)]
    if guards and all(isinstance(guard, (Optional, OptionalIdentity)) for guard in guards):
        security.append({})
    if security:
        operation["security"] = security


def _document_invalid_input(operation: dict[str, Any], route: RouteContext) -> None:
    """A 422 is a problem, and the token endpoint has none: see `TokenRoute`."""
    if isinstance(route.original_route, TokenRoute):
        operation["responses"].pop("422", None)
    elif "application/json" in operation["responses"].get("422", {}).get("content", {}):
        operation["responses"]["422"] = responses(Unprocessable)[422]


def _calls(dependant: Dependant, *, asks_itself: bool) -> Iterator[Any]:
    """What a route depends on; of a `public` one, what its own parameters ask for."""
    for inner in dependant.dependencies:
        if inner.name is not None or not asks_itself:
            yield inner.call
            yield from _calls(inner, asks_itself=False)


def _correct_token_url(schema: dict[str, Any]) -> None:
    """Point Swagger's Authorize at the token route, wherever its router was included."""
    token_url = next(
        (
            path.lstrip("/")
            for path, operations in schema.get("paths", {}).items()
            if operations.get("post", {}).get("operationId") == "create_token"
        ),
        None,
    )
    for scheme in schema.get("components", {}).get("securitySchemes", {}).values():
        flow = scheme.get("flows", {}).get("password")
        if flow is not None and token_url is not None:
            flow["tokenUrl"] = token_url
