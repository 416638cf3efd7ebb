"""Moves sessions, API tokens and authenticators from piccolo-api; users stay signed in."""

import hashlib
import json
from collections import Counter
from contextlib import suppress
from datetime import datetime, timezone
from typing import Any
from uuid import uuid4

from piccolo_api_fastapi.access.identity import NEVER
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.time_limit import no_time_limit
from piccolo_api_fastapi.core.database.transactions import engine_of, transaction
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.login.mfa.totp import TOTP, TOTPSecret
from piccolo_api_fastapi.schemes.api_tokens import APIToken
from piccolo_api_fastapi.schemes.sessions import Session
from piccolo_api_fastapi.users import Users, or_default

from .ledger import Ledger
from .old_tables import AUTHENTICATORS, OldTables
from .providers import Decrypt, provider_of, read_secret
from .report import Moved


class _DryRun(Exception):
    """Rolls the transaction back."""


async def migrate_from_piccolo_api(  # noqa: PLR0913 - configuration, all of it optional
    users: Users[Any] | None = None,
    *,
    totp: TOTP | None = None,
    decrypt: Decrypt | None = None,
    dry_run: bool = False,
    erase: bool = False,
    erase_authenticators: bool = False,
    keep_unreadable: bool = False,
    without_authenticators: bool = False,
) -> Moved:
    """
    Move the rows of piccolo-api 1.11, in one transaction. The migration can run again at any
    time: a row is moved only once, so a session that was revoked since stays revoked.

    Sessions and API tokens are stored as digests. `SessionAuth(accepts_piccolo_api=True)` and
    `TokenAuth(accepts_piccolo_api=True)` accept them.

    Args:
        users: The users whose rows are moved.
        totp: Encrypts the secrets of authenticators.
        decrypt: Decrypts the secrets of authenticators.
        dry_run: Whether to roll everything back, and only report what would be moved.
        erase: Whether to delete the old rows, which hold sessions and API tokens in plain text.
            Valid rows that were not moved are kept, and so are authenticators in use: Piccolo
            Admin with piccolo-api's provider asks for them.
        erase_authenticators: Whether to delete moved authenticators, too.
        keep_unreadable: Whether to leave authenticators that can't be decrypted, instead of
            moving nothing at all. Their users are no longer asked for a second factor.
        without_authenticators: Whether to leave all authenticators that are in use, instead of
            moving nothing at all when there is no `totp`. Their users are no longer asked for a
            second factor.

    Raises:
        ConfigurationError: An authenticator in use can't be moved; there is `totp` and no
            `decrypt`, or the other way round; or a dry run is asked for in an open transaction.
    """
    if (totp is None) is not (decrypt is None):
        raise ConfigurationError("Authenticators need both: totp= to encrypt, decrypt= to decrypt.")
    if totp is not None and without_authenticators:
        raise ConfigurationError("Omit totp= and decrypt= to continue without_authenticators.")
    migration = _Migration(
        or_default(users), erase=erase, erase_authenticators=erase_authenticators
    )
    if dry_run and engine_of(migration.users.table).current_transaction.get() is not None:
        raise ConfigurationError("A dry run needs a transaction of its own, which it can undo.")
    with suppress(_DryRun), no_time_limit():
        async with store(), transaction(migration.users.table):
            await migration.ledger.open()
            await migration.move_sessions()
            await migration.move_api_tokens()
            await migration.move_authenticators(totp, decrypt)
            migration.refuse_what_is_left(
                without_authenticators=without_authenticators, keep_unreadable=keep_unreadable
            )
            await migration.end(dry_run=dry_run)
    return migration.moved


