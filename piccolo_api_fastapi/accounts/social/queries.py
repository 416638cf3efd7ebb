"""Statements on linked accounts. Of several callers at once, each lets one succeed."""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from piccolo_api_fastapi.login.tickets import Ticket

from .tables import OAuthAccount


def digest_of(issuer: str, subject: str) -> str:
    """Return what a linked account is found by."""
    return _digest(issuer, subject)


def slot_of(user: Any, provider: str) -> str:
    """Return what makes the account of a user at a provider the only one."""
    return _digest(str(user), provider)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()


async def find(table: type[OAuthAccount], digest: str) -> OAuthAccount | None:
    """Return the linked account with this digest, whoever has it."""
    row: OAuthAccount | None = await table.objects().where(table.digest == digest).first()
    return row


async def has_slot(table: type[OAuthAccount], slot: str) -> bool:
    """Whether a user has an account at a provider."""
    return await table.exists().where(table.slot == slot)


async def of_user(table: type[OAuthAccount], user: Any) -> Sequence[OAuthAccount]:
    """Return the linked accounts of a user, the oldest first."""
    rows: Sequence[OAuthAccount]
    rows = await table.objects().where(table.user == user).order_by(table.linked_at, table.id)
    return rows


async def add(table: type[OAuthAccount], values: Mapping[str, Any]) -> OAuthAccount | None:
    """Store a linked account. Returns `None` if the account or the slot is taken."""
    row = table(id=uuid4(), **values)
    kept = await table.insert(row).on_conflict(action="DO NOTHING").returning(table.id)
    return row if kept else None


async def use(table: type[OAuthAccount], account: UUID, now: datetime) -> bool:
    """Record a log-in. Returns whether the account is still linked."""
    used = (
        await table.update({table.last_login_at: now})
        .where(table.id == account)
        .returning(table.id)
    )
    return bool(used)


async def is_linked(table: type[OAuthAccount], account: UUID) -> bool:
    """Whether an account is still linked."""
    return await table.exists().where(table.id == account)


async def remove(
    table: type[OAuthAccount], user: Any, account: UUID, *, has_other_way: bool
) -> str | None:
    """
    Unlink an account, unless it is the last way in. The user must be locked.

    Args:
        table: The table.
        user: The primary key of the user.
        account: The linked account.
        has_other_way: Whether the user can log in without any linked account.

    Returns:
        The name of the provider, or `None` if it was not unlinked.
    """
    own = table._meta.get_formatted_tablename()
    rows = await table.raw(
        f'DELETE FROM {own} WHERE "id" = {{}} AND "user" = {{}} AND ({{}} = 1 OR EXISTS '  # noqa: S608 - our own
        f'(SELECT 1 FROM {own} o WHERE o."user" = {{}} AND o."id" <> {{}})) RETURNING "provider"',
        account,
        user,
        int(has_other_way),
        user,
        account,
    )
    return str(rows[0]["provider"]) if rows else None


async def find_flow(table: type[Ticket], digest: str, purpose: str, now: datetime) -> Ticket | None:
    """Return the ticket of a flow that was begun and is not completed. It is not used up."""
    found: Ticket | None = await table.objects().get(
        (table.digest == digest)
        & (table.purpose == purpose)
        & table.used_at.is_null()
        & (table.expires_at > now)
    )
    return found
