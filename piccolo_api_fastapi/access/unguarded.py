"""List what no guard covers: routes without one, mounted applications and static files."""

from collections.abc import Iterator, Sequence

from fastapi.routing import iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.routing import BaseRoute, Host, Mount

from piccolo_api_fastapi.core.http.public_routes import PUBLIC, dependencies_of, is_guard


def unguarded(routes: Sequence[BaseRoute], prefix: str = "") -> Iterator[str]:
    """
    Yield the routes and mounts that no guard covers, as text for a log.

    Left out are endpoints that are `public`, such as those of the prebuilt routers. The
    dependencies of an application cover neither its plain routes nor what is mounted in it.

    Args:
        routes: The routes of an application.
        prefix: The path at which it is mounted.
    """
    for context in iter_route_contexts(routes):
        route = context.original_route
        path = prefix + (context.path or "")
        if isinstance(route, Mount | Host):
            place = prefix + (route.path if isinstance(route, Mount) else f"//{route.host}")
            if route.routes:
                yield from unguarded(route.routes, place)
            else:
                yield f"mount {place}"
        elif (dependant := getattr(context, "dependant", None)) is None:
            yield _named(path, context.methods)
        elif not getattr(context.endpoint, PUBLIC, False):
            calls = dependencies_of(dependant, context.endpoint)
            if not any(is_guard(call) or isinstance(call, SecurityBase) for call in calls):
                yield _named(path, context.methods)


def _named(path: str, methods: set[str] | None) -> str:
    """A path with its methods. A WebSocket has none, nor has a plain route of an ASGI class."""
    return f"{'|'.join(sorted((methods or set()) - {'HEAD'}))} {path}".lstrip()
