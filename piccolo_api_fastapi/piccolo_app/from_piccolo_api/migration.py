"""Moves sessions, API tokens and authenticators from piccolo-api; users stay signed in."""

import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import Any, TypeAlias, TypeVar
from uuid import uuid4

from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi.access.identity import NEVER
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.time_limit import no_time_limit
from piccolo_api_fastapi.core.database.transactions import engine_of, transaction
from piccolo_api_fastapi.core.database.user_tables import bound
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.login.mfa.totp import TOTP
from piccolo_api_fastapi.schemes.api_tokens import APIToken
from piccolo_api_fastapi.schemes.sessions import Session
from piccolo_api_fastapi.users import Users, or_default

from .ledger import Ledger

Decrypt: TypeAlias = Callable[[str], str]
"""Decrypts a secret of piccolo-api, as the `decrypt` of its providers does."""

CipherT = TypeVar("CipherT")


@dataclass(slots=True)
class Moved:
    """
    The numbers of rows that a migration moved and left.

    Args:
        sessions: Moved sessions; their cookies stay valid.
        api_tokens: Moved API tokens; they stay valid.
        authenticators: Moved authenticators; the apps stay valid.
        skipped: Rows that were left: expired, without a user, revoked, replaced or moved before.
        unreadable: Authenticators in use that were left, because they can't be decrypted.
        recovery_codes: Recovery codes that were left, because their hashes have another format.
    """

    sessions: int = 0
    api_tokens: int = 0
    authenticators: int = 0
    skipped: int = 0
    unreadable: int = 0
    recovery_codes: int = 0

    def __str__(self) -> str:
        counts = (
            (field.name.replace("_", " "), getattr(self, field.name)) for field in fields(self)
        )
        return ", ".join(f"{count} {name}" for name, count in counts)


class _DryRun(Exception):
    """Rolls the transaction back."""


def decrypt_with(key: bytes) -> Decrypt:
    """
    Make a function that decrypts what any provider of piccolo-api encrypted with this key.

    Args:
        key: The key that the provider was given.

    Raises:
        ConfigurationError: On decryption, if the key does not fit the provider.
    """

    def decrypt(blob: str) -> str:
        kind, _, value = blob.partition("-")
        if kind == "plain":
            return value
        if kind == "fernet":
            from cryptography.fernet import Fernet

            return _keyed(Fernet, key).decrypt(value.encode()).decode()
        import nacl.secret

        return _keyed(nacl.secret.Aead, key).decrypt(bytes.fromhex(value)).decode()

    return decrypt


def _keyed(cipher: Callable[[bytes], CipherT], key: bytes) -> CipherT:
    try:
        return cipher(key)
    except ValueError:
        raise ConfigurationError("The key of piccolo-api has the wrong length or format.") from None


async def migrate_from_piccolo_api(
    users: Users[Any] | None = None,
    *,
    totp: TOTP | None = None,
    decrypt: Decrypt | None = None,
    dry_run: bool = False,
    erase: bool = False,
    keep_unreadable: bool = False,
) -> Moved:
    """
    Move the rows of piccolo-api 1.11, in one transaction. The migration can run again at any
    time: a row is moved only once, so a session that was revoked since stays revoked.

    Sessions and API tokens are stored as digests. `SessionAuth(accepts_piccolo_api=True)` and
    `TokenAuth(accepts_piccolo_api=True)` accept them.

    Args:
        users: The users whose rows are moved.
        totp: Encrypts the secrets of authenticators; without it they are left.
        decrypt: Decrypts the secrets of authenticators.
        dry_run: Whether to roll everything back, and only report what would be moved.
        erase: Whether to delete the old rows, which hold sessions and API tokens in plain text.
            Valid rows that were not moved are kept.
        keep_unreadable: Whether to leave authenticators that can't be decrypted, instead of
            moving nothing at all. Their users are no longer asked for a second factor.

    Raises:
        ConfigurationError: There is `totp` and no `decrypt`, or the other way round; an
            authenticator can't be decrypted; or a dry run is asked for in an open transaction.
    """
    if (totp is None) is not (decrypt is None):
        raise ConfigurationError("Authenticators need both: totp= to encrypt, decrypt= to decrypt.")
    migration = _Migration(or_default(users), erase=erase)
    if dry_run and engine_of(migration.users.table).current_transaction.get() is not None:
        raise ConfigurationError("A dry run needs a transaction of its own, which it can undo.")
    with suppress(_DryRun), no_time_limit():
        async with store(), transaction(migration.users.table):
            await migration.ledger.open()
            await migration.move_sessions()
            await migration.move_api_tokens()
            if totp is not None and decrypt is not None:
                await migration.move_authenticators(totp, decrypt)
            await migration.end(keep_unreadable=keep_unreadable, dry_run=dry_run)
    return migration.moved


