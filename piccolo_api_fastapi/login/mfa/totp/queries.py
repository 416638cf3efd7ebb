"""Statements on authenticators. Of several callers at once, each lets one succeed."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.core.database.failure_counters import forgiven

from .tables import TOTPSecret


async def find(table: type[TOTPSecret], user: Any) -> TOTPSecret | None:
    """Return the row of a user."""
    row: TOTPSecret | None = await table.objects().where(table.user == user).first()
    return row


async def put_pending(table: type[TOTPSecret], user: Any, pending: str) -> None:
    """Store a secret until it is confirmed. It replaces an earlier unconfirmed one."""
    row = table(id=uuid4(), user=user, pending=pending, failed_count=0, waits_until=0)
    await table.insert(row).on_conflict(
        target=table.user, action="DO UPDATE", values=[table.pending]
    )


async def confirm(
    table: type[TOTPSecret], user: Any, pending: str, step: int, now: datetime
) -> bool:
    """Activate an unconfirmed secret and forgive the failures. Returns whether it was there."""
    values = {
        table.secret: pending,
        table.pending: None,
        table.confirmed_at: now,
        table.last_step: step,
        **forgiven(table),
    }
    confirmed = (
        await table.update(values)
        .where(table.user == user, table.pending == pending)
        .returning(table.id)
    )
    return bool(confirmed)


async def adopt(
    table: type[TOTPSecret], user: Any, secret: str, *, last_step: int, now: datetime
) -> bool:
    """
    Store a secret that another system confirmed, in place of one that the user never confirmed.
    Returns `False` if the user has one.
    """
    row = table(id=uuid4(), user=user, secret=secret, confirmed_at=now, last_step=last_step)
    kept = (
        await table.insert(row)
        .on_conflict(
            target=table.user,
            action="DO UPDATE",
            values=[table.secret, table.confirmed_at, table.last_step, table.pending],
            where=table.secret.is_null(),
        )
        .returning(table.id)
    )
    return bool(kept)


async def accept(table: type[TOTPSecret], user: Any, secret: str, step: int) -> bool:
    """
    Use up a period and all earlier ones, and forgive the failures.

    Returns:
        Whether the secret is still the one that was checked, and the period was unused.
    """
    accepted = (
        await table.update({table.last_step: step, **forgiven(table)})
        .where(table.user == user, table.secret == secret, table.last_step < step)
        .returning(table.id)
    )
    return bool(accepted)


async def remove(table: type[TOTPSecret], user: Any) -> Sequence[dict[str, Any]]:
    """Delete the authenticator of a user. Returns the deleted rows, with `confirmed_at`."""
    removed: Sequence[dict[str, Any]]
    removed = await table.delete().where(table.user == user).returning(table.confirmed_at)
    return removed


async def page(table: type[TOTPSecret], after: Any, size: int) -> Sequence[TOTPSecret]:
    """Return the next rows in the order of their ids."""
    query = table.objects().order_by(table.id).limit(size)
    rows: Sequence[TOTPSecret] = await (query if after is None else query.where(table.id > after))
    return rows


async def swap(table: type[TOTPSecret], row: Any, column: Any, old: str, new: str) -> bool:
    """Replace a ciphertext. Returns whether it was still the old one."""
    swapped = (
        await table.update({column: new}).where(table.id == row, column == old).returning(table.id)
    )
    return bool(swapped)
