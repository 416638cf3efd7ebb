"""The Piccolo app: put `piccolo_api_fastapi.piccolo_app` into `APP_REGISTRY`."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import ForeignKey
from piccolo.columns.base import OnDelete
from piccolo.conf.apps import AppConfig
from piccolo.table import Table, create_table_class

from piccolo_api_fastapi.accounts.mailboxes import (
    EmailChange,
    EmailStatus,
    delete_expired_email_changes,
)
from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.core.crypto.encryption import generate_key
from piccolo_api_fastapi.core.events.log import EventRecord, delete_old_events, protect_events
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.login.known_devices import KnownDevice, delete_expired_devices
from piccolo_api_fastapi.login.mfa.email_codes import SentCode
from piccolo_api_fastapi.login.mfa.recovery_codes import RecoveryCode
from piccolo_api_fastapi.login.mfa.totp import TOTP, TOTPSecret
from piccolo_api_fastapi.login.tickets import Ticket, delete_expired_tickets
from piccolo_api_fastapi.mail.delivery import UnsentMail, delete_expired_unsent_mail
from piccolo_api_fastapi.mail.notices import KnownBrowser
from piccolo_api_fastapi.rate_limiting import PiccoloStore, RateLimitState
from piccolo_api_fastapi.schemes.api_tokens import APIToken, delete_expired_tokens
from piccolo_api_fastapi.schemes.api_tokens.commands import token_commands
from piccolo_api_fastapi.schemes.jwt import RefreshFamily, delete_expired_families
from piccolo_api_fastapi.schemes.sessions import Session, delete_expired_sessions
from piccolo_api_fastapi.users import Password, PasswordFailures, User, Users
from piccolo_api_fastapi.users.passwords.guesses import delete_old_guesses

from .from_piccolo_api.migration import decrypt_with, migrate_from_piccolo_api

TableT = TypeVar("TableT", bound=Table)


@dataclass(frozen=True, slots=True)
class AuthTables:
    """
    The tables of this library, bound to one user table. Iterating gives them all.

    Args:
        password: Argon2id hashes.
        password_failures: Wrong passwords in a row.
        known_device: Browsers in which people logged in before.
        session: Sessions.
        refresh_family: Refresh families.
        ticket: Challenges of logins, and what mailed links carry.
        totp_secret: Authenticator apps.
        recovery_code: Recovery codes.
        sent_code: Codes sent by e-mail.
        api_token: API tokens.
        email_status: Which addresses are verified.
        email_change: Changes of address that can be undone.
        unsent_mail: Messages that failed and are tried again.
        known_browser: What people signed in with, for `Notices`.
        event: Events, for `record_events`.
        rate_limit_state: What a `PiccoloStore` keeps.
    """

    password: type[Password]
    password_failures: type[PasswordFailures]
    known_device: type[KnownDevice]
    session: type[Session]
    refresh_family: type[RefreshFamily]
    ticket: type[Ticket]
    totp_secret: type[TOTPSecret]
    recovery_code: type[RecoveryCode]
    sent_code: type[SentCode]
    api_token: type[APIToken]
    email_status: type[EmailStatus]
    email_change: type[EmailChange]
    unsent_mail: type[UnsentMail]
    known_browser: type[KnownBrowser]
    event: type[EventRecord]
    rate_limit_state: type[RateLimitState]

    def __iter__(self) -> Iterator[type[Table]]:
        return (getattr(self, field.name) for field in fields(self))


@cache
def auth_tables(user: type[BaseUser] = User) -> AuthTables:
    """
    The tables, bound to a user table of your own.

    Put them into the `table_classes` of your own Piccolo app, instead of registering
    this one, and let `piccolo migrations new … --auto` write the migration.

    Args:
        user: A subclass of `BaseUser` with a table of its own; any primary key.
    """
    if user is User:
        return AuthTables(
            password=Password,
            password_failures=PasswordFailures,
            known_device=KnownDevice,
            session=Session,
            refresh_family=RefreshFamily,
            ticket=Ticket,
            totp_secret=TOTPSecret,
            recovery_code=RecoveryCode,
            sent_code=SentCode,
            api_token=APIToken,
            email_status=EmailStatus,
            email_change=EmailChange,
            unsent_mail=UnsentMail,
            known_browser=KnownBrowser,
            event=EventRecord,
            rate_limit_state=RateLimitState,
        )
    return AuthTables(
        password=_bind(Password, user, unique=True),
        password_failures=_bind(PasswordFailures, user, null=True, default=None, index=True),
        known_device=_bind(KnownDevice, user, index=True),
        session=_bind(Session, user, index=True),
        refresh_family=_bind(RefreshFamily, user, index=True),
        ticket=_bind(Ticket, user, index=True),
        totp_secret=_bind(TOTPSecret, user, unique=True),
        recovery_code=_bind(RecoveryCode, user, index=True),
        sent_code=_bind(SentCode, user, unique=True),
        api_token=_bind(APIToken, user, index=True),
        email_status=_bind(EmailStatus, user, unique=True),
        email_change=_bind(EmailChange, user, index=True),
        unsent_mail=_bind(UnsentMail, user, index=True),
        known_browser=_bind(KnownBrowser, user, index=True),
        event=_copy(EventRecord, user),
        rate_limit_state=_copy(RateLimitState, user),
    )


async def delete_expired(tables: AuthTables, *, now: datetime) -> dict[str, int]:
    """
    Delete what has expired, in batches between which others get their turn.

    Args:
        tables: `auth_tables()`, or those that are bound to a user table of your own.
        now: Aware.

    Returns:
        How much of what: sessions, refresh families, tickets, API tokens and the like.
    """
    return {
        "sessions": await delete_expired_sessions(tables.session, now=now),
        "refresh families": await delete_expired_families(tables.refresh_family, now=now),
        "tickets": await delete_expired_tickets(tables.ticket, now=now),
        "API tokens": await delete_expired_tokens(tables.api_token, now=now),
        "known browsers": await delete_expired_devices(tables.known_device, now=now),
        "counts of wrong passwords": await delete_old_guesses(tables.password_failures, now=now),
        "changes of address": await delete_expired_email_changes(tables.email_change, now=now),
        "messages": await delete_expired_unsent_mail(tables.unsent_mail, now=now),
    }


async def clean() -> None:
    """Delete what has expired: sessions, refresh families, tickets, API tokens and the like."""
    deleted = await delete_expired(auth_tables(), now=utcnow())
    await PiccoloStore().sweep()
    counts = ", ".join(f"{count} {name}" for name, count in deleted.items())
    print(f"Deleted {counts}.")  # noqa: T201 - a command


async def generate_encryption_key() -> None:
    """Print a new key for the environment variable AUTH_ENCRYPTION_KEYS."""
    print(generate_key())  # noqa: T201 - a command


async def unlock_user(username: str) -> None:
    """
    Forget the wrong passwords that were tried at an account.

    :param username:
        Or the e-mail address.

    """
    users = Users()
    user = await users.find(str(username))
    if user is None:
        raise SystemExit("There is no such user.")
    await users.unlock(user)
    print(f"{user.username} is unlocked.")  # noqa: T201 - a command


async def reencrypt() -> None:
    """Encrypt with the first key of AUTH_ENCRYPTION_KEYS what the others encrypted."""
    print(f"Encrypted {await TOTP(issuer='none').reencrypt()} secrets anew.")  # noqa: T201 - a command


async def delete_events(days: int = 365) -> None:
    """
    Delete events older than this many days.

    :param days:
        Younger ones stay.

    """
    deleted = await delete_old_events(before=utcnow() - timedelta(days=days))
    print(f"Deleted {deleted} events.")  # noqa: T201 - a command


async def protect_event_log(days: int = 30) -> None:
    """
    Let the database refuse to change events, and to delete young ones.

    :param days:
        Older ones can be deleted.

    """
    await protect_events(keep=timedelta(days=days))
    print("Events are append-only now.")  # noqa: T201 - a command


async def migrate_piccolo_api(
    dry_run: bool = False,  # noqa: FBT001, FBT002
    erase: bool = False,  # noqa: FBT001, FBT002
    keep_unreadable: bool = False,  # noqa: FBT001, FBT002
) -> None:
    """
    Move sessions, API tokens and authenticators from piccolo-api.

    Authenticators, if PICCOLO_API_ENCRYPTION_KEY (in hex, as piccolo-api's own guide has it) and
    AUTH_ENCRYPTION_KEYS are set.

    :param dry_run:
        Only say what would be moved.
    :param erase:
        Delete the old rows, which hold tokens in plain text.
    :param keep_unreadable:
        Go on where authenticators can't be decrypted; they stay in the old table.

    """
    key = _old_key()
    moved = await migrate_from_piccolo_api(
        totp=None if key is None else TOTP(issuer="none"),
        decrypt=None if key is None else decrypt_with(key),
        dry_run=dry_run,
        erase=erase,
        keep_unreadable=keep_unreadable,
    )
    print(f"{'Would move' if dry_run else 'Moved'}: {moved}.")  # noqa: T201 - a command


def _old_key() -> bytes | None:
    key = os.environ.get("PICCOLO_API_ENCRYPTION_KEY")
    try:
        return None if key is None else bytes.fromhex(key)
    except ValueError:
        raise ConfigurationError("PICCOLO_API_ENCRYPTION_KEY is not in hex.") from None


def _bind(kind: type[TableT], user: type[BaseUser], **options: Any) -> type[TableT]:
    key: Any = ForeignKey(user, on_delete=OnDelete.cascade, **{"null": False, **options})
    return _copy(kind, user, {"user": key})


def _copy(
    kind: type[TableT], user: type[BaseUser], columns: dict[str, Any] | None = None
) -> type[TableT]:
    name = f"{user._meta.tablename}_{kind._meta.tablename}"
    table = create_table_class(
        f"{user.__name__}{kind.__name__}", (kind,), {"tablename": name}, columns or {}
    )
    return cast("type[TableT]", table)


APP_CONFIG = AppConfig(
    app_name="piccolo_api_fastapi",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=list(auth_tables()),
    migration_dependencies=["piccolo.apps.user.piccolo_app"],
    commands=[
        clean,
        delete_events,
        protect_event_log,
        generate_encryption_key,
        reencrypt,
        migrate_piccolo_api,
        unlock_user,
        *token_commands(),
    ],
)
