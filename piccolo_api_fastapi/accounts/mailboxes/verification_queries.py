"""Queries that record which addresses are verified."""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.errors import InvalidTicket
from piccolo_api_fastapi.login.tickets import Ticket

from .tables import EmailStatus

CODE_LENGTH = 6


async def begin(
    table: type[EmailStatus], user: Any, email: str, now: datetime, *, activates: bool
) -> None:
    """Record that a new user has to verify their address."""
    row = table(
        user=user,
        email=email,
        is_registered=True,
        activates=activates,
        verification_sent_at=now,
    )
    await table.insert(row)


async def is_waiting(table: type[EmailStatus], user: Any, email: str) -> bool:
    """Whether a user is inactive only until this address is verified."""
    return await table.exists().where(
        table.user == user, table.email == email, table.activates.eq(value=True)
    )


async def is_new(table: type[EmailStatus], user: Any, email: str) -> bool:
    """Whether a user registered with this address and has not verified it yet."""
    return await table.exists().where(
        table.user == user,
        table.email == email,
        table.is_registered.eq(value=True),
        table.verified_at.is_null(),
    )


async def contest(table: type[EmailStatus], user: Any, *, is_compared: bool) -> None:
    """Record that an unverified address was registered again with another password, or may be."""
    differs: dict[Any, Any] = {table.is_contested: True}
    unknown: dict[Any, Any] = {table.uncompared: table.uncompared + 1}
    await table.update(differs if is_compared else unknown).where(
        table.user == user, table.verified_at.is_null()
    )


@dataclass(frozen=True, slots=True)
class Before:
    """
    The state of an account before its address was verified.

    Args:
        activates: Whether the verification activates the user.
        is_contested: Whether the address was registered again with another password, or with one
            that could not be compared.
        is_new: Whether the user registered and never had a verified address.
    """

    activates: bool
    is_contested: bool
    is_new: bool


async def verify(table: type[EmailStatus], user: Any, email: str, now: datetime) -> Before:
    """Record that an address is verified, and clear what led to it."""
    # Lock the row, so that the values read here are the ones that the update clears.
    [row] = (
        await table.insert(table(user=user, email=email))
        .on_conflict(target=table.user, action="DO UPDATE", values=[table.email])
        .returning(
            table.activates,
            table.is_contested,
            table.uncompared,
            table.is_registered,
            table.verified_at,
        )
    )
    await table.update(
        {
            table.verified_at: now,
            table.activates: False,
            table.is_contested: False,
            table.uncompared: 0,
            table.verification_sent_at: None,
            table.failed_count: 0,
            table.waits_until: 0,
        }
    ).where(table.user == user)
    is_contested = row["is_contested"] or row["uncompared"] > 0
    is_new = row["is_registered"] and row["verified_at"] is None
    return Before(row["activates"], is_contested, is_new)


def new_code(length: int = CODE_LENGTH) -> str:
    """A code of random digits."""
    return f"{secrets.randbelow(10**length):0{length}}"


async def count_guess(table: type[Ticket], user: Any, purpose: str, now: datetime) -> Ticket:
    """
    Count a guess at the code of a user.

    By Piccolo's query builder it would take so much longer than the statement that is run for
    nobody that the time of a response would tell who was sent a code.

    Returns:
        The ticket of the code.

    Raises:
        InvalidTicket: The user has no valid code.
    """
    rows = await table.raw(
        f'UPDATE {table._meta.get_formatted_tablename()} SET "attempts" = "attempts" + 1 '  # noqa: S608 - our own
        'WHERE "user" = {} AND "purpose" = {} AND "used_at" IS NULL AND "expires_at" > {} '
        "RETURNING *",
        user,
        purpose,
        now,
    )
    if not rows:
        raise InvalidTicket
    return table(**rows[0], _exists_in_db=True)


async def activate(users: type[BaseUser], user: Any) -> None:
    """Activate a user who has never signed in; one who has was disabled by someone."""
    key = users._meta.primary_key
    await users.update({users.active: True}).where(key == user, users.last_login.is_null())