class _Migration:
    """One run of the migration."""

    def __init__(self, users: Users[Any], *, erase: bool, erase_authenticators: bool) -> None:
        self.users = users
        self.moved = Moved()
        self.ledger = Ledger(users.table)
        self.old = OldTables(users.table)
        self._erases = erase
        self._erases_authenticators = erase_authenticators
        self._providers: Counter[str] = Counter()
        self._now = users.clock()

    async def move_sessions(self) -> None:
        """Move sessions, under the same cookie and with the same end."""
        table = bound(Session, self.users.table)
        for row in await self.old.rows("sessions"):
            ends, latest = _aware(row["expiry_date"]), _aware(row["max_expiry_date"])
            values = {
                "user": row["user_id"],
                "last_seen_at": self._now,
                "expires_at": min(ends, latest),
                "absolute_expires_at": latest,
                "factors": "",
            }
            is_live = values["expires_at"] > self._now
            self.moved.sessions += await self._move("sessions", row, table, values, is_live=is_live)

    async def move_api_tokens(self) -> None:
        """Move API tokens, with the scopes of their users and without expiry."""
        table = bound(APIToken, self.users.table)
        for row in await self.old.rows("token_auth"):
            values = {
                "user": row["user"],
                "name": "from piccolo-api",
                "scope": "admin superuser",
                "last_four": row["token"][-4:],
            }
            self.moved.api_tokens += await self._move("token_auth", row, table, values)

    async def move_authenticators(self, totp: TOTP | None, decrypt: Decrypt | None) -> None:
        """Move the authenticators that piccolo-api asks for. Used codes stay used."""
        self.moved.other_authenticators = await self.old.other_authenticators()
        owners: set[Any] = set()
        for row in await self.old.authenticators():
            is_latest = row["revoked_at"] is None and row["user_id"] not in owners
            if is_latest and await self._is(row["user_id"]):
                owners.add(row["user_id"])
                await self._move_authenticator(row, totp, decrypt)
            else:
                await self._skip(AUTHENTICATORS, row)

    def refuse_what_is_left(self, *, without_authenticators: bool, keep_unreadable: bool) -> None:
        """
        Refuse to go on without the second factors of users, unless told to.

        Raises:
            ConfigurationError: An authenticator in use was not moved.
        """
        stored = ", ".join(f"{count} by {name}" for name, count in sorted(self._providers.items()))
        if self.moved.left and not without_authenticators:
            raise ConfigurationError(
                f"{self.moved.left} authenticators are in use and can't be moved without a key "
                f"(stored: {stored}). Nothing was moved. Set PICCOLO_API_ENCRYPTION_KEY and pass "
                "the provider, or totp= and decrypt= in code. Pass without_authenticators to "
                "continue: the users of these authenticators sign in with the password alone."
            )
        if self.moved.unreadable and not keep_unreadable:
            raise ConfigurationError(
                f"{self.moved.unreadable} authenticators can't be decrypted (stored: {stored}); "
                "check the key and the provider. "
                "Nothing was moved. Pass keep_unreadable to continue without them."
            )

    async def end(self, *, dry_run: bool) -> None:
        """
        Drop the ledger after the last old row, and roll a dry run back.

        Raises:
            _DryRun: The transaction must be rolled back.
        """
        if self._erases and not await self.old.authenticators():
            await self.ledger.drop()
        if dry_run:
            raise _DryRun

    async def _move(
        self,
        name: str,
        row: dict[str, Any],
        table: Any,
        values: dict[str, Any],
        *,
        is_live: bool = True,
    ) -> int:
        digest = hashlib.sha256(row["token"].encode()).hexdigest()
        if not (is_live and await self._is(values["user"])):
            await self._skip(name, row)
            return 0
        await self._erase(name, row)
        if not await self.ledger.enter(name, digest):
            self.moved.moved_before += 1
            return 0
        await table.insert(table(id=uuid4(), digest=digest, created_at=NEVER, **values))
        return 1

    async def _move_authenticator(
        self, row: dict[str, Any], totp: TOTP | None, decrypt: Decrypt | None
    ) -> None:
        name, key, user = AUTHENTICATORS, str(row["id"]), row["user_id"]
        if not await self.ledger.enter(name, key):
            self.moved.moved_before += 1
        elif await self._has_ours(user):
            self.moved.skipped += 1
        elif totp is None or decrypt is None:
            self.moved.left += 1
            return await self._leave(row)
        elif (secret := read_secret(row["secret"], decrypt)) is None:
            self.moved.unreadable += 1
            return await self._leave(row)
        else:
            self.moved.authenticators += await totp.adopt(user, secret, used_at=row["last_used_at"])
            self.moved.recovery_codes += _length(row["recovery_codes"])
        await self._erase_authenticator(row)
        return None

    async def _leave(self, row: dict[str, Any]) -> None:
        self._providers[provider_of(row["secret"])] += 1
        await self.ledger.strike(AUTHENTICATORS, str(row["id"]))

    async def _erase_authenticator(self, row: dict[str, Any]) -> None:
        """Delete an authenticator in use, only if told so: Piccolo Admin asks for it."""
        if self._erases_authenticators:
            await self._delete(AUTHENTICATORS, row)
        elif self._erases:
            self.moved.kept += 1

    async def _skip(self, name: str, row: dict[str, Any]) -> None:
        self.moved.skipped += 1
        await self._erase(name, row)

    async def _erase(self, name: str, row: dict[str, Any]) -> None:
        if self._erases:
            await self._delete(name, row)

    async def _delete(self, name: str, row: dict[str, Any]) -> None:
        await self.old.delete(name, row)
        self.moved.erased[name] += 1

    async def _has_ours(self, user: Any) -> bool:
        """Whether the user has an authenticator of this library."""
        table = bound(TOTPSecret, self.users.table)
        return bool(await table.exists().where(table.user == user, table.secret.is_not_null()))

    async def _is(self, user: Any) -> bool:
        return await self.users.get(user) is not None


def _aware(local: datetime) -> datetime:
    """Read a time of piccolo-api, which stores the local time of the server."""
    return local.astimezone(timezone.utc)


def _length(array: list[str] | str) -> int:
    """Read an array, which SQLite stores as JSON."""
    return len(json.loads(array) if isinstance(array, str) else array)
