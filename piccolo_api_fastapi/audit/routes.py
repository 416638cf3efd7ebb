"""The routes of an application, with those of the applications mounted in it."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from fastapi.dependencies.models import Dependant
from fastapi.routing import RouteContext, iter_route_contexts
from fastapi.security.base import SecurityBase
from starlette.applications import Starlette
from starlette.routing import Host, Mount, Router, WebSocketRoute

from piccolo_api_fastapi.access.csrf import SAFE_METHODS
from piccolo_api_fastapi.access.scheme import Mention
from piccolo_api_fastapi.captcha import Captcha
from piccolo_api_fastapi.core.http.public_routes import PUBLIC, dependencies_of, is_guard
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.login.captcha import captcha_of

from .guards import key_of, name_of, origin_checks, schemes_of, scopes_by_call, summary_of
from .limits import limit_summary, limits_of_install, login_limits
from .values import LimitSummary, PublicBy, Route

_PACKAGE = "piccolo_api_fastapi."


@dataclass(frozen=True, slots=True)
class Place:
    """
    Where an application is.

    Args:
        prefix: The path at which it is mounted.
        limits: The limits of the `install` around it, or `None` if there is none.
        around: The applications around it.
        public: How the mount is marked as public, which holds for all that is in it.
    """

    prefix: str = ""
    limits: tuple[LimitSummary, ...] | None = None
    around: tuple[object, ...] = ()
    public: PublicBy | None = None


def routes_of(app: Starlette | Router, place: Place | None = None) -> Iterator[Route]:
    """
    Yield the routes of an application, in the order in which they are asked.

    Args:
        app: The application, or a router.
        place: Where it is mounted.
    """
    place = place or Place()
    if place.limits is None:  # the outermost `install` alone limits
        installed = limits_of_install(getattr(app, "user_middleware", ()))
        place = replace(place, limits=installed)
    place = replace(place, around=(*place.around, app))
    for context in iter_route_contexts(app.routes):
        if isinstance(context.original_route, Mount | Host):
            yield from _mounted(context, place)
        else:
            yield from _endpoint(context, place)
    yield from _front_ends(getattr(app, "router", app), place)


def application_in(app: Any) -> Starlette | Router | None:
    """
    Return the application of Starlette or FastAPI that an ASGI application is, or wraps.

    Args:
        app: The ASGI application. Middleware has what it wraps in `app`, by convention.
    """
    seen: list[object] = []
    while app is not None and not any(app is one for one in seen):
        if isinstance(app, Starlette | Router):
            return app
        seen.append(app)
        app = getattr(app, "app", None)
    return None


def _mounted(context: RouteContext, place: Place) -> Iterator[Route]:
    """Yield a mount, and the routes in it if they can be seen."""
    host, app = _of(context, "host"), _of(context, "app")
    path = place.prefix + (f"//{host}" if host is not None else _of(context, "path") or "")
    inner, public = application_in(app), _mark_of(app) or place.public
    if inner is None or any(inner is one for one in place.around):
        yield Route("MOUNT", path, limits=place.limits or (), public=public)
        return
    routes = list(routes_of(inner, replace(place, prefix=path, public=public)))
    yield Route("MOUNT", path, limits=place.limits or (), inside=len(routes))
    yield from routes


def _endpoint(context: RouteContext, place: Place) -> Iterator[Route]:
    """Yield a route once for each of its methods."""
    path = place.prefix + (_of(context, "path") or f"({type(context.original_route).__name__})")
    public = _public_by(context) or place.public
    prebuilt = isinstance(context.original_route, AuthRoute)
    for method in _methods(context):
        bare = Route(method, path, limits=place.limits or (), public=public, prebuilt=prebuilt)
        yield _guarded(bare, _of(context, "dependant"), context)


def _front_ends(router: Any, place: Place) -> Iterator[Route]:
    """Yield the builds that `FastAPI.frontend` serves, which are not among its routes."""
    for group in getattr(router, "_iter_low_priority_routes", tuple)():
        prefix = place.prefix + getattr(group, "frontend_prefix", "")
        for served in getattr(group, "original_route", group).routes:
            bare = Route("MOUNT", prefix + served.path, limits=place.limits or ())
            yield _guarded(bare, group.dependant, group)


def _guarded(bare: Route, dependant: Dependant | None, context: Any) -> Route:
    """Return a route with what its dependencies do. A plain route of Starlette has none."""
    if dependant is None:
        return bare
    endpoint = _of(context, "endpoint")
    calls = [call for call in dependencies_of(dependant, endpoint) if not isinstance(call, Mention)]
    scopes = scopes_by_call(dependant)
    guards = [call for call in calls if is_guard(call) or isinstance(call, SecurityBase)]
    limits = [limit_summary(call) for call in calls if getattr(call, "is_limit", False)]
    checked = () if bare.method in SAFE_METHODS else calls
    overrides = getattr(context, "dependency_overrides_provider", None)
    return replace(
        bare,
        guards=_unique(summary_of(call, scopes.get(key_of(call), ())) for call in guards),
        limits=_unique([*bare.limits, *limits, *login_limits(endpoint)]),
        csrf=_unique(name for call in checked for name in origin_checks(call)),
        captcha=_captcha(calls, endpoint),
        repeated=_unique(_repeated(dependant)),
        overridden=_unique(_overridden(guards, getattr(overrides, "dependency_overrides", {}))),
    )


def _captcha(calls: Iterable[Any], endpoint: object) -> str | None:
    own = captcha_of(endpoint)
    found = [type(call).__name__ for call in calls if isinstance(call, Captcha)]
    return name_of(own) if own is not None else next(iter(found), None)


def _repeated(dependant: Dependant) -> Iterator[str]:
    """Yield the guards that stand twice among the dependencies, or among the parameters."""
    seen: list[tuple[bool, Any, list[str]]] = []
    for inner in dependant.dependencies:
        if is_guard(inner.call):
            asked = (inner.name is None, inner.call, inner.own_oauth_scopes or [])
            if asked in seen:
                yield _joined(inner.call)
            seen.append(asked)


def _overridden(guards: Iterable[Any], overrides: Any) -> Iterator[str]:
    return (_joined(guard) for guard in guards if overrides and guard in overrides)


def _joined(guard: Any) -> str:
    return " | ".join(schemes_of(guard))


def _methods(context: RouteContext) -> list[str]:
    if isinstance(context.original_route, WebSocketRoute):
        return ["WS"]
    methods = context.methods or {"ANY"}  # an ASGI class decides about methods itself
    return sorted(methods - {"HEAD"} if "GET" in methods else methods)


def _public_by(context: RouteContext) -> PublicBy | None:
    endpoint = _of(context, "endpoint")
    module = str(getattr(endpoint, "__module__", ""))
    if module == "fastapi.applications":
        return "documentation"
    marked = _mark_of(endpoint)
    is_prebuilt = isinstance(context.original_route, AuthRoute) and module.startswith(_PACKAGE)
    return "prebuilt" if marked and is_prebuilt else marked


def _mark_of(endpoint: object) -> PublicBy | None:
    return "public" if getattr(endpoint, PUBLIC, False) else None


def _of(context: Any, name: str) -> Any:
    """
    Return an attribute of a route, as it is where its router is included; `None` if it has none.

    Of an included route that is no `APIRoute`, older versions of FastAPI know it from a copy.
    """
    return getattr(getattr(context, "starlette_route", None) or context, name, None)


def _unique(items: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(items))
