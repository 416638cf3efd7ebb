"""Statements that replace the token of a session, and record a factor with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.access.step_up import Factors, write_factors

from .queries import SESSION_TOKEN, Own


@dataclass(frozen=True, slots=True)
class Presented:
    """
    The session of a request, as the request presented it.

    Args:
        id: The id of the session.
        digests: The digests of the tokens that the request came with.
    """

    id: UUID
    digests: Sequence[str]


async def record_factor(
    own: Own, presented: Presented, factors: Factors, now: datetime, *, is_second: bool
) -> str | None:
    """
    Record the factors that the user has presented, and replace the session's token.

    Args:
        own: The sessions of the scheme.
        presented: The session of the request.
        factors: All factors presented so far, including the latest.
        now: The current time.
        is_second: Whether the latest is a second factor, so that the session is no longer
            limited to enrolling one.

    Returns:
        The new token; `None` if the session has ended or its token was replaced meanwhile.
    """
    values: dict[Any, Any] = {own.table.factors: write_factors(factors)}
    if is_second:
        values[own.table.is_enrolling] = False
    return await rotate(own, presented, now, values)


async def rotate(
    own: Own,
    presented: Presented,
    now: datetime,
    changes: Mapping[Any, Any] = MappingProxyType({}),
) -> str | None:
    """
    Replace a session's token. If several requests present the old token, one succeeds.

    Args:
        own: The sessions of the scheme, to which the session belongs alone from now on.
        presented: The session of the request.
        now: The current time.
        changes: New values of other columns.

    Returns:
        The new token; `None` if the session has ended or its token was replaced meanwhile.
    """
    table, token = own.table, SESSION_TOKEN.generate()
    values = {table.digest: SESSION_TOKEN.digest(token), table.scheme: own.scheme, **changes}
    rotated = (
        await table.update(values)
        .where(
            table.id == presented.id,
            table.digest.is_in(list(presented.digests)),
            own.condition,
            table.expires_at > now,
        )
        .returning(table.id)
    )
    return token if rotated else None
