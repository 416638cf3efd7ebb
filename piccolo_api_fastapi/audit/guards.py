"""Summaries of guards, by what their objects were configured with."""

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Any

from fastapi.dependencies.models import Dependant

from piccolo_api_fastapi.access.csrf import SameOrigin
from piccolo_api_fastapi.access.guards import View
from piccolo_api_fastapi.access.person_only import InPerson
from piccolo_api_fastapi.core.http.public_routes import is_guard

from .values import GuardSummary, StepUpSummary

_PACKAGE = "piccolo_api_fastapi."


def summary_of(call: Any, scopes: Iterable[str]) -> GuardSummary:
    """
    Return what a guard, or a security scheme of FastAPI, accepts and asks for.

    Args:
        call: The dependency.
        scopes: The scopes that the route asks it for, by `Security`.
    """
    layers = list(_layers(call))
    needed = [scope for layer in layers for scope in getattr(layer, "needed", ())]
    return GuardSummary(
        schemes=schemes_of(call),
        scopes=tuple(dict.fromkeys([*needed, *scopes])),
        step_up=tuple(dict.fromkeys(asked for layer in layers for asked in _step_up(layer))),
        verified=any(getattr(layer, "_verified", False) for layer in layers),
        check=any(getattr(layer, "_check", None) is not None for layer in layers),
        in_person=any(isinstance(layer, InPerson) for layer in layers),
        is_optional=_is_optional(call),
    )


def schemes_of(call: Any) -> tuple[str, ...]:
    """Return the names of the schemes of a guard, or its own name if it has none."""
    schemes: Any = getattr(_guard_of(call), "schemes", None) or (call,)
    return tuple(getattr(scheme, "scheme_name", None) or name_of(scheme) for scheme in schemes)


def origin_checks(call: Any) -> Iterator[str]:
    """Yield what checks the origin of a request: schemes with a cookie, or `SameOrigin`."""
    if isinstance(call, SameOrigin):
        yield _with_trusted(type(call).__name__, call)
    for scheme in getattr(_guard_of(call), "schemes", ()):
        if isinstance(check := getattr(scheme, "csrf", None), SameOrigin):
            yield _with_trusted(scheme.scheme_name, check)


def scopes_by_call(dependant: Dependant) -> dict[Any, list[str]]:
    """
    Return the scopes that a route asks its dependencies for, by the keys of `key_of`.

    A guard of the application that a public endpoint asks for as well applies in both places, so
    the scopes of one guard are needed together.
    """
    found: dict[Any, list[str]] = {}
    for inner in dependant.dependencies:
        asked = found.setdefault(key_of(inner.call), [])
        asked += [*(inner.parent_oauth_scopes or ()), *(inner.own_oauth_scopes or ())]
        for key, scopes in scopes_by_call(inner).items():
            found.setdefault(key, []).extend(scopes)
    return found


def key_of(call: Any) -> Any:
    """Return what stands for a dependency: guards of this library compare, others may not hash."""
    return call if is_guard(call) else id(call)


def name_of(call: Any) -> str:
    """Return the name of a callable; of one made by a function of this library, that function."""
    while isinstance(call, partial):
        call = call.func
    name: str = getattr(call, "__qualname__", None) or type(call).__qualname__
    first, _, rest = name.partition(".<locals>.")
    is_ours = str(getattr(call, "__module__", "")).startswith(_PACKAGE)
    return first if is_ours or not rest else name.rpartition(".<locals>.")[2]


def _guard_of(call: Any) -> Any:
    """Return the guard that a dependency on its user or its identity asks."""
    return call._guard if isinstance(call, View) else call  # noqa: SLF001 - see access.in_use


def _layers(call: Any) -> Iterator[Any]:
    """Yield a guard, and the guards that it adds requirements to."""
    guard = _guard_of(call)
    while guard is not None:
        yield guard
        guard = getattr(guard, "_guard", None)


def _step_up(layer: Any) -> Iterator[StepUpSummary]:
    for name in ("_step_up", "_for_change"):
        if asked := getattr(layer, name, None):
            within = None if asked.within is None else int(asked.within.total_seconds())
            as_login = getattr(layer, "_like_login", False)
            yield StepUpSummary("as_login" if as_login else asked.mfa, asked.factor, within)


def _is_optional(call: Any) -> bool:
    """FastAPI's own schemes return `None` for a stranger with `auto_error=False`."""
    return bool(call.is_optional) if is_guard(call) else not getattr(call, "auto_error", True)


def _with_trusted(name: str, check: SameOrigin) -> str:
    origins = sorted(check.trusted_origins)
    return f"{name} (trusts {', '.join(origins)})" if origins else name
