"""Queries on the log-ins that were asked for by mail."""

from datetime import datetime
from typing import Any

from piccolo_api_fastapi.accounts.mailboxes import EmailStatus
from piccolo_api_fastapi.login.tickets import Ticket


async def put(table: type[Ticket], row: Ticket, since: datetime) -> bool:
    """
    Store a log-in that was asked for, in place of the last one with the same digest.

    Of several calls at once, one returns True.

    Args:
        table: The table of tickets.
        row: The ticket.
        since: The latest time of an earlier request that allows another one.

    Returns:
        Whether it was stored.
    """
    kept = (
        await table.insert(row)
        .on_conflict(
            target=table.digest,
            action="DO UPDATE",
            values=[
                table.id,
                table.user,
                table.data,
                table.attempts,
                table.created_at,
                table.expires_at,
                table.used_at,
            ],
            where=table.created_at <= since,
        )
        .returning(table.id)
    )
    return bool(kept)


async def end_older(table: type[Ticket], digest: str, browser: str) -> None:
    """
    Delete a log-in that a browser asked for before it became known, or unknown.

    Args:
        table: The table of tickets.
        digest: What the ticket is found by.
        browser: The digest of the token of the browser.
    """
    # As `Pending.write` stores it; a pattern without a token matches nothing.
    await table.delete().where(table.digest == digest, table.data.like(f"{browser}[%"))


async def withdraw(table: type[Ticket], ticket: Any) -> None:
    """Delete a log-in whose mail could not be sent, so that another can be asked for at once."""
    await table.delete().where(table.id == ticket)


async def find(table: type[Ticket], ticket: str, now: datetime) -> Ticket | None:
    """The log-in with this id, if it can still be completed."""
    found: Ticket | None = await table.objects().get(
        (table.id == ticket) & table.used_at.is_null() & (table.expires_at > now)
    )
    return found


async def count_guess(
    table: type[Ticket], digests: tuple[str, str], browser: str, now: datetime, *, attempts: int
) -> Ticket | None:
    """
    Count a guess at the code of an address, before the code is checked.

    A browser that did not ask for the code counts for nothing: nobody can use up the guesses of
    somebody else.

    Args:
        table: The table of tickets.
        digests: What the tickets of the address are found by. At most one is the browser's.
        browser: The digest of the token of the browser.
        now: The present time.
        attempts: The number of guesses at one code.

    Returns:
        The ticket, or None if there is none, or there were too many guesses.
    """
    rows = await table.raw(
        f'UPDATE {table._meta.get_formatted_tablename()} SET "attempts" = "attempts" + 1 '  # noqa: S608 - our own
        'WHERE "digest" IN ({}, {}) AND substr("data", 1, 64) = {} AND "used_at" IS NULL '
        'AND "expires_at" > {} AND "attempts" < {} RETURNING *',
        *digests,
        browser,
        now,
        attempts,
    )
    return table(**rows[0], _exists_in_db=True) if rows else None


async def keep_status(table: type[EmailStatus], user: Any, email: str) -> None:
    """Make sure that a user has the row in which guesses at their codes are counted."""
    await table.insert(table(user=user, email=email)).on_conflict(
        target=table.user, action="DO NOTHING"
    )


async def forgive(table: type[EmailStatus], user: Any) -> None:
    """Forget the wrong codes of a user who has proved that the mailbox is theirs."""
    values: dict[Any, Any] = {table.failed_count: 0, table.waits_until: 0}
    await table.update(values).where(table.user == user)
