"""`public`: an endpoint that is exempt from the guards of its application."""

from collections.abc import Callable, Iterator
from typing import Any, TypeVar

from fastapi.dependencies.models import Dependant
from fastapi.security.base import SecurityBase
from starlette.requests import HTTPConnection

CallableT = TypeVar("CallableT", bound=Callable[..., Any])

_PUBLIC = "__piccolo_api_fastapi_public__"


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
    setattr(endpoint, _PUBLIC, True)
    return endpoint


def is_public(endpoint: object) -> bool:
    """Return whether an endpoint is `public`."""
    return getattr(endpoint, _PUBLIC, False)


def is_exempt(connection: HTTPConnection, dependency: object) -> bool:
    """Return whether the endpoint is `public` and does not ask for this dependency itself."""
    if not is_public(connection.scope.get("endpoint")):
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

    If the endpoint is `public`, guards are left out, unless its own parameters ask for them.
    """
    return _calls(dependant, asks_itself=is_public(endpoint))


def is_guard(dependency: object) -> bool:
    """Return whether a dependency is a guard: these say whether they are optional."""
    return hasattr(dependency, "is_optional")


def _calls(dependant: Dependant, *, asks_itself: bool, exempt: bool = False) -> Iterator[Any]:
    for inner in dependant.dependencies:
        excused = exempt or (asks_itself and inner.name is None)
        call: object = inner.call
        if not (excused and (is_guard(call) or isinstance(call, SecurityBase))):
            yield inner.call
            yield from _calls(inner, asks_itself=False, exempt=excused)
