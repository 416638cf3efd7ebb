"""Refusals of callers who are known, or who came from another site, as events."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeAlias

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.core.http.client import client_info
from piccolo_api_fastapi.errors import Forbidden, InsufficientScope, StepUpRequired

from .identity import Identity
from .step_up import StepUp

Refusal: TypeAlias = Forbidden | StepUpRequired
"""Whoever asks is known, and may not, or not yet."""


async def tell_refusal(
    error: Refusal,
    connection: HTTPConnection,
    now: datetime,
    known: Iterable[Identity[Any] | None] = (),
) -> None:
    """
    Tell of a 403 by a guard, or of a factor that was not presented lately, as `authz_fail`.

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


async def check_step_up(
    step_up: StepUp, identity: Identity[Any], connection: HTTPConnection, now: datetime
) -> None:
    """
    Make sure that a factor was presented lately, and tell of it if not.

    Args:
        step_up: Which factor, and how lately.
        identity: Who asks.
        connection: The request.
        now: The present time.

    Raises:
        StepUpRequired: It was not.
    """
    try:
        step_up.check(identity.factors, now)
    except StepUpRequired as error:
        await tell_refusal(error, connection, now, [identity])
        raise


async def tell_refused_claims(
    error: Forbidden, connection: HTTPConnection, now: datetime, subject: str, scheme: str
) -> None:
    """Tell of a 403 that was decided by the claims of a token, without asking for the user."""
    await _tell(error, connection, now, subject, scheme)


async def _tell(
    error: Refusal, connection: HTTPConnection, now: datetime, user: Any, scheme: str | None
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
