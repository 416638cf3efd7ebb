"""Statements on passkeys. Of several callers at once, each lets one succeed."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID, uuid4

from .tables import Passkey, PasskeyOwner


async def put_handle(table: type[PasskeyOwner], user: Any, handle: str) -> str:
    """Store the handle of a user unless there is one. Returns the handle of the user."""
    row = table(id=uuid4(), user=user, handle=handle)
    await table.insert(row).on_conflict(target=table.user, action="DO NOTHING")
    return str(await handle_of(table, user))


async def handle_of(table: type[PasskeyOwner], user: Any) -> str | None:
    """Return the handle of a user."""
    row = await table.select(table.handle).where(table.user == user).first()
    return None if row is None else str(row["handle"])


async def exists(table: type[Passkey], user: Any) -> bool:
    """Whether a user has a passkey."""
    return bool(await table.exists().where(table.user == user))


async def has(table: type[Passkey], passkey: UUID) -> bool:
    """Whether there is still this passkey."""
    return bool(await table.exists().where(table.id == passkey))


async def of_user(table: type[Passkey], user: Any) -> Sequence[Passkey]:
    """Return the passkeys of a user, the oldest first."""
    rows: Sequence[Passkey]
    rows = await table.objects().where(table.user == user).order_by(table.created_at, table.id)
    return rows


async def count(table: type[Passkey], user: Any) -> int:
    """Return the number of passkeys of a user."""
    return int(await table.count().where(table.user == user))


async def find(table: type[Passkey], digest: str) -> Passkey | None:
    """Return the passkey with this digest, whoever has it."""
    row: Passkey | None = await table.objects().where(table.digest == digest).first()
    return row


async def add(table: type[Passkey], values: Mapping[str, Any]) -> Passkey | None:
    """Store a passkey. Returns `None` if somebody has it already."""
    row = table(id=uuid4(), **values)
    kept = (
        await table.insert(row)
        .on_conflict(target=table.digest, action="DO NOTHING")
        .returning(table.id)
    )
    return row if kept else None


async def use(
    table: type[Passkey], row: Passkey, *, sign_count: int, is_backed_up: bool, now: datetime
) -> bool:
    """
    Record a use and move the counter forward.

    Returns:
        Whether the counter is higher than ever before, or the passkey does not count at all.
    """
    has_moved = table.sign_count < sign_count if sign_count else table.sign_count == 0
    used = (
        await table.update(
            {
                table.sign_count: sign_count,
                table.is_backed_up: is_backed_up,
                table.last_used_at: now,
            }
        )
        .where(table.id == row.id, has_moved)
        .returning(table.id)
    )
    return bool(used)


async def rename(table: type[Passkey], user: Any, passkey: UUID, name: str) -> Passkey | None:
    """Rename a passkey. Returns it, or `None` if the user has no such passkey."""
    rows = (
        await table.update({table.name: name})
        .where(table.id == passkey, table.user == user)
        .returning(*table.all_columns())
    )
    return table(**rows[0], _exists_in_db=True) if rows else None


async def remove(
    table: type[Passkey], user: Any, passkey: UUID, *, has_other_way: bool
) -> str | None:
    """
    Delete a passkey, unless it is the last way in. The user must be locked. A key that has only to
    be touched is no way in.

    Args:
        table: The table.
        user: The primary key of the user.
        passkey: The passkey.
        has_other_way: Whether the user can log in without any passkey.

    Returns:
        Its name, or `None` if it was not deleted.
    """
    own = table._meta.get_formatted_tablename()
    rows = await table.raw(
        f'DELETE FROM {own} WHERE "id" = {{}} AND "user" = {{}} AND ({{}} = 1 OR EXISTS '  # noqa: S608 - our own
        f'(SELECT 1 FROM {own} o WHERE o."user" = {{}} AND o."id" <> {{}} AND o."verifies_user")) '
        'RETURNING "name"',
        passkey,
        user,
        int(has_other_way),
        user,
        passkey,
    )
    return str(rows[0]["name"]) if rows else None
