"""Statements on known browsers: find, remember and delete."""

from contextlib import nullcontext
from datetime import datetime
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.statements import insert_within
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.users.identifiers import one_name

from .tables import KnownDevice

DEVICE_TOKEN = OpaqueToken("dev")


async def is_known(table: type[KnownDevice], digest: str, identifier: str, now: datetime) -> bool:
    """Whether the user with this username or address logged in with this browser."""
    row = (
        await table.select(table.user.username.as_alias("name"), table.user.email.as_alias("email"))
        .where(table.digest == digest, table.expires_at > now)
        .first()
    )
    names = {one_name(row["name"]), one_name(row["email"])} if row is not None else set()
    return one_name(identifier) in names


async def remember(
    table: type[KnownDevice],
    *,
    user: Any,
    digest: str | None,
    now: datetime,
    expires_at: datetime,
    cap: int,
) -> str:
    """
    Record that a user logged in with a browser. The browser gets a new token each time.

    Args:
        table: The table of known browsers.
        user: The primary key of the user.
        digest: The digest of the token that the browser sent, if any.
        now: The present time.
        expires_at: When the browser is forgotten.
        cap: The number of browsers kept for a user; the one used longest ago is deleted first.

    Returns:
        The new token.
    """
    token = DEVICE_TOKEN.generate()
    row = table(
        id=uuid4(),
        user=user,
        digest=DEVICE_TOKEN.digest(token),
        seen_at=now,
        expires_at=expires_at,
    )
    # A new browser is one statement. If the process ends right after it, the cap is exceeded by
    # one until the next login.
    async with nullcontext() if digest is None else transaction(table):
        if digest is not None:
            await table.delete().where(table.digest == digest, table.user == user)
        await insert_within(cap, row, table.user == user, '"seen_at" DESC')
    return token


async def delete_expired_devices(
    table: type[KnownDevice] = KnownDevice, *, now: datetime, batch: int = 500
) -> int:
    """
    Delete browsers that were not used for long. Returns the number of rows.

    ```python
    from piccolo_api_fastapi import delete_expired_devices
    from piccolo_api_fastapi.clock import utcnow

    deleted = await delete_expired_devices(now=utcnow())
    ```
    """
    return await delete_expired_rows(table, now=now, batch=batch)
