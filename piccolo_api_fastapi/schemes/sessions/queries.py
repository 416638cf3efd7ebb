"""Statements on the table of sessions: find, start, touch, list and end."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from piccolo.custom_types import Combinable

from piccolo_api_fastapi.access.step_up import read_factors, write_factors
from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.lookups import Lookup
from piccolo_api_fastapi.core.database.statements import insert_within
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import primary_key, take_user, user_columns
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import ConfigurationError, NotFound
from piccolo_api_fastapi.users import HeldPermissions, Proof

from .tables import Session

TOUCH_INTERVAL = timedelta(minutes=1)
"""The least time between two writes of `last_seen_at`."""

SESSION_TOKEN = OpaqueToken("ses")

MOVED = ""
"""The name of the scheme in sessions that were moved from piccolo-api and not yet renewed."""

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
class Own:
    """
    The sessions of one scheme. No statement of a scheme finds or ends those of another.

    Args:
        table: The table of sessions.
        scheme: The name of the scheme, which its sessions carry.
        has_moved: Whether the sessions that were moved from piccolo-api belong to it as well.
    """

    table: type[Session]
    scheme: str
    has_moved: bool = False

    @property
    def schemes(self) -> tuple[str, ...]:
        """The names that its sessions carry."""
        return (self.scheme, MOVED) if self.has_moved else (self.scheme,)

    @property
    def condition(self) -> Combinable:
        """The condition that its sessions meet."""
        return self.table.scheme.is_in(list(self.schemes))


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
    permissions: str | None = None


def compile_find(
    own: Own, held: HeldPermissions | None = None, *, is_batched: bool = True
) -> Lookup:
    """
    Compile the one statement of a protected request: a live session with its user.

    Args:
        own: The sessions of the scheme.
        held: The permissions of users, if they have roles.
        is_batched: Whether look-ups may share a statement.
    """
    table = own.table

    def build(is_wanted: Any, *values: Any) -> Any:
        *schemes, now = values
        return table.select(
            table.id,
            table.created_at,
            table.last_seen_at,
            table.absolute_expires_at,
            table.factors,
            table.is_enrolling,
            *user_columns(table),
        ).where(is_wanted, table.scheme.is_in(schemes), table.expires_at > now)

    return Lookup(
        table,
        table.digest,
        build,
        "digest",
        *own.schemes,
        column_at=None if held is None else held.column_of(table),
        is_batched=is_batched,
    )


async def find(lookup: Lookup, digest: str, now: datetime) -> FoundSession | None:
    """Look up the live session with this digest."""
    row = await lookup.find(digest, now)
    return None if row is None else _found(row)


async def find_several(
    lookup: Lookup, digests: Sequence[str], now: datetime
) -> Sequence[FoundSession]:
    """Look up the live sessions with these digests, by one statement."""
    return [_found(row) for row in await lookup.find_several(digests, now)]


def _found(row: dict[str, Any]) -> FoundSession:
    user, factors = take_user(row), read_factors(row.pop("factors"))
    return FoundSession(factors=factors, user=user, **row)


def new_session(
    own: Own,
    token: str,
    proof: Proof[Any],
    lifetimes: Lifetimes,
    client: ClientInfo,
    now: datetime,
) -> Session:
    """Make the row of a new session."""
    absolute = now + lifetimes.absolute
    return own.table(
        id=uuid4(),
        digest=SESSION_TOKEN.digest(token),
        user=primary_key(proof.user),
        scheme=own.scheme,
        created_at=now,
        last_seen_at=now,
        expires_at=lifetimes.expiry(now, absolute),
        absolute_expires_at=absolute,
        factors=write_factors(proof.factors),
        is_enrolling=proof.is_enrolling,
        ip=client.ip,
        user_agent=client.user_agent,
    )


async def start(
    own: Own, row: Session, *, replaces: Sequence[str] = (), cap: int | None = None
) -> None:
    """
    Store a new session. Call it in a transaction that has locked the user.

    Args:
        own: The sessions of the scheme.
        row: The session.
        replaces: The digests of the sessions that the request came with, which are deleted.
        cap: The number of sessions that the user may have; the oldest are deleted.
    """
    if replaces:
        await own.table.delete().where(own.table.digest.is_in(list(replaces)), own.condition)
    if cap is None:
        await own.table.insert(row)
    else:
        mine = (own.table.user == row.user) & own.condition
        await insert_within(cap, row, mine, '"created_at" DESC')


async def touch(
    table: type[Session], session: FoundSession, now: datetime, lifetimes: Lifetimes
) -> None:
    """Record activity and extend the idle timeout, at most once a minute."""
    expires_at = lifetimes.expiry(now, session.absolute_expires_at)
    await table.update({table.last_seen_at: now, table.expires_at: expires_at}).where(
        table.id == session.id, table.last_seen_at <= now - TOUCH_INTERVAL
    )


async def live(own: Own, user: Any, now: datetime) -> Sequence[Session]:
    """List the live sessions of a user in one scheme, newest first."""
    return await live_of_all(own.table, user, now, own.condition)


async def live_of_all(
    table: type[Session], user: Any, now: datetime, *conditions: Any
) -> Sequence[Session]:
    """List the live sessions of a user in all schemes, newest first."""
    query = table.objects().where(table.user == user, table.expires_at > now, *conditions)
    rows: Sequence[Session] = await query.order_by(table.created_at, ascending=False)
    return rows


async def end(own: Own, user: Any, session_id: UUID, now: datetime) -> None:
    """
    End one session of a user.

    Raises:
        NotFound: The session does not exist, or belongs to another user or scheme.
    """
    table = own.table
    if not await _end(own, (table.id == session_id) & (table.user == user), now):
        raise NotFound


async def end_others(own: Own, user: Any, keep: UUID, now: datetime) -> None:
    """End all sessions of a user but one."""
    table = own.table
    await _end(own, (table.user == user) & (table.id != keep), now)


async def end_by_digest(own: Own, digests: Sequence[str], now: datetime) -> None:
    """End the sessions with these digests, as far as there are any."""
    await _end(own, own.table.digest.is_in(list(digests)), now)


async def _end(own: Own, condition: Combinable, now: datetime) -> bool:
    table = own.table
    async with transaction(table):
        ended = await table.delete().where(condition, own.condition).returning(table.id, table.user)
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
