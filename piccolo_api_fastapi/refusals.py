"""Refusals of callers who are known, or who came from another site, as events."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from starlette.requests import HTTPConnection

from .errors import Forbidden, InsufficientScope
from .events import AuthEvent, emit
from .identity import Identity, client_info
from .user_tables import primary_key


async def tell_refusal(
    error: Forbidden,
    connection: HTTPConnection,
    now: datetime,
    known: Iterable[Identity[Any] | None] = (),
) -> None:
    """
    Tell of a 403 by a guard, as `authz_fail`.

    Args:
        error: Says why.
        connection: The request.
        now: The present time.
        known: Whom the request was found to come from.
    """
    identity = next(filter(None, known), None)
    user = None if identity is None else primary_key(identity.user)
    scheme = None if identity is None else identity.scheme
    await _tell(error, connection, now, user, scheme)


async def tell_refused_claims(
    error: Forbidden, connection: HTTPConnection, now: datetime, subject: str, scheme: str
) -> None:
    """Tell of a 403 that was decided by the claims of a token, without asking for the user."""
    await _tell(error, connection, now, subject, scheme)


async def _tell(
    error: Forbidden, connection: HTTPConnection, now: datetime, user: Any, scheme: str | None
) -> None:
    client = client_info(connection)
    data = {
        "reason": error.code,
        "needed": " ".join(error.scopes) if isinstance(error, InsufficientScope) else "",
        "scheme": scheme,
        # As it was declared: what is filled in may be a secret.
        "route": getattr(connection.scope.get("route"), "path", None),
        "ip": client.ip,
        "user_agent": client.user_agent,
    }
    await emit(AuthEvent("authz_fail", now, user, data))