class _Migration:
    """One run of the migration."""

    def __init__(self, users: Users[Any], *, erase: bool) -> None:
        self.users = users
        self.moved = Moved()
        self.ledger = Ledger(users.table)
        self._erases = erase
        self._now = users.clock()

    async def move_sessions(self) -> None:
        """Move sessions, under the same cookie and with the same end."""
        table = bound(Session, self.users.table)
        for row in await self._rows("sessions"):
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
        for row in await self._rows("token_auth"):
            values = {
                "user": row["user"],
                "name": "from piccolo-api",
                "scope": "admin superuser",
                "last_four": row["token"][-4:],
            }
            self.moved.api_tokens += await self._move("token_auth", row, table, values)

    async def move_authenticators(self, totp: TOTP, decrypt: Decrypt) -> None:
        """Move the authenticators that piccolo-api asks for. Used codes stay used."""
        rows = await self._rows("authenticator_secret")
        owners: set[Any] = set()
        for row in sorted(rows, key=lambda row: row["id"], reverse=True):
            is_latest = row["revoked_at"] is None and row["user_id"] not in owners
            if is_latest and await self._is(row["user_id"]):
                owners.add(row["user_id"])
                await self._move_authenticator(row, totp, decrypt)
            else:
                await self._skip("authenticator_secret", row)

    async def end(self, *, keep_unreadable: bool, dry_run: bool) -> None:
        """
        Decide whether the transaction is committed or rolled back.

        Raises:
            ConfigurationError: An authenticator in use can't be decrypted.
            _DryRun: The transaction must be rolled back.
        """
        if self.moved.unreadable and not keep_unreadable:
            raise ConfigurationError(
                f"{self.moved.unreadable} authenticators can't be decrypted; check the key. "
                "Nothing was moved. Pass keep_unreadable to continue without them."
            )
        if self._erases and not await self._rows("authenticator_secret"):
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
        if not (
            is_live and await self._is(values["user"]) and await self.ledger.enter(name, digest)
        ):
            await self._skip(name, row)
            return 0
        await table.insert(table(id=uuid4(), digest=digest, created_at=NEVER, **values))
        await self._erase(name, row)
        return 1

    async def _move_authenticator(self, row: dict[str, Any], totp: TOTP, decrypt: Decrypt) -> None:
        name, key = "authenticator_secret", str(row["id"])
        if not await self.ledger.enter(name, key):
            await self._skip(name, row)
        elif (secret := _secret(row["secret"], decrypt)) is None:
            self.moved.unreadable += 1
            await self.ledger.strike(name, key)
        elif await totp.adopt(row["user_id"], secret, used_at=row["last_used_at"]):
            self.moved.authenticators += 1
            self.moved.recovery_codes += _length(row["recovery_codes"])
            await self._erase(name, row)
        else:
            await self._skip(name, row)

    async def _skip(self, name: str, row: dict[str, Any]) -> None:
        self.moved.skipped += 1
        await self._erase(name, row)

    async def _erase(self, name: str, row: dict[str, Any]) -> None:
        if self._erases:
            await self._run(f"DELETE FROM {name} WHERE id = {{}}", row["id"])  # noqa: S608

    async def _is(self, user: Any) -> bool:
        return await self.users.get(user) is not None

    async def _rows(self, name: str) -> list[dict[str, Any]]:
        return await self._run(f"SELECT * FROM {name}") if await self._exists(name) else []  # noqa: S608

    async def _exists(self, name: str) -> bool:
        if isinstance(engine_of(self.users.table), SQLiteEngine):
            query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = {}"
        else:
            query = "SELECT 1 WHERE to_regclass({}) IS NOT NULL"
        return bool(await self._run(query, name))

    async def _run(self, statement: str, *values: Any) -> list[dict[str, Any]]:
        """A statement with names of our own in it; values are parameters."""
        rows: list[dict[str, Any]] = await self.users.table.raw(statement, *values)
        return rows


def _aware(local: datetime) -> datetime:
    """Read a time of piccolo-api, which stores the local time of the server."""
    return local.astimezone(timezone.utc)


def _length(array: list[str] | str) -> int:
    """Read an array, which SQLite stores as JSON."""
    return len(json.loads(array) if isinstance(array, str) else array)


def _secret(blob: str, decrypt: Decrypt) -> bytes | None:
    """
    The shared secret, or `None` when it can't be read or is too short.

    Raises:
        ConfigurationError: It is the key that can't be used.
    """
    from cryptography.fernet import InvalidToken
    from nacl.exceptions import CryptoError

    try:
        secret = base64.b32decode(decrypt(blob))
    except ConfigurationError:  # a ValueError, too
        raise
    except (ValueError, InvalidToken, CryptoError):
        return None
    return secret if len(secret) >= 16 else None  # noqa: PLR2004 - RFC 4226 section 4, R6
