"""`install(app)`: one documented error body, and headers on every response."""

import asyncio
import json
import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from .access.in_use import (
    asked_scopes,
    refuse_common_tokens,
    roles_in_use,
    row_tables,
    shared_names,
    user_tables,
)
from .access.permissions import RESERVED
from .audit import as_line, audit_of, table_of
from .core.configuration import configured
from .core.database import existence
from .core.http.client_address import ClientAddress
from .core.http.middleware import AnswerMiddleware, answer_of
from .core.http.openapi import TOKENS_OF, complete
from .core.http.problems import add_responses, errors_of, responses
from .core.http.public_routes import dependencies_of, is_guard
from .core.http.route import early_refusal, incomplete, problem_response, validation_error
from .csp import CSP, covering
from .errors import AuthError, ConfigurationError, StoreUnavailable, Unprocessable
from .login.consistency import check_logins
from .rate_limiting import RateLimit

CHECK_SECONDS = 10
"""The time limit of the check at start-up. The application then starts without it."""

logger = logging.getLogger("piccolo_api_fastapi")


@configured
def install(
    app: FastAPI,
    *,
    client_address: ClientAddress | None = None,
    limit: RateLimit | None = None,
    csp: CSP | None = None,
    check_tables: bool = True,
    audit: bool = False,
) -> None:
    """
    Give the routes of an application the same errors as the prebuilt routers.

    ```python
    from fastapi import FastAPI
    from piccolo_api_fastapi import install

    app = FastAPI()
    install(app)
    ```

    Every error becomes an RFC 9457 problem, and a 422 no longer echoes its input. OpenAPI shows
    the errors of guards, the optional guards, and the path of the token endpoint. Headers that
    dependencies request are added to every response: models, streams and errors. A response for
    which a guard looked for a credential says `Vary: Cookie` or `Vary: Authorization`, and
    `Cache-Control: private, no-cache` unless the route says otherwise, so that caches never give
    the page of one user to another.

    After the lifespan of the application has started, the tables of its guards and of each
    `crud_router` are looked for in the database. If one is missing, the application does not
    start, and the server logs which command to run. The routes and mounts that no guard covers are
    logged once, at INFO. Two schemes with one name in OpenAPI are logged as a warning, and so are
    prebuilt routes that another one hides, scopes given as a string, and permissions that routes
    ask for and no role grants.

    Args:
        app: The application. Call `install` once, before the application serves.
        client_address: Finds the address of the client behind proxies, for rate limits, sessions
            and events.
        limit: A `RateLimit` for all requests, even those that match no route.
        csp: A `CSP` for all responses, even those that no route makes. FastAPI's own `/docs` gets
            `CSP.swagger()` instead.
        check_tables: Whether to check at start-up that the tables exist.
        audit: Whether to log at start-up what guards each route, at INFO, and what is probably a
            mistake, as warnings.

    Raises:
        ConfigurationError: The limit has dependencies, which can't run before a route is found.
            Now or when the application starts: two routers of one user table ask for different
            second factors, users can enrol one that their login does not know, or the tokens of
            two user tables have the same key, issuer and audience.
    """
    if limit is not None and limit.asks_dependencies:
        raise ConfigurationError(
            "The limit of install() can't have dependencies as key, cost or limits."
        )
    app.add_middleware(
        AnswerMiddleware,
        client_address=client_address,
        admit=None if limit is None else limit.admit,
        refuse=early_refusal,
        check=partial(_check, app, tables=check_tables, audit=audit),
        prepare=None if csp is None else covering(app, csp),
    )
    # Innermost: a `CORSMiddleware` then answers preflights itself, and adds its headers to
    # refusals, whether it was added before or after.
    app.user_middleware.append(app.user_middleware.pop(0))
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(ClientDisconnect, _disconnected)
    app.add_exception_handler(Exception, _unexpected_error)
    errors = limit.documented_errors if limit is not None else ()
    check_logins(app.routes)
    app.openapi = _documenting(app, app.openapi, errors)  # type: ignore[method-assign]


async def _check(app: FastAPI, *, tables: bool, audit: bool) -> None:
    """
    Check the logins, tokens and tables of an application, and list what no guard covers.

    The permissions come first: what `*` grants must not depend on a check.
    """
    _declare_permissions(app)
    check_logins(app.routes)
    refuse_common_tokens(app.routes)
    _log_guards(app, audit=audit)
    for name in shared_names(app.routes):
        logger.warning("Two schemes are %s in OpenAPI. Give one a name, such as 'staff'.", name)
    if not tables:
        return
    try:
        await asyncio.wait_for(_check_tables(app), CHECK_SECONDS)
    except (StoreUnavailable, asyncio.TimeoutError):
        logger.warning("The database is not available, so its tables were not checked.")


def _declare_permissions(app: FastAPI) -> None:
    """Let `*` include the permissions that routes ask for by `Security`."""
    for users in roles_in_use(app.routes):
        users.roles.known.update(asked_scopes(app.routes, users.roles) - RESERVED)


def _log_guards(app: FastAPI, *, audit: bool) -> None:
    found = audit_of(app)
    if audit:
        logger.info("The routes of the application:\n%s", table_of(found.routes))
        for finding in found.findings:
            logger.warning(as_line(finding))
        return
    for finding in found.findings:
        if finding.code == "hidden_route":
            logger.warning("%s is there twice: the first answers.", finding.route)
        elif finding.code == "split_scope":
            logger.warning(as_line(finding))
    open_routes = (route for route in found.routes if not route.is_covered)
    if names := [route.name for route in open_routes if route.public in (None, "documentation")]:
        logger.info("No guard covers: %s.", ", ".join(names))


