"""What is done with authenticators: statements, each of which lets one caller through."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.core.database.failure_counters import forgiven

from .tables import TOTPSecret


async def find(table: type[TOTPSecret], user: Any) -> TOTPSecret | None:
    """The row of a user."""
    row: TOTPSecret | None = await table.objects().where(table.user == user).first()
    return row


async def put_pending(table: type[TOTPSecret], user: Any, pending: str) -> None:
    """Keep a secret that waits for confirmation; it takes the place of another that did."""
    row = table(id=uuid4(), user=user, pending=pending, failed_count=0, waits_until=0)
    await table.insert(row).on_conflict(
        target=table.user, action="DO UPDATE", values=[table.pending]
    )


async def confirm(
    table: type[TOTPSecret], user: Any, pending: str, step: int, now: datetime
) -> bool:
    """Make the secret that waited the one that is asked for; of several at once, one succeeds."""
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
    """Keep a secret that was confirmed elsewhere, unless the user has one."""
    row = table(id=uuid4(), user=user, secret=secret, confirmed_at=now, last_step=last_step)
    kept = (
        await table.insert(row)
        .on_conflict(target=table.user, action="DO NOTHING")
        .returning(table.id)
    )
    return bool(kept)


async def accept(table: type[TOTPSecret], user: Any, secret: str, step: int) -> bool:
    """
    Use up a period and all before it, and forgive the failures; of several at once, one
    succeeds.
    """
    accepted = (
        await table.update({table.last_step: step, **forgiven(table)})
        .where(table.user == user, table.secret == secret, table.last_step < step)
        .returning(table.id)
    )
    return bool(accepted)


async def remove(table: type[TOTPSecret], user: Any) -> Sequence[dict[str, Any]]:
    """Delete the authenticator of a user, and say whether there was one and was confirmed."""
    removed: Sequence[dict[str, Any]]
    removed = await table.delete().where(table.user == user).returning(table.confirmed_at)
    return removed


async def page(table: type[TOTPSecret], after: Any, size: int) -> Sequence[TOTPSecret]:
    """The next rows in the order of their ids."""
    query = table.objects().order_by(table.id).limit(size)
    rows: Sequence[TOTPSecret] = await (query if after is None else query.where(table.id > after))
    return rows


async def swap(table: type[TOTPSecret], row: Any, column: Any, old: str, new: str) -> bool:
    """Replace a ciphertext, unless it was replaced meanwhile."""
    swapped = (
        await table.update({column: new}).where(table.id == row, column == old).returning(table.id)
    )
    return bool(swapped)
