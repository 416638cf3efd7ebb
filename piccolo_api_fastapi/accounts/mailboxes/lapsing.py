"""Delete users who registered and never verified their address."""

from datetime import datetime
from typing import Any

from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import user_table_of
from piccolo_api_fastapi.core.events.events import AuthEvent, emit


async def delete_lapsed(status: Any, condition: Any, now: datetime, batch: int) -> int:
    """
    Delete the users whose rows meet a condition, and every row that refers to them.

    Args:
        status: The table of the state of addresses.
        condition: The rows whose users lapse.
        now: The present time.
        batch: The number of users that are looked up at once.

    Returns:
        The number of deleted users.
    """
    total = 0
    while rows := await status.select(status.user).where(condition).limit(batch):
        for row in rows:
            total += await _delete_one(status, row["user"], condition, now)
    return total


async def _delete_one(status: Any, user: Any, condition: Any, now: datetime) -> int:
    users = user_table_of(status)
    key = users._meta.primary_key
    lapsed = status.select(status.user).where(status.user == user, condition)
    async with transaction(users):
        # A verification or a login locks the user too: one of the two comes first.
        await users.update({users.active: users.active}).where(key == user)
        deleted = await users.delete().where(key == user, key.is_in(lapsed)).returning(key)
        if deleted:
            await emit(AuthEvent("user_registration_lapsed", now, user))
    return len(deleted)
