"""Statements on unsent mail: keep, claim and forget."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows

from .tables import MAXIMUM_ATTEMPTS, UnsentMail

INTERVAL = timedelta(minutes=5)
"""The time between two claims; longer than an attempt takes."""

MAXIMUM_AGE = timedelta(days=7)
"""Unsent messages older than this are dropped."""


async def keep(
    table: type[UnsentMail],
    message: dict[str, Any],
    *,
    at: datetime,
    due: datetime,
    attempts: int = 1,
) -> UUID:
    """
    Store a message.

    Args:
        table: The table of unsent mail.
        message: `user`, `kind`, `recipient` and `data`.
        at: The time of the event that it is about.
        due: The time of the next attempt.
        attempts: The number of attempts; by default it was tried once, or is about to be.

    Returns:
        The primary key of the row.
    """
    key, end = uuid4(), at + MAXIMUM_AGE
    await table.insert(
        table(**message, id=key, at=at, attempts=attempts, next_attempt_at=due, expires_at=end)
    )
    return key


async def make_due(table: type[UnsentMail], row: UUID, now: datetime) -> None:
    """Allow the second attempt at once, since the first one failed."""
    await table.update({table.next_attempt_at: now}).where(table.id == row, table.attempts == 1)


async def claim(
    table: type[UnsentMail], user: Any, kinds: Collection[str], now: datetime
) -> Sequence[dict[str, Any]]:
    """
    Claim the messages to a user that are due. Of several callers at once, one gets them.

    Args:
        table: The table of unsent mail.
        user: The primary key of the user.
        kinds: The names of the classes of messages to claim.
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
    """Delete a message that was sent, or whose link is no longer needed."""
    await table.delete().where(table.id == row)


async def delete_expired_unsent_mail(
    table: type[UnsentMail] = UnsentMail, *, now: datetime, batch: int = 500
) -> int:
    """
    Delete messages that are not tried again. Returns the number of rows.

    ```python
    from piccolo_api_fastapi import delete_expired_unsent_mail
    from piccolo_api_fastapi.clock import utcnow

    deleted = await delete_expired_unsent_mail(now=utcnow())
    ```
    """
    return await delete_expired_rows(table, now=now, batch=batch)
