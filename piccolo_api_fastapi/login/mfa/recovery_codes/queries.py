"""Statements on recovery codes: replace, use up, count and erase."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.login.mfa.one_time_codes import new_recovery_code, recovery_digest

from .tables import RecoveryCode


async def replace(table: type[RecoveryCode], user: Any, count: int, now: datetime) -> list[str]:
    """
    Replace the codes of a user.

    Returns:
        The new codes. Show them once.
    """
    codes = [new_recovery_code() for _ in range(count)]
    rows = [
        table(id=uuid4(), user=user, digest=recovery_digest(code), created_at=now) for code in codes
    ]
    await table.delete().where(table.user == user)
    await table.insert(*rows)
    return codes


async def spend(table: type[RecoveryCode], user: Any, digest: str, now: datetime) -> bool:
    """Use a code up. Returns whether it was unused; of several callers at once, one succeeds."""
    spent = (
        await table.update({table.used_at: now})
        .where(table.user == user, table.digest == digest, table.used_at.is_null())
        .returning(table.id)
    )
    return bool(spent)


async def left(table: type[RecoveryCode], user: Any) -> int:
    """Return the number of codes that a user has not used."""
    count: int = await table.count().where(table.user == user, table.used_at.is_null())
    return count


async def erase(table: type[RecoveryCode], user: Any) -> None:
    """Delete the codes of a user."""
    await table.delete().where(table.user == user)
