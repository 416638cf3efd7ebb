"""The default scope of a limit: the route, with the prefixes of its routers and mounts."""

from collections.abc import Sequence
from typing import Any

from fastapi.routing import iter_route_contexts
from starlette.routing import BaseRoute, Mount
from starlette.types import Scope

from piccolo_api_fastapi.core.http.operations import operations_near, route_of

REMEMBERED = 4096

_names: dict[tuple[int, str], tuple[Any, str]] = {}
"""Names by route id. The route is stored too, so that no other object gets its id."""

EVERYTHING = "everything"
"""The scope of a limit that is charged before routing."""

HIDDEN = "/*"
"""Stands for mounts behind something that is no router; they share one scope."""


def route_scope(scope: Scope) -> str:
    """
    The methods and the declared path of the route, with all prefixes.

    The path of the request would be a limit for each value of a parameter.
    """
    route = _twin(scope) or _effective_route(scope)
    if route is None:
        return EVERYTHING
    root_path: str = scope.get("root_path", "")
    known = _names.get((id(route), root_path))
    if known is None or known[0] is not route:
        methods = ",".join(sorted(getattr(route, "methods", None) or ["WS"]))
        known = (route, f"{methods} {_mounted(scope)}{getattr(route, 'path_format', '')}")
        if len(_names) >= REMEMBERED:
            _names.clear()
        _names[id(route), root_path] = known
    return known[1]


def _twin(scope: Scope) -> Any:
    """The operation that a form of a page stands for, if the application has it as well."""
    own = scope.get("route")
    twin: BaseRoute | None = getattr(own, "shares_limits_of", None)
    if own is None or twin is None:
        return None
    near = operations_near(scope, own.user_table)
    return near.get(getattr(twin, "operation", "")) or route_of(scope, twin)


def _effective_route(scope: Scope) -> Any:
    """
    The route with the prefixes of the routers that include it.

    FastAPI stores it beside the plain route. In a mounted application the stored one may belong
    to the outer application.
    """
    route = scope.get("route")
    context = scope.get("fastapi", {}).get("effective_route_context")
    if getattr(context, "original_route", None) is route or route is None:
        return getattr(context, "starlette_route", None) or context
    return route


def _mounted(scope: Scope) -> str:
    """The declared path where the application is mounted, with the server's root path."""
    root_path: str = scope.get("root_path", "")
    outside: str = scope.get("app_root_path", root_path)
    if root_path == outside:
        return root_path
    mounts = _mounts(scope["router"].routes, f"{root_path.removeprefix(outside)}/")
    return f"{outside}{HIDDEN if mounts is None else mounts}"


def _mounts(routes: Sequence[BaseRoute], path: str) -> str | None:
    """
    The declared paths of the mounts that lead to a path.

    They can't be found from the values of parameters, because converters change values (`007`
    is 7), and inner parameters may have the same names.
    """
    for route in iter_route_contexts(routes):
        context = getattr(route, "_route_context", None)
        mount = getattr(context, "starlette_route", None) or route.original_route
        if isinstance(mount, Mount) and (match := mount.path_regex.match(path)):
            inner = _mounts(mount.routes, f"/{match['path']}") if match["path"] else ""
            if inner is not None:
                return f"{mount.path}{inner}"
    return None
