"""Commands for what belongs to no single feature: expiry, events and keys."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.core.commands import (
    Tools,
    commands_with,
    declare_commands,
    use_default_tools,
)
from piccolo_api_fastapi.core.crypto.encryption import generate_key
from piccolo_api_fastapi.core.database import sqlite_ids
from piccolo_api_fastapi.core.database.auth_tables import count_expired, delete_expired
from piccolo_api_fastapi.core.database.progress import shown
from piccolo_api_fastapi.core.events.declared import events_table
from piccolo_api_fastapi.core.events.log import delete_old_events, protect_events
from piccolo_api_fastapi.doctor import doctor
from piccolo_api_fastapi.login.mfa.totp import TOTP
from piccolo_api_fastapi.schemes.api_tokens import TokenAuth
from piccolo_api_fastapi.users import Users

from .tables import auth_tables


def auth_commands(
    users: Users[Any] | None = None,
    *,
    totp: TOTP | None = None,
    token: TokenAuth[Any] | None = None,
) -> list[Any]:  # as `AppConfig` takes it: its lists may hold Piccolo's own commands too
    """
    Return all commands for a user table of your own, for the `AppConfig` of your Piccolo app.

    ```python
    from piccolo_api_fastapi import Users, auth_commands

    commands = auth_commands(Users())  # AppConfig(commands=commands)
    ```

    Args:
        users: The users. Default: those of the stock `User` table.
        totp: The authenticator apps, if the application has any.
        token: The scheme of API tokens. Default: a `TokenAuth` with the default settings.
    """
    return commands_with(Tools(users or Users(), totp, token))


async def clean(tools: Tools, dry_run: bool = False) -> None:  # noqa: FBT001, FBT002
    """
    Delete expired rows: sessions, refresh families, tickets, API tokens and the like.

    It can be stopped at any time: rows are deleted in batches.

    :param dry_run:
        Count the rows, and delete none.

    """
    tables, now = auth_tables(tools.users.table), tools.users.clock()
    if dry_run:
        print(f"Would delete {_listed(await count_expired(tables, now=now))}.")  # noqa: T201
        return
    with shown("rows deleted"):
        deleted = await delete_expired(tables, now=now)
    print(f"Deleted {_listed(deleted)}.")  # noqa: T201 - a command


def _listed(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} {noun}" for noun, count in sorted(counts.items()))


async def delete_events(
    tools: Tools,
    days: int = 365,
    dry_run: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """
    Delete events older than this many days.

    It can be stopped at any time: events are deleted in batches.

    :param days:
        The age in days that events keep at least.
    :param dry_run:
        Count the events, and delete none.

    """
    events = auth_tables(tools.users.table).event
    before = utcnow() - timedelta(days=days)
    if dry_run:
        count = await events.count().where(events.at < before)
        print(f"Would delete {count} events.")  # noqa: T201 - a command
        return
    with shown("events deleted"):
        deleted = await delete_old_events(events, before=before)
    print(f"Deleted {deleted} events.")  # noqa: T201 - a command


async def protect_event_log(tools: Tools, days: int = 30) -> None:
    """
    Let the database refuse to change events, and to delete young ones.

    :param days:
        The age in days from which events can be deleted.

    """
    await protect_events(auth_tables(tools.users.table).event, keep=timedelta(days=days))
    print("Events are append-only now.")  # noqa: T201 - a command


async def generate_encryption_key() -> None:
    """Print a new key for the environment variable AUTH_ENCRYPTION_KEYS."""
    print(generate_key())  # noqa: T201 - a command


async def list_events() -> None:
    """Print all events that the library and other packages declare, as a table in Markdown."""
    print(events_table())  # noqa: T201 - a command


async def never_reuse_ids(tools: Tools) -> None:
    """Let SQLite give the id of a deleted user to no other user. The migrations do it, too."""
    await sqlite_ids.never_reuse_ids(tools.users.table)
    print("The ids of deleted users are not used again.")  # noqa: T201 - a command


declare_commands(
    list_events,
    clean,
    delete_events,
    protect_event_log,
    generate_encryption_key,
    never_reuse_ids,
    doctor,
)
use_default_tools(lambda: Tools(Users()))
