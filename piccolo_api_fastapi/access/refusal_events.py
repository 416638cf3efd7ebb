"""The event `authz_fail`: a known caller, or a request from another site, is refused."""

from datetime import datetime
from typing import Any, TypeAlias

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent
from piccolo_api_fastapi.core.events.repeated import emit_counted
from piccolo_api_fastapi.core.http.client import client_info
from piccolo_api_fastapi.errors import Forbidden, InsufficientScope, StepUpRequired

from .identity import Identity

Refusal: TypeAlias = Forbidden | StepUpRequired
"""The errors that refuse a caller who is known."""


async def emit_refusal(
    error: Refusal,
    connection: HTTPConnection,
    now: datetime,
    identity: Identity[Any] | None = None,
    *,
    user: Any = None,
    scheme: str | None = None,
) -> None:
    """
    Emit `authz_fail` when a guard answers 403 or asks for step-up: at most one event a second
    for each user and reason, and for all strangers together.

    Args:
        error: The refusal.
        connection: The request or WebSocket.
        now: The present time.
        identity: The caller, if a guard has found one.
        user: The primary key of the user, if there is no identity but the claims of a token.
        scheme: The name of the scheme, likewise from the claims.
    """
    if identity is not None:
        user, scheme = primary_key(identity.user), identity.scheme
    client = client_info(connection)
    data = {
        "reason": error.code,
        "needed": " ".join(error.scopes) if isinstance(error, InsufficientScope) else "",
        "scheme": scheme,
        # The path as it was declared: the values filled in may be secrets.
        "route": getattr(connection.scope.get("route"), "path", None),
        "ip": client.ip,
        "user_agent": client.user_agent,
    }
    await emit_counted(AuthEvent("authz_fail", now, user, data), error.code)