async def _check_tables(app: FastAPI) -> None:
    await existence.check_tables(user_tables(app.routes))
    for table in row_tables(app.routes):
        await existence.check_table(table)
    for users in roles_in_use(app.routes):
        asked = asked_scopes(app.routes, users.roles)
        if unknown := await users.unknown_permissions(asked):
            logger.warning("No role grants: %s.", ", ".join(unknown))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this class
    if error.status_code in (204, 304) or error.status_code < 200:  # noqa: PLR2004
        return Response(status_code=error.status_code, headers=error.headers)
    return problem_response(error, request)


async def _validation_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for this class
    return problem_response(validation_error(error), request)


async def _disconnected(request: Request, _: Exception) -> Response:
    return problem_response(incomplete(), request)


async def _unexpected_error(request: Request, _: Exception) -> Response:
    response = problem_response(HTTPException(500, "Something went wrong."), request)
    if (answer := answer_of(request.scope)) is not None:  # this response bypasses the middleware
        answer.complete(response.headers)
    return response


def _documenting(
    app: FastAPI, openapi: Callable[[], dict[str, Any]], everywhere: Sequence[type[AuthError]]
) -> Callable[[], dict[str, Any]]:
    completed: list[dict[str, Any]] = []

    def documented() -> dict[str, Any]:
        schema = openapi()
        if not (completed and completed[0] is schema):
            operations = list(_operations(app, schema))
            for route, operation in operations:
                _document_guards(operation, route, everywhere)
                _document_invalid_input(operation, route)
            _correct_token_urls(schema, operations)
            complete(schema)
            _drop_unused_models(schema)
            completed[:] = [schema]
        return schema

    return documented


def _operations(
    app: FastAPI, schema: dict[str, Any]
) -> Iterator[tuple[RouteContext, dict[str, Any]]]:
    """
    Yield the routes of an application and their operations in its document.

    An application may have changed the document. Operations that it moved to other paths are
    found by their id, and those that it left out are left out.
    """
    by_id = {
        operation["operationId"]: operation
        for path in schema.get("paths", {}).values()
        for operation in path.values()
        if isinstance(operation, dict) and "operationId" in operation
    }
    for route in iter_route_contexts(app.routes):
        if getattr(route, "dependant", None) and getattr(route, "include_in_schema", False):
            operations = schema.get("paths", {}).get(route.path_format, {})
            for method in route.methods or ():
                moved = by_id.get(route.operation_id or route.unique_id)
                if operation := operations.get(method.lower(), moved):
                    yield route, operation


def _document_guards(
    operation: dict[str, Any], route: RouteContext, everywhere: Sequence[type[AuthError]]
) -> None:
    """Add the errors of dependencies to an operation, and the schemes that its guards accept."""
    calls = list(dependencies_of(route.dependant, route.endpoint))
    document = getattr(route.original_route, "document", add_responses)
    given = operation.get("responses", {})
    documented = {_as_number(key): response for key, response in given.items()}
    document(documented, *errors_of(calls), *everywhere)
    operation["responses"] = {str(key): response for key, response in documented.items()}
    names = {call.scheme_name for call in calls if isinstance(call, SecurityBase)}
    security = [scheme for scheme in operation.pop("security", ()) if scheme.keys() <= names]
    guards = [call for call in calls if is_guard(call)]
    if guards and all(guard.is_optional for guard in guards) and {} not in security:
        security.append({})
    if security:
        operation["security"] = security


def _as_number(status: str) -> int | str:
    """Return a status as `responses=` has it; `default` and `4XX` are no numbers."""
    return int(status) if status.isdigit() else status


def _document_invalid_input(operation: dict[str, Any], route: RouteContext) -> None:
    """Document a 422 as a problem, or remove it: see `AuthRoute.documents_422`."""
    if not getattr(route.original_route, "documents_422", True):
        operation["responses"].pop("422", None)
    elif "application/json" in operation["responses"].get("422", {}).get("content", {}):
        operation["responses"]["422"] = responses(Unprocessable)[422]


def _drop_unused_models(schema: dict[str, Any]) -> None:
    """Remove the models of FastAPI for a 422, which echo the input, if nothing refers to them."""
    models = schema.get("components", {}).get("schemas", {})
    for name in ("HTTPValidationError", "ValidationError"):
        if name in models and f'"#/components/schemas/{name}"' not in json.dumps(schema):
            del models[name]


def _correct_token_urls(
    schema: dict[str, Any], operations: Iterable[tuple[RouteContext, dict[str, Any]]]
) -> None:
    """Set the token URL of each scheme, for Swagger's Authorize button, to that of its route."""
    paths = {
        id(operation): path
        for path, item in schema.get("paths", {}).items()
        for operation in item.values()
    }
    schemes = schema.get("components", {}).get("securitySchemes", {})
    for route, operation in operations:
        name = getattr(route.endpoint, TOKENS_OF, None)
        if flow := schemes.get(name, {}).get("flows", {}).get("password"):
            flow["tokenUrl"] = paths[id(operation)].lstrip("/")
