"""Delete users who registered and never verified their address."""

from datetime import datetime
from typing import Any

from piccolo_api_fastapi.core.database.outages import is_foreign_key_violation
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import user_table_of
from piccolo_api_fastapi.core.events.events import AuthEvent, emit, logger


async def delete_lapsed(status: Any, condition: Any, now: datetime, batch: int) -> int:
    """
    Delete the users whose rows meet a condition, and every row that refers to them.

    Users whom the database keeps, since other rows refer to them, are left. The log tells how
    many.

    Args:
        status: The table of the state of addresses.
        condition: The rows whose users lapse.
        now: The present time.
        batch: The number of users that are looked up at once.

    Returns:
        The number of deleted users.
    """
    total, left, page = 0, 0, condition
    while users := await _lapsed(status, page, batch):
        for user in users:
            deleted = await _delete_unless_kept(status, user, condition, now)
            total, left = total + (deleted or 0), left + (deleted is None)
        page = condition & (status.user > users[-1])
    if left:
        logger.warning(
            "%d lapsed registrations were left, because rows of other tables refer to their "
            "users. Use ON DELETE CASCADE or SET NULL for the foreign keys of these tables.",
            left,
        )
    return total


async def _lapsed(status: Any, condition: Any, batch: int) -> list[Any]:
    query = status.select(status.user).where(condition).order_by(status.user).limit(batch)
    return [row["user"] for row in await query]


async def _delete_unless_kept(status: Any, user: Any, condition: Any, now: datetime) -> int | None:
    """Delete a user. Returns the number of deleted users, or `None` if the database kept them."""
    try:
        return await _delete_one(status, user, condition, now)
    except Exception as error:
        if is_foreign_key_violation(error):
            return None
        raise


async def _delete_one(status: Any, user: Any, condition: Any, now: datetime) -> int:
    users = user_table_of(status)
    key = users._meta.primary_key
    async with transaction(users):
        # A verification or a login locks the user too: one of the two comes first.
        await users.update({users.active: users.active}).where(key == user)
        if not await status.exists().where(status.user == user, condition):
            return 0
        # Before the deletion, so that a `before_commit` listener can still read the rows.
        await emit(AuthEvent("user_registration_lapsed", now, user))
        await users.delete().where(key == user)
    return 1
