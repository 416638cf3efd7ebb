"""What is done with mail that could not be sent: keep, claim and forget."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows

from .tables import MAXIMUM_ATTEMPTS, UnsentMail

INTERVAL = timedelta(minutes=5)
"""Between two claims; longer than an attempt takes."""

MAXIMUM_AGE = timedelta(days=7)
"""Older news are none."""


async def keep(
    table: type[UnsentMail],
    message: dict[str, Any],
    *,
    at: datetime,
    due: datetime,
) -> UUID:
    """
    Keep what was tried once, or is about to be.

    Args:
        table: Where.
        message: `user`, `kind`, `recipient` and `data`.
        at: When that happened of which it tells.
        due: When it may be tried again.

    Returns:
        The primary key of the row.
    """
    key, end = uuid4(), at + MAXIMUM_AGE
    await table.insert(
        table(**message, id=key, at=at, attempts=1, next_attempt_at=due, expires_at=end)
    )
    return key


async def make_due(table: type[UnsentMail], row: UUID, now: datetime) -> None:
    """The first attempt failed: the next may follow at once."""
    await table.update({table.next_attempt_at: now}).where(table.id == row, table.attempts == 1)


async def claim(
    table: type[UnsentMail], user: Any, kinds: Collection[str], now: datetime
) -> Sequence[dict[str, Any]]:
    """
    What of a user is to be tried again now. Of several who ask at once, one is told.

    Args:
        table: Where.
        user: The primary key.
        kinds: Only these.
        now: The present time.
    """
    values: dict[Any, Any] = {
        table.attempts: table.attempts + 1,
        table.next_attempt_at: now + INTERVAL,
    }
    claimed: Sequence[dict[str, Any]] = (
        await table.update(values)
        .where(
            table.user == user,
            table.kind.is_in(list(kinds)),
            table.attempts < MAXIMUM_ATTEMPTS,
            table.next_attempt_at <= now,
            table.expires_at > now,
        )
        .returning(*table.all_columns())
    )
    return sorted(claimed, key=lambda row: row["at"])


async def forget(table: type[UnsentMail], row: UUID) -> None:
    """It was sent, or has nothing to tell any more."""
    await table.delete().where(table.id == row)


async def delete_expired_unsent_mail(
    table: type[UnsentMail] = UnsentMail, *, now: datetime, batch: int = 500
) -> int:
    """Delete messages that are not tried again. Returns the number of rows."""
    return await delete_expired_rows(table, now=now, batch=batch)
