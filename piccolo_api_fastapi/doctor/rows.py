"""Checks of rows that wait: expired ones, and mail that was not sent."""

from collections.abc import AsyncIterator
from datetime import timedelta

from piccolo_api_fastapi.core.database.auth_tables import count_expired, tables_of
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.mail.delivery.tables import MAXIMUM_ATTEMPTS, UnsentMail

from .subject import Subject
from .values import Result, command_for, ok, warning

SWEPT_WITHIN = timedelta(days=1)
"""How often the docs advise to run `clean`."""

SENT_WITHIN = timedelta(minutes=10)
"""The time that messages have until they count as waiting."""


async def is_swept(subject: Subject) -> AsyncIterator[Result]:
    """Count the rows that expired a day ago or earlier. Unsent mail has a check of its own."""
    for users in subject.owners:
        tables = [table for table in tables_of(users.table) if not issubclass(table, UnsentMail)]
        counts = await count_expired(tables, now=users.clock() - SWEPT_WITHIN)
        if some := ", ".join(f"{count} {noun}" for noun, count in sorted(counts.items()) if count):
            yield warning(
                f"These expired more than a day ago: {some}. Run "
                f"{command_for(users.table, 'clean')} daily."
            )
        else:
            yield ok(f"No rows of {users.table.__name__} expired more than a day ago.")


async def is_sent(subject: Subject) -> AsyncIterator[Result]:
    """Count the messages that wait, and those that are not tried again."""
    for users in subject.owners:
        table, now = bound(UnsentMail, users.table), users.clock()
        is_given_up = (table.attempts >= MAXIMUM_ATTEMPTS) | (table.expires_at <= now)
        is_late = (table.attempts < MAXIMUM_ATTEMPTS) & (table.expires_at > now)
        given_up = await table.count().where(is_given_up)
        late = await table.count().where(is_late & (table.at <= now - SENT_WITHIN))
        if given_up or late:
            yield warning(
                f"{late} messages wait to be sent, and {given_up} could not be delivered. Look at "
                "the events sys_mail_fail."
            )
        else:
            yield ok(f"No message to {users.table.__name__} waits.")
