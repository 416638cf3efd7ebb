"""Statements on known browsers: find, remember and delete."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.statements import insert_within
from piccolo_api_fastapi.users.identifiers import one_name

from .tables import KnownDevice

DEVICE_TOKEN = OpaqueToken("dev")


async def find_known(
    table: type[KnownDevice], digests: Sequence[str], identifier: str, now: datetime
) -> str | None:
    """Return the digest by which the user with this username or address is known, if any."""
    rows = (
        await table.select(
            table.digest,
            table.user.username.as_alias("name"),
            table.user.email.as_alias("email"),
        )
        .where(table.digest.is_in(list(digests)), table.expires_at > now)
        .order_by(table.seen_at, ascending=False)
    )
    name = one_name(identifier)
    known = (row["digest"] for row in rows if name in map(one_name, (row["name"], row["email"])))
    return next(known, None)


async def remember(
    table: type[KnownDevice],
    *,
    user: Any,
    digests: Sequence[str],
    now: datetime,
    expires_at: datetime,
    cap: int,
) -> str:
    """
    Record that a user logged in with a browser. The browser gets a new token each time.

    Call it in a transaction, which has locked the user if the browser sent a token.

    Args:
        table: The table of known browsers.
        user: The primary key of the user.
        digests: The digests of the tokens that the browser sent.
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
    if digests:
        await table.delete().where(table.digest.is_in(list(digests)), table.user == user)
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
