"""What is done with sessions: start, find, touch, list and end."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from types import MappingProxyType
from typing import Any
from uuid import UUID, uuid4

from piccolo_api_fastapi.access.step_up import Factors, read_factors, write_factors
from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.statements import (
    CompiledQuery,
    keep_newest,
)
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import take_user, user_columns
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import ConfigurationError, NotFound

from .tables import Session

TOUCH_INTERVAL = timedelta(minutes=1)
"""Activity within a minute of the last is not written."""

SESSION_TOKEN = OpaqueToken("ses")

PICCOLO_API_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}", re.ASCII)
"""256 random bits, as piccolo-api writes them."""


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """
    How long sessions last.

    Args:
        idle: Without activity.
        absolute: Whatever the activity.

    Raises:
        ConfigurationError: Not `1 minute < idle <= absolute`.
    """

    idle: timedelta
    absolute: timedelta

    def __post_init__(self) -> None:
        if not TOUCH_INTERVAL < self.idle <= self.absolute:
            raise ConfigurationError(
                "A session lasts longer than a minute idle, and no longer idle than in all."
            )

    def expiry(self, now: datetime, absolute_expires_at: datetime) -> datetime:
        """When a session seen now ends unless it is seen again."""
        return min(now + self.idle, absolute_expires_at)


@dataclass(frozen=True, slots=True)
class FoundSession:
    """A live session and its user, as one query gives them."""

    id: UUID
    created_at: datetime
    last_seen_at: datetime
    absolute_expires_at: datetime
    factors: dict[str, datetime]
    is_enrolling: bool
    user: dict[str, Any]


def compile_find(table: type[Session]) -> CompiledQuery:
    """The one statement of a protected request: the session by its digest, with its user."""

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
    """The live session with this digest."""
    for row in await query.run(digest, now):
        user, factors = take_user(row), read_factors(row.pop("factors"))
        return FoundSession(factors=factors, user=user, **row)
    return None


async def start(  # noqa: PLR0913 - each a column
    table: type[Session],
    *,
    user: Any,
    client: ClientInfo,
    now: datetime,
    lifetimes: Lifetimes,
    factors: Factors,
    is_enrolling: bool,
    uphold: Callable[[], Awaitable[None]],
    replaces: str | None = None,
    cap: int | None = None,
) -> str:
    """
    Start a session.

    Args:
        table: Where.
        user: The primary key of the user.
        client: What is recorded of the client.
        now: The present time.
        lifetimes: How long it lasts.
        factors: Which factors were presented.
        is_enrolling: Whether it is good for enrolling a second factor only.
        uphold: Raises if what the session is issued on no longer holds. It runs first in
            the transaction and locks the user, so that a password change either sees the
            session or stops it.
        replaces: The digest of the session that the client came with; it ends.
        cap: How many sessions the user may have; the oldest give way.

    Returns:
        The token for the cookie.
    """
    token = SESSION_TOKEN.generate()
    absolute = now + lifetimes.absolute
    row = table(
        id=uuid4(),
        digest=SESSION_TOKEN.digest(token),
        user=user,
        created_at=now,
        last_seen_at=now,
        expires_at=lifetimes.expiry(now, absolute),
        absolute_expires_at=absolute,
        factors=write_factors(factors),
        is_enrolling=is_enrolling,
        ip=client.ip,
        user_agent=client.user_agent,
    )
    async with store(), transaction(table):
        await uphold()
        if replaces is not None:
            await table.delete().where(table.digest == replaces)
        await table.insert(row)
        if cap is not None:
            await keep_newest(table, user, cap, "created_at")
    return token


async def touch(
    table: type[Session], session: FoundSession, now: datetime, lifetimes: Lifetimes
) -> None:
    """Record activity and move the idle timeout, at most once a minute."""
    expires_at = lifetimes.expiry(now, session.absolute_expires_at)
    await table.update({table.last_seen_at: now, table.expires_at: expires_at}).where(
        table.id == session.id, table.last_seen_at <= now - TOUCH_INTERVAL
    )


async def record_factor(
    table: type[Session], digest: str, factors: Factors, now: datetime, *, is_second: bool
) -> str | None:
    """
    Record that a factor was presented, and give the session a new token.

    Args:
        table: Where.
        digest: That of the token that came with the request.
        factors: All that were presented, this one included.
        now: The present time.
        is_second: Whether it is a second factor, which lifts the limit to enrolling one.

    Returns:
        The new token; `None` if the session has ended or was given another meanwhile.
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
    Give a session a new token; of several requests with the old one, one gets it.

    Args:
        table: Where.
        digest: That of the token that came with the request.
        now: The present time.
        changes: Further columns and their new values.

    Returns:
        The new token; `None` if the session has ended or was given another meanwhile.
    """
    token = SESSION_TOKEN.generate()
    moved = (
        await table.update({table.digest: SESSION_TOKEN.digest(token), **changes})
        .where(table.digest == digest, table.expires_at > now)
        .returning(table.id)
    )
    return token if moved else None


async def live(table: type[Session], user: Any, now: datetime) -> Sequence[Session]:
    """The live sessions of a user, the latest first."""
    query = table.objects().where(table.user == user, table.expires_at > now)
    rows: Sequence[Session] = await query.order_by(table.created_at, ascending=False)
    return rows


async def end(table: type[Session], user: Any, session_id: UUID, now: datetime) -> None:
    """
    End one session of a user.

    Raises:
        NotFound: There is none, or it is somebody else's.
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
    """Delete expired sessions. Returns the number of rows."""
    return await delete_expired_rows(table, now=now, batch=batch)
