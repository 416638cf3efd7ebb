"""Commands for what belongs to no single feature: expiry, events and keys."""

from datetime import timedelta

from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.core.commands import declare_commands
from piccolo_api_fastapi.core.crypto.encryption import generate_key
from piccolo_api_fastapi.core.database import sqlite_ids
from piccolo_api_fastapi.core.database.auth_tables import delete_expired
from piccolo_api_fastapi.core.events.declared import events_table
from piccolo_api_fastapi.core.events.log import delete_old_events, protect_events
from piccolo_api_fastapi.users import User

from .tables import auth_tables


async def clean() -> None:
    """Delete expired rows: sessions, refresh families, tickets, API tokens and the like."""
    deleted = await delete_expired(auth_tables(), now=utcnow())
    counts = ", ".join(f"{count} {noun}" for noun, count in sorted(deleted.items()))
    print(f"Deleted {counts}.")  # noqa: T201 - a command


async def delete_events(days: int = 365) -> None:
    """
    Delete events older than this many days.

    :param days:
        The age in days that events keep at least.

    """
    deleted = await delete_old_events(before=utcnow() - timedelta(days=days))
    print(f"Deleted {deleted} events.")  # noqa: T201 - a command


async def protect_event_log(days: int = 30) -> None:
    """
    Let the database refuse to change events, and to delete young ones.

    :param days:
        The age in days from which events can be deleted.

    """
    await protect_events(keep=timedelta(days=days))
    print("Events are append-only now.")  # noqa: T201 - a command


async def generate_encryption_key() -> None:
    """Print a new key for the environment variable AUTH_ENCRYPTION_KEYS."""
    print(generate_key())  # noqa: T201 - a command


async def list_events() -> None:
    """Print all events that the library and other packages declare, as a table in Markdown."""
    print(events_table())  # noqa: T201 - a command


async def never_reuse_ids() -> None:
    """Let SQLite give the id of a deleted user to no other user. The migrations do it, too."""
    await sqlite_ids.never_reuse_ids(User)
    print("The ids of deleted users are not used again.")  # noqa: T201 - a command


declare_commands(
    list_events,
    clean,
    delete_events,
    protect_event_log,
    generate_encryption_key,
    never_reuse_ids,
)
