"""What is counted by default: the route, whatever its prefix, its mount and its parameters."""

from typing import Any

from starlette.types import Scope

REMEMBERED = 4096

_names: dict[tuple[int, str], tuple[Any, str]] = {}
"""The route is kept beside its name, so that no other gets its id."""

EVERYTHING = "everything"
"""The scope of a limit that is asked before there is a route."""


def route_scope(scope: Scope) -> str:
    """
    The methods and the path of the route as it is declared, all prefixes included.

    Never the path of the request: that would be a limit for each value of a parameter.
    """
    route = _effective_route(scope)
    if route is None:
        return EVERYTHING
    root_path = _root_path(scope, route)
    known = _names.get((id(route), root_path))
    if known is None or known[0] is not route:
        methods = ",".join(sorted(getattr(route, "methods", None) or ["WS"]))
        known = (route, f"{methods} {root_path}{getattr(route, 'path_format', '')}")
        if len(_names) >= REMEMBERED:
            _names.clear()
        _names[id(route), root_path] = known
    return known[1]


def _effective_route(scope: Scope) -> Any:
    """
    The route with the prefixes of the routers that include it.

    FastAPI keeps it beside the plain route. What is kept there may be that of an application
    outside, when this one is mounted.
    """
    route = scope.get("route")
    context = scope.get("fastapi", {}).get("effective_route_context")
    if getattr(context, "original_route", None) is route or route is None:
        return getattr(context, "starlette_route", None) or context
    return route


def _root_path(scope: Scope, route: Any) -> str:
    """Where the application is mounted, with the names of parameters instead of their values."""
    root_path: str = scope.get("root_path", "")
    own = getattr(route, "param_convertors", {})
    outer = {
        str(value): f"{{{name}}}"
        for name, value in scope.get("path_params", {}).items()
        if name not in own
    }
    if not outer:
        return root_path
    return "/".join(outer.get(segment, segment) for segment in root_path.split("/"))
