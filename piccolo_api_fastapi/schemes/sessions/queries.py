"""Statements on the table of sessions: find, start, touch, rotate, list and end."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.access.step_up import Factors, read_factors, write_factors
from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.statements import (
    CompiledQuery,
    keep_newest,
)
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import take_user, user_columns
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import ConfigurationError, NotFound

from .tables import Session

TOUCH_INTERVAL = timedelta(minutes=1)
"""The least time between two writes of `last_seen_at`."""

SESSION_TOKEN = OpaqueToken("ses")

PICCOLO_API_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""The format of piccolo-api's session tokens: 256 random bits in base64url."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """
    The lifetimes of sessions.

    Args:
        idle: The time without activity after which a session expires.
        absolute: The time after which a session expires despite activity.

    Raises:
        ConfigurationError: `idle` is a minute or less, or longer than `absolute`.
    """

    idle: timedelta
    absolute: timedelta

    def __post_init__(self) -> None:
        if not TOUCH_INTERVAL < self.idle <= self.absolute:
            raise ConfigurationError(
                "idle must be longer than a minute, and not longer than absolute."
            )

    def expiry(self, now: datetime, absolute_expires_at: datetime) -> datetime:
        """The expiry time of a session that is used now and not again."""
        return min(now + self.idle, absolute_expires_at)


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A live session with the columns of its user, from one query."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    absolute_expires_at: datetime
    factors: dict[str, datetime]
    is_enrolling: bool
    user: dict[str, Any]


def compile_find(table: type[Session]) -> CompiledQuery:
    """Compile the one statement of a protected request: a live session with its user."""

    def build(digest: str, now: datetime) -> Any:
        return table.select(
            table.id,
            table.created_at,
            table.last_seen_at,
            table.absolute_expires_at,
            table.factors,
            table.is_enrolling,
            *user_columns(table),
        ).where(table.digest == digest, table.expires_at > now)

    return CompiledQuery(table, build, "digest", datetime(2000, 1, 1, tzinfo=timezone.utc))


async def find(query: CompiledQuery, digest: str, now: datetime) -> FoundSession | None:
    """Look up the live session with this digest."""
    for row in await query.run(digest, now):
        user, factors = take_user(row), read_factors(row.pop("factors"))
        return FoundSession(factors=factors, user=user, **row)
    return None


async def start(row: Session, *, replaces: str | None = None, cap: int | None = None) -> None:
    """
    Store a new session. Call it in a transaction that has locked the user.

    Args:
        row: The session.
        replaces: The digest of the session that the request came with, which is deleted.
        cap: The number of sessions that the user may have; the oldest are deleted.
    """
    table = type(row)
    if replaces is not None:
        await table.delete().where(table.digest == replaces)
    await table.insert(row)
    if cap is not None:
        await keep_newest(table, row.user, cap, "created_at")


async def touch(
    table: type[Session], session: FoundSession, now: datetime, lifetimes: Lifetimes
) -> None:
    """Record activity and extend the idle timeout, at most once a minute."""
    expires_at = lifetimes.expiry(now, session.absolute_expires_at)
    await table.update({table.last_seen_at: now, table.expires_at: expires_at}).where(
        table.id == session.id, table.last_seen_at <= now - TOUCH_INTERVAL
    )


async def record_factor(
    table: type[Session], digest: str, factors: Factors, now: datetime, *, is_second: bool
) -> str | None:
    """
    Record the factors that the user has presented, and replace the session's token.

    Args:
        table: The table of sessions.
        digest: The digest of the token that the request came with.
        factors: All factors presented so far, including the latest.
        now: The current time.
        is_second: Whether the latest is a second factor, so that the session is no longer
            limited to enrolling one.

    Returns:
        The new token; `None` if the session has ended or its token was replaced meanwhile.
    """
    values: dict[Any, Any] = {table.factors: write_factors(factors)}
    if is_second:
        values[table.is_enrolling] = False
    return await rotate(table, digest, now, values)


async def rotate(
    table: type[Session],
    digest: str,
    now: datetime,
    changes: Mapping[Any, Any] = MappingProxyType({}),
) -> str | None:
    """
    Replace a session's token. If several requests present the old token, one succeeds.

    Args:
        table: The table of sessions.
        digest: The digest of the token that the request came with.
        now: The current time.
        changes: New values of other columns.

    Returns:
        The new token; `None` if the session has ended or its token was replaced meanwhile.
    """
    token = SESSION_TOKEN.generate()
    moved = (
        await table.update({table.digest: SESSION_TOKEN.digest(token), **changes})
        .where(table.digest == digest, table.expires_at > now)
        .returning(table.id)
    )
    return token if moved else None


async def live(table: type[Session], user: Any, now: datetime) -> Sequence[Session]:
    """List the live sessions of a user, newest first."""
    query = table.objects().where(table.user == user, table.expires_at > now)
    rows: Sequence[Session] = await query.order_by(table.created_at, ascending=False)
    return rows


async def end(table: type[Session], user: Any, session_id: UUID, now: datetime) -> None:
    """
    End one session of a user.

    Raises:
        NotFound: The session does not exist, or belongs to another user.
    """
    if not await _end(table, (table.id == session_id) & (table.user == user), now):
        raise NotFound


async def end_others(table: type[Session], user: Any, keep: UUID, now: datetime) -> None:
    """End all sessions of a user but one."""
    await _end(table, (table.user == user) & (table.id != keep), now)


async def end_by_digest(table: type[Session], digest: str, now: datetime) -> None:
    """End the session with this digest, if there is one."""
    await _end(table, table.digest == digest, now)


async def _end(table: type[Session], condition: Any, now: datetime) -> bool:
    async with transaction(table):
        ended = await table.delete().where(condition).returning(table.id, table.user)
        for row in ended:
            await emit(AuthEvent("session_ended", now, row["user"], {"session": str(row["id"])}))
    return bool(ended)


async def delete_expired_sessions(
    table: type[Session] = Session, *, now: datetime, batch: int = 500
) -> int:
    """
    Delete expired sessions. Returns the number of rows.

    ```python
    from piccolo_api_fastapi import delete_expired_sessions
    from piccolo_api_fastapi.clock import utcnow

    deleted = await delete_expired_sessions(now=utcnow())
    ```
    """
    return await delete_expired_rows(table, now=now, batch=batch)
