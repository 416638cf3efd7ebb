"""The findings of an audit: one function for each kind."""

from collections.abc import Callable, Iterator, Sequence

from piccolo_api_fastapi.access.csrf import SAFE_METHODS

from .values import Finding, Route

_NO_WRITES = SAFE_METHODS | {"WS", "MOUNT"}


def findings_of(routes: Sequence[Route]) -> Iterator[Finding]:
    """
    Yield what is probably a mistake, by kind and then by route.

    Args:
        routes: The routes of an application.
    """
    for look in _KINDS:
        yield from look(routes)


def _unguarded_routes(routes: Sequence[Route]) -> Iterator[Finding]:
    advice = "Nothing guards this route. Add a guard, or mark the endpoint with @public."
    for route in routes:
        if route.is_forgotten and route.method != "MOUNT":
            yield Finding("unguarded_route", route.name, advice)


def _unguarded_mounts(routes: Sequence[Route]) -> Iterator[Finding]:
    advice = (
        "No guard can be seen in what is mounted here, and those of the application do not cover "
        "it. Serve it from a route with a guard, or mount public(…)."
    )
    for route in routes:
        if route.is_forgotten and route.method == "MOUNT":
            yield Finding("unguarded_mount", route.name, advice)


def _optional_guards(routes: Sequence[Route]) -> Iterator[Finding]:
    for route in routes:
        if route.guards and _is_open_write(route):
            message = (
                "optional() admits strangers to a method that writes. Use the guard itself, or "
                "require(…)."
            )
            yield Finding("optional_guard_on_write", route.name, message)


def _unlimited_writes(routes: Sequence[Route]) -> Iterator[Finding]:
    for route in routes:
        if _is_open_write(route) and all(limit.shadow for limit in route.limits):
            message = "Strangers may write here, as often as they like. Add a RateLimit."
            yield Finding("unlimited_write", route.name, message)


def _conflicting_limits(routes: Sequence[Route]) -> Iterator[Finding]:
    counts: dict[str, dict[str, tuple[Route, str]]] = {}
    for route in routes:
        for limit in route.limits:
            if limit.scope is not None and limit.budget is not None:
                of_scope = counts.setdefault(limit.scope, {})
                of_scope.setdefault(limit.budget, (route, limit.limits))
    for scope, of_scope in counts.items():
        (first, limits), *others = of_scope.values()
        for route, other in others:
            message = (
                f"The scope {scope!r} has {other} here and {limits} at {first.name}, which are "
                "two counts. Share one RateLimit, or give each a scope of its own."
            )
            yield Finding("conflicting_limits", route.name, message)


def _repeated_guards(routes: Sequence[Route]) -> Iterator[Finding]:
    for route in routes:
        for name in route.repeated:
            message = f"Depends({name}) is given twice, and the second one does nothing. Remove it."
            yield Finding("repeated_guard", route.name, message)


def _overridden_guards(routes: Sequence[Route]) -> Iterator[Finding]:
    for route in routes:
        for name in route.overridden:
            message = f"dependency_overrides replaces the guard {name}. Override it in tests only."
            yield Finding("overridden_guard", route.name, message)


def _hidden_routes(routes: Sequence[Route]) -> Iterator[Finding]:
    seen: set[str] = set()
    for route in routes:
        if route.prebuilt and route.name in seen:
            message = (
                "A prebuilt route before this one has the same method and path, and answers every "
                "request. Include one of the two routers with another prefix."
            )
            yield Finding("hidden_route", route.name, message)
        elif route.prebuilt:
            seen.add(route.name)


def _split_scopes(routes: Sequence[Route]) -> Iterator[Finding]:
    for route in routes:
        if any(sum(len(scope) == 1 for scope in guard.scopes) > 1 for guard in route.guards):
            message = (
                "Each scope that the guard needs is one letter, as FastAPI makes of a string. Put "
                "it into a list: Security(…, scopes=['reports:read'])."
            )
            yield Finding("split_scope", route.name, message)


def _is_open_write(route: Route) -> bool:
    """Return whether strangers may write. Prebuilt routes check and limit this themselves."""
    return route.is_open and route.method not in _NO_WRITES and route.public != "prebuilt"


_KINDS: tuple[Callable[[Sequence[Route]], Iterator[Finding]], ...] = (
    _unguarded_routes,
    _unguarded_mounts,
    _optional_guards,
    _unlimited_writes,
    _conflicting_limits,
    _repeated_guards,
    _overridden_guards,
    _hidden_routes,
    _split_scopes,
)
