"""Statements on codes that are sent. Of several callers at once, each lets one succeed."""

from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.core.database.failure_counters import forgiven

from .tables import SentCode


async def put(
    table: type[SentCode],
    user: Any,
    secret: str,
    now: datetime,
    *,
    lifetime: timedelta,
    interval: timedelta,
) -> bool:
    """Store a new code. Returns `False` if the last one was sent within the interval."""
    row = table(
        id=uuid4(),
        user=user,
        secret=secret,
        sent_at=now,
        expires_at=now + lifetime,
        failed_count=0,
        waits_until=0,
    )
    kept = (
        await table.insert(row)
        .on_conflict(
            target=table.user,
            action="DO UPDATE",
            values=[table.secret, table.sent_at, table.expires_at],
            where=table.sent_at <= now - interval,
        )
        .returning(table.id)
    )
    return bool(kept)


async def withdraw(table: type[SentCode], user: Any, secret: str, before: datetime) -> None:
    """Let a code that could not be sent expire, so that another can be sent at once."""
    values: dict[Any, Any] = {table.expires_at: before, table.sent_at: before}
    await table.update(values).where(table.user == user, table.secret == secret)


async def spend(table: type[SentCode], user: Any, secret: str, now: datetime) -> bool:
    """Use a code up and forgive the failures. Returns whether it was still valid."""
    spent = (
        await table.update({table.secret: None, **forgiven(table)})
        .where(table.user == user, table.secret == secret, table.expires_at > now)
        .returning(table.id)
    )
    return bool(spent)
