"""Whom the session of the pages has found, among all that guards find during a request."""

from typing import Any

from starlette.types import Scope

from piccolo_api_fastapi.access.guards import Guard, known_callers
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.schemes.sessions import SessionAuth


def serves(session: SessionAuth[Any], guard: Guard[Any]) -> bool:
    """Return whether a guard accepts those who log in by the session of the pages."""
    return any(_is_same(scheme, session) for scheme in guard.schemes)


def caller_of(session: SessionAuth[Any], scope: Scope) -> Identity[Any] | None:
    """
    Return the caller whom the session of the pages has found, if a guard has asked it.

    Args:
        session: The session of the pages.
        scope: The request.
    """
    for guard, identity in known_callers(scope):
        scheme = guard.scheme_of(identity)
        # A test that acts as a user has no scheme.
        if serves(session, guard) and (scheme is None or _is_same(scheme, session)):
            return identity
    return None


def _is_same(scheme: Any, session: SessionAuth[Any]) -> bool:
    """Return whether two schemes read the same cookie: to browsers, they are one."""
    return isinstance(scheme, SessionAuth) and scheme.cookie == session.cookie
