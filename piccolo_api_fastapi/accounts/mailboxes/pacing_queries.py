"""Queries that limit how often a user is sent mail."""

from datetime import datetime
from typing import Any, Literal, TypeAlias

from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import user_table_of

from .tables import EmailStatus

Sending: TypeAlias = Literal["verification", "notice", "reset", "change"]
"""
A kind of message that strangers can ask for, or that goes to an unproved address. A notice that
somebody registered the address again shares the pace of verification.
"""

_COLUMNS: dict[Sending, str] = {
    "verification": "verification_sent_at",
    "notice": "verification_sent_at",
    "reset": "reset_sent_at",
    "change": "change_sent_at",
}


async def may_send(
    table: type[EmailStatus],
    user: Any,
    email: str,
    sending: Sending,
    *,
    now: datetime,
    since: datetime,
) -> bool:
    """
    Whether a message may be sent now. Of several concurrent calls, one returns True.

    Once the address is verified, no verification may be sent. Verifying ends the interval, so work
    that began before it would otherwise send another link.

    Args:
        table: The table that stores when messages were sent.
        user: The primary key of the user.
        email: The address of the user, in case they have no row yet.
        sending: The kind of the message.
        now: The present time.
        since: The latest time of an earlier message that allows another one.
    """
    name, column = table._meta.get_formatted_tablename(), _COLUMNS[sending]
    is_open = 'AND ("verified_at" IS NULL OR "email" <> {})' if sending == "verification" else ""
    await table.insert(table(user=user, email=email)).on_conflict(
        target=table.user, action="DO NOTHING"
    )
    sent = await table.raw(
        f'UPDATE {name} SET "{column}" = {{}} WHERE "user" = {{}} '  # noqa: S608 - our own names
        f'AND ("{column}" IS NULL OR "{column}" <= {{}}) {is_open} RETURNING "user"',
        now,
        user,
        since,
        *([email] if is_open else []),
    )
    return bool(sent)


async def rehearse(table: type[EmailStatus], *, now: datetime, since: datetime) -> None:
    """
    Run the statements of `may_send` for nobody: those that change a row find none.

    Args:
        table: The table that stores when messages were sent.
        now: The present time.
        since: The latest time of an earlier message that allows another one.
    """
    users = user_table_of(table)
    nobody = users._meta.primary_key.is_null()
    async with transaction(table):
        await users.update({users.active: users.active}).where(nobody)
        for column in (table.verification_sent_at, table.reset_sent_at):
            await table.update({column: now}).where(table.user.is_null(), column <= since)


async def rehearse_tickets(table: type[EmailStatus], *, tickets: int, now: datetime) -> None:
    """
    Run the statements that make tickets, for nobody.

    Args:
        table: The table that stores when messages were sent.
        tickets: How many tickets the message would carry.
        now: The present time.
    """
    users = user_table_of(table)
    nobody = users._meta.primary_key.is_null()
    for _ in range(2 * tickets):  # a statement that finds no row takes less time
        async with transaction(table):
            for _ in range(2):
                await users.update({users.active: users.active}).where(nobody)
                await table.update({table.change_sent_at: now}).where(table.user.is_null())


async def forget_sending(
    table: type[EmailStatus], user: Any, sending: Sending, before: datetime
) -> None:
    """
    Record that a message was not sent: the next request may send one.

    Args:
        table: The table that stores when messages were sent.
        user: The primary key of the user.
        sending: The kind of the message.
        before: A time from which on another message may be sent now.
    """
    column = table._meta.get_column_by_name(_COLUMNS[sending])
    await table.update({column: before}).where(table.user == user)
