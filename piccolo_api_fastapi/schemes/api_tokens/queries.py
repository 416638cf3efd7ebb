"""What is done with API tokens: create, find, touch, list, rotate and revoke."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, TypeAlias
from uuid import UUID

from piccolo_api_fastapi.access.identity import check_scopes
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.statements import CompiledQuery
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import take_user, user_columns, user_table_of
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import Conflict, NotFound, TokenLimitReached

from .tables import APIToken

TOUCH_INTERVAL = timedelta(minutes=1)
"""Use within a minute of the last is not written."""

May: TypeAlias = Callable[[], Awaitable[frozenset[str]]]
"""Gives the scopes of whoever makes a token; raises if their credential no longer holds."""


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A live token and its user, as one query gives them."""

    id: UUID
    scopes: frozenset[str]
    last_used_at: datetime | None
    user: dict[str, Any]


@dataclass(frozen=True, slots=True)
class NewToken:
    """
    A token that was just made. This is the only time that its secret is known.

    Args:
        secret: What the script sends.
        row: What is stored.
    """

    secret: str = field(repr=False)
    row: APIToken


def compile_find(table: type[APIToken]) -> CompiledQuery:
    """The one statement of a request: the token by its digest, with its user."""

    def build(digest: str, now: datetime) -> Any:
        return table.select(
            table.id,
            table.scope,
            table.last_used_at,
            *user_columns(table),
        ).where((table.digest == digest) & _is_live(table, now))

    return CompiledQuery(table, build, "digest", datetime(2000, 1, 1, tzinfo=timezone.utc))


def _is_live(table: type[APIToken], now: datetime) -> Any:
    return table.revoked_at.is_null() & (table.expires_at.is_null() | (table.expires_at > now))


async def find(query: CompiledQuery, digest: str, now: datetime) -> FoundToken | None:
    """The live token with this digest."""
    for row in await query.run(digest, now):
        user = take_user(row)
        return FoundToken(row["id"], frozenset(row["scope"].split()), row["last_used_at"], user)
    return None


async def touch(table: type[APIToken], token: FoundToken, now: datetime) -> None:
    """Record use, at most once a minute."""
    if token.last_used_at is not None and now - token.last_used_at < TOUCH_INTERVAL:
        return
    stale = table.last_used_at.is_null() | (table.last_used_at <= now - TOUCH_INTERVAL)
    await table.update({table.last_used_at: now}).where((table.id == token.id) & stale)


async def create(row: APIToken, *, now: datetime, cap: int | None, may: May) -> None:
    """
    Store a token.

    Args:
        row: What to store.
        now: The present time.
        cap: How many live tokens the user may have.
        may: Asked when the user is locked: a password change either sees the token or
            stops it.

    Raises:
        InsufficientScope: It would do more than whoever makes it may.
        TokenLimitReached: The user has as many as they may have.
        NotFound: The user is gone or disabled.
    """
    table = type(row)
    async with store(), transaction(table):
        await _lock(row, may)
        if cap is not None:
            condition = (table.user == row.user) & _is_live(table, now)
            if await table.count().where(condition) >= cap:
                raise TokenLimitReached
        await table.insert(row)
    await _tell("authn_token_created", now, row.user, row.id)


async def _lock(row: APIToken, may: May) -> None:
    """Lock the user, so that whoever counts or ends their tokens waits; then ask again."""
    users = user_table_of(type(row))
    key = users._meta.primary_key
    held = (
        await users.update({users.active: users.active})
        .where(key == row.user, users.active.eq(value=True))
        .returning(key)
    )
    check_scopes(await may(), sorted(row.scopes))
    if not held:
        raise NotFound


async def live(table: type[APIToken], user: Any, now: datetime) -> Sequence[APIToken]:
    """The live tokens of a user, the latest first."""
    query = table.objects().where((table.user == user) & _is_live(table, now))
    rows: Sequence[APIToken] = await query.order_by(table.created_at, ascending=False)
    return rows


async def get(table: type[APIToken], token: UUID, user: Any, now: datetime) -> APIToken:
    """
    One live token.

    Args:
        table: Where.
        token: Which.
        user: Only if it is this user's, unless `None`.
        now: The present time.

    Raises:
        NotFound: There is none, or it is somebody else's.
    """
    query = table.objects().where((table.id == token) & _is_live(table, now))
    row = await (query if user is None else query.where(table.user == user)).first()
    if row is None:
        raise NotFound
    return row


async def rotate(before: APIToken, after: APIToken, *, now: datetime, may: May) -> None:
    """
    Put one secret in the place of another. Of those who try at once, one does.

    Raises:
        InsufficientScope: It may do more than whoever rotates it.
        Conflict: The token was rotated or revoked meanwhile.
        NotFound: The user is gone or disabled.
    """
    table = type(before)
    async with store(), transaction(table):
        await _lock(before, may)
        rotated = (
            await table.update(
                {
                    table.digest: after.digest,
                    table.last_four: after.last_four,
                    table.created_at: after.created_at,
                    table.expires_at: after.expires_at,
                    table.last_used_at: None,
                }
            )
            .where((table.id == before.id) & (table.digest == before.digest) & _is_live(table, now))
            .returning(table.id)
        )
    if not rotated:
        raise Conflict
    await _tell("authn_token_rotated", now, before.user, before.id)


async def revoke(table: type[APIToken], condition: Any, now: datetime) -> int:
    """
    End the tokens that meet a condition, at once.

    Returns:
        How many there were.
    """
    ended = (
        await table.update({table.revoked_at: now})
        .where(condition & table.revoked_at.is_null())
        .returning(table.id, table.user)
    )
    for row in ended:
        await _tell("authn_token_revoked", now, row["user"], row["id"])
    return len(ended)


async def _tell(name: str, now: datetime, user: Any, token: UUID) -> None:
    await emit(AuthEvent(name, now, user, {"api_token": str(token)}))


async def delete_expired_tokens(
    table: type[APIToken] = APIToken, *, now: datetime, batch: int = 500
) -> int:
    """Delete expired and revoked API tokens. Returns the number of rows."""
    return await delete_expired_rows(table, now=now, batch=batch)
