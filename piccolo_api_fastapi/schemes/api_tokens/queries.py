"""Statements on the table of API tokens: find, create, touch, list, rotate and revoke."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.lookups import Lookup
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import take_user, user_columns, user_table_of
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import Conflict, NotFound, TokenLimitReached
from piccolo_api_fastapi.users import HeldPermissions

from .tables import APIToken

TOUCH_INTERVAL = timedelta(minutes=1)
"""The least time between two writes of `last_used_at`."""


@dataclass(frozen=True, slots=True)
class FoundToken:
    """A live token with the columns of its user, from one query."""

    id: UUID
    scopes: frozenset[str]
    last_used_at: datetime | None
    user: dict[str, Any]
    permissions: str | None


@dataclass(frozen=True, slots=True)
class NewToken:
    """
    A new API token. Its secret is known only now.

    ```python
    from piccolo_api_fastapi import NewToken, TokenAuth

    token = TokenAuth()
    owner = await token.users.create_service("deploy")
    new: NewToken = await token.create(owner, "nightly report")
    print(new.row.last_four, new.secret)
    ```

    Args:
        secret: The token that the script sends.
        row: The stored row, without the secret.
    """

    secret: str = field(repr=False)
    row: APIToken


def compile_find(
    table: type[APIToken], held: HeldPermissions | None = None, *, is_batched: bool = True
) -> Lookup:
    """
    Compile the one statement of a request: a live token with its user.

    Args:
        table: The table of API tokens.
        held: The permissions of users, if they have roles.
        is_batched: Whether look-ups may share a statement.
    """

    def build(is_wanted: Any, now: datetime) -> Any:
        return table.select(
            table.id,
            table.scope,
            table.last_used_at,
            *user_columns(table),
        ).where(is_wanted, _is_live(table, now))

    column_at = None if held is None else held.column_of(table)
    return Lookup(table, table.digest, build, "digest", column_at=column_at, is_batched=is_batched)


def _is_live(table: type[APIToken], now: datetime) -> Any:
    return table.revoked_at.is_null() & (table.expires_at.is_null() | (table.expires_at > now))


async def find(lookup: Lookup, digest: str, now: datetime) -> FoundToken | None:
    """Look up the live token with this digest."""
    row = await lookup.find(digest, now)
    if row is None:
        return None
    user, scopes = take_user(row), frozenset(row["scope"].split())
    return FoundToken(row["id"], scopes, row["last_used_at"], user, row.get("permissions"))


def is_stale(token: FoundToken, now: datetime) -> bool:
    """Return whether a use of the token must be recorded, which happens once a minute."""
    return token.last_used_at is None or now - token.last_used_at >= TOUCH_INTERVAL


async def touch(table: type[APIToken], token: FoundToken, now: datetime) -> None:
    """Record that a token is used, unless another request did so within the minute."""
    stale = table.last_used_at.is_null() | (table.last_used_at <= now - TOUCH_INTERVAL)
    await table.update({table.last_used_at: now}).where((table.id == token.id) & stale)


async def lock_owner(row: APIToken) -> bool:
    """Lock the owner of a token until the transaction ends. Returns whether they are active."""
    users = user_table_of(type(row))
    key = users._meta.primary_key
    held = (
        await users.update({users.active: users.active})
        .where(key == row.user, users.active.eq(value=True))
        .returning(key)
    )
    return bool(held)


async def create(row: APIToken, *, now: datetime, cap: int | None) -> None:
    """
    Store a new token. Call it in a transaction that has locked the owner.

    Args:
        row: The token.
        now: The current time.
        cap: The number of live tokens that the owner may have.

    Raises:
        TokenLimitReached: The owner has reached this number.
    """
    table = type(row)
    if cap is not None:
        condition = (table.user == row.user) & _is_live(table, now)
        if await table.count().where(condition) >= cap:
            raise TokenLimitReached
    await table.insert(row)
    await _tell("authn_token_created", now, row.user, row.id)


async def live(table: type[APIToken], user: Any, now: datetime) -> Sequence[APIToken]:
    """List the live tokens of a user, newest first."""
    query = table.objects().where((table.user == user) & _is_live(table, now))
    rows: Sequence[APIToken] = await query.order_by(table.created_at, ascending=False)
    return rows


async def get(table: type[APIToken], token: UUID, user: Any, now: datetime) -> APIToken:
    """
    Look up one live token.

    Args:
        table: The table of API tokens.
        token: The id of the token.
        user: The primary key of the user who must own it, or `None`.
        now: The current time.

    Raises:
        NotFound: The token does not exist, has ended, or belongs to another user.
    """
    query = table.objects().where((table.id == token) & _is_live(table, now))
    row = await (query if user is None else query.where(table.user == user)).first()
    if row is None:
        raise NotFound
    return row


async def rotate(before: APIToken, after: APIToken, *, now: datetime) -> None:
    """
    Replace the secret of a token. If several requests do it at once, one succeeds.

    Args:
        before: The token as the request found it.
        after: The token with its new secret.
        now: The current time.

    Raises:
        Conflict: The token was rotated or revoked meanwhile.
    """
    table = type(before)
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
    """Revoke the tokens that meet a condition. Returns their number."""
    async with transaction(table):
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
    """
    Delete expired and revoked API tokens. Returns the number of rows.

    ```python
    from piccolo_api_fastapi import delete_expired_tokens
    from piccolo_api_fastapi.clock import utcnow

    deleted = await delete_expired_tokens(now=utcnow())
    ```
    """
    return await delete_expired_rows(table, now=now, batch=batch)
