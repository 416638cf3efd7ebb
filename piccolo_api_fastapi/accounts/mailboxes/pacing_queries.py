"""Queries that limit how often a user is sent mail."""

from datetime import datetime
from typing import Any, Literal, TypeAlias

from .tables import EmailStatus

Sending: TypeAlias = Literal["verification", "reset", "change"]
"""A kind of message that strangers can ask for, or that goes to an unproved address."""


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

    Args:
        table: The table that stores when messages were sent.
        user: The primary key of the user.
        email: The address of the user, in case they have no row yet.
        sending: The kind of the message.
        now: The present time.
        since: The latest time of an earlier message that allows another one.
    """
    name, column = table._meta.get_formatted_tablename(), f"{sending}_sent_at"
    await table.insert(table(user=user, email=email)).on_conflict(
        target=table.user, action="DO NOTHING"
    )
    sent = await table.raw(
        f'UPDATE {name} SET "{column}" = {{}} WHERE "user" = {{}} '  # noqa: S608 - our own names
        f'AND ("{column}" IS NULL OR "{column}" <= {{}}) RETURNING "user"',
        now,
        user,
        since,
    )
    return bool(sent)


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
    column = table._meta.get_column_by_name(f"{sending}_sent_at")
    await table.update({column: before}).where(table.user == user)
