"""`public` and `unlimited`: endpoints exempt from guards or rate limits of their application."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection
from starlette.routing import BaseRoute, Host, Mount

CallableT = TypeVar("CallableT", bound=Callable[..., Any])

PUBLIC = "__piccolo_api_fastapi_public__"
UNLIMITED = "__piccolo_api_fastapi_unlimited__"


def marked(mark: str, value: object = True) -> Callable[[CallableT], CallableT]:  # noqa: FBT002
    """
    Return a decorator that marks an endpoint, for what reads the routes of an application.

    Args:
        mark: The name of the mark.
        value: What it says.
    """

    def set_mark(endpoint: CallableT) -> CallableT:
        setattr(endpoint, mark, value)
        return endpoint

    return set_mark


def public(endpoint: CallableT) -> CallableT:
    """
    Exempt an endpoint from the guards of its application and routers.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import SessionAuth, public

    app = FastAPI(dependencies=[Depends(SessionAuth())])

    @app.get("/health")
    @public
    async def health() -> str:
        return "ok"
    ```

    Guards that the endpoint's own parameters ask for still apply.

    Args:
        endpoint: The endpoint. Put `@public` below the decorator of the route.
    """
    return marked(PUBLIC)(endpoint)


def unlimited(endpoint: CallableT) -> CallableT:
    """
    Exempt an endpoint from the rate limits of its application and routers.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import RateLimit, unlimited

    app = FastAPI(dependencies=[Depends(RateLimit("100/minute", scope="all"))])

    @app.get("/health")
    @unlimited
    async def health() -> str:
        return "ok"
    ```

    Limits that the endpoint's own parameters ask for still apply. So does that of
    `install(app, limit=…)`, which is asked before the endpoint is known.

    Args:
        endpoint: The endpoint. Put `@unlimited` below the decorator of the route.
    """
    return marked(UNLIMITED)(endpoint)


def is_exempt(connection: HTTPConnection, dependency: object, mark: str = PUBLIC) -> bool:
    """
    Return whether the endpoint is exempt from a dependency.

    Args:
        connection: The request or WebSocket.
        dependency: The guard or the limit. It applies if the endpoint asks for it itself.
        mark: The mark of the endpoint: `PUBLIC` or `UNLIMITED`.
    """
    if not getattr(connection.scope.get("endpoint"), mark, False):
        return False
    dependant = getattr(connection.scope.get("route"), "dependant", None)
    return dependant is not None and not any(
        parameter.name is not None and _reaches(parameter, dependency)
        for parameter in dependant.dependencies
    )


def _reaches(dependant: Dependant, dependency: object) -> bool:
    return dependant.call == dependency or any(
        _reaches(inner, dependency) for inner in dependant.dependencies
    )


def dependencies_of(dependant: Dependant, endpoint: object) -> Iterator[Any]:
    """
    Yield the dependencies that a request to an endpoint calls.

    Guards are left out if the endpoint is `public`, and limits if it is `unlimited`, unless its
    own parameters ask for them.
    """

    def is_excused(call: object) -> bool:
        if is_guard(call) or isinstance(call, SecurityBase):
            return getattr(endpoint, PUBLIC, False)
        return getattr(call, "is_limit", False) and getattr(endpoint, UNLIMITED, False)

    for inner in dependant.dependencies:
        yield from _calls(inner, is_excused if inner.name is None else _is_never_excused)


def all_routes(routes: Sequence[BaseRoute]) -> Iterator[RouteContext]:
    """
    Yield the routes of an application, and those of the applications mounted in it.

    Args:
        routes: The routes of the application.
    """
    for context in iter_route_contexts(routes):
        yield context
        if isinstance(context.original_route, Mount | Host):
            yield from all_routes(context.original_route.routes)


def is_guard(dependency: object) -> bool:
    """Return whether a dependency is a guard: these say whether they are optional."""
    return hasattr(dependency, "is_optional")


def _is_never_excused(_: object) -> bool:
    return False


def _calls(dependant: Dependant, is_excused: Callable[[object], bool]) -> Iterator[Any]:
    if not is_excused(dependant.call):
        yield dependant.call
        for inner in dependant.dependencies:
            yield from _calls(inner, is_excused)
