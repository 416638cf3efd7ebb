"""The user tables that the guards of an application use."""

from collections.abc import Iterator, Sequence
from typing import Any

from fastapi.routing import RouteContext, iter_route_contexts
from piccolo.apps.user.tables import BaseUser
from starlette.routing import BaseRoute, Host, Mount

from piccolo_api_fastapi.core.http.public_routes import dependencies_of


def user_tables(routes: Sequence[BaseRoute]) -> list[type[BaseUser]]:
    """
    Return the user tables of all guards of these routes, and of mounted applications.

    Args:
        routes: The routes of an application.
    """
    found: dict[type[BaseUser], None] = {}
    for context in _contexts(routes):
        if (dependant := getattr(context, "dependant", None)) is None:
            continue
        for call in dependencies_of(dependant, context.endpoint):
            guard: Any = getattr(call, "_guard", call)
            for scheme in getattr(guard, "schemes", ()):
                if (users := getattr(scheme, "users", None)) is not None:
                    found[users.table] = None
    return list(found)


def _contexts(routes: Sequence[BaseRoute]) -> Iterator[RouteContext]:
    for context in iter_route_contexts(routes):
        yield context
        if isinstance(context.original_route, Mount | Host):
            yield from _contexts(context.original_route.routes)
