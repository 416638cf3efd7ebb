"""From piccolo-api: sessions, API tokens and authenticators move, and nobody notices."""

import base64
import hashlib
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, fields
from datetime import datetime, timezone
from typing import Any, TypeAlias
from uuid import uuid4

import nacl.exceptions
import nacl.secret
from cryptography.fernet import Fernet, InvalidToken
from piccolo.engine.sqlite import SQLiteEngine

from .database import engine_of, store, transaction
from .errors import ConfigurationError
from .identity import NEVER
from .mfa import TOTP
from .session_auth import Session
from .token_auth import APIToken
from .user_tables import bound
from .users import Users

Decrypt: TypeAlias = Callable[[str], str]
"""Decrypts what piccolo-api encrypted: the `decrypt` of one of its providers will do."""


@dataclass(slots=True)
class Moved:
    """
    What a migration did.

    Args:
        sessions: Moved; they go on under the same cookie.
        api_tokens: Moved; they go on as they are.
        authenticators: Moved; the apps of their owners go on.
        skipped: Left: expired, of nobody, revoked, moved before, or unreadable.
        recovery_codes: Left: what is stored of them fits nothing here. Their owners get new ones.
    """

    sessions: int = 0
    api_tokens: int = 0
    authenticators: int = 0
    skipped: int = 0
    recovery_codes: int = 0

    def __str__(self) -> str:
        counts = (
            (field.name.replace("_", " "), getattr(self, field.name)) for field in fields(self)
        )
        return ", ".join(f"{count} {name}" for name, count in counts)


class _DryRun(Exception):
    """Undoes the transaction."""


def decrypt_with(key: bytes) -> Decrypt:
    """
    Decrypts what any provider of piccolo-api encrypted with this key.

    Args:
        key: As the provider was given it.
    """

    def decrypt(blob: str) -> str:
        kind, _, value = blob.partition("-")
        if kind == "plain":
            return value
        if kind == "fernet":
            return Fernet(key).decrypt(value.encode()).decode()
        return nacl.secret.Aead(key).decrypt(bytes.fromhex(value)).decode()

    return decrypt


async def migrate_from_piccolo_api(
    users: Users[Any] | None = None,
    *,
    totp: TOTP | None = None,
    decrypt: Decrypt | None = None,
    dry_run: bool = False,
    erase: bool = False,
) -> Moved:
    """
    Move what piccolo-api 1.11 stored, in one transaction. It can be done again at any time.

    Sessions and API tokens are digested, so that the tables hold nothing that opens anything.
    `SessionAuth(accepts_piccolo_api=True)` and `TokenAuth(accepts_piccolo_api=True)` know them.

    Args:
        users: Whose.
        totp: Encrypts the secrets of authenticators; without it they are left.
        decrypt: Decrypts them.
        dry_run: Undo everything, and say what would have been done.
        erase: Delete the old rows, which hold sessions and API tokens in plain text.

    Raises:
        ConfigurationError: There is `totp` and no `decrypt`, or the other way round.
    """
    if (totp is None) is not (decrypt is None):
        msg = "Authenticators need both: totp= to encrypt, decrypt= to decrypt."
        raise ConfigurationError(msg)
    migration = _Migration(Users() if users is None else users)
    with suppress(_DryRun):
        async with store(), transaction(migration.users.table):
            await migration.move_sessions(erase=erase)
            await migration.move_api_tokens(erase=erase)
            if totp is not None and decrypt is not None:
                await migration.move_authenticators(totp, decrypt, erase=erase)
            migration.end(dry_run=dry_run)
    return migration.moved


class _Migration:
    """One run of it."""

    def __init__(self, users: Users[Any]) -> None:
        self.users = users
        self.moved = Moved()
        self._now = users.clock()

    async def move_sessions(self, *, erase: bool) -> None:
        """Under the same cookie, until they would have ended."""
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
            self.moved.sessions += await self._move(table, row["token"], values, is_live=is_live)
        await self._erase("sessions", erase=erase)

    async def move_api_tokens(self, *, erase: bool) -> None:
        """As they are: all that their owner may do, without an end."""
        table = bound(APIToken, self.users.table)
        for row in await self._rows("token_auth"):
            values = {
                "user": row["user"],
                "name": "from piccolo-api",
                "scope": "admin superuser",
                "last_four": row["token"][-4:],
            }
            self.moved.api_tokens += await self._move(table, row["token"], values)
        await self._erase("token_auth", erase=erase)

    async def move_authenticators(self, totp: TOTP, decrypt: Decrypt, *, erase: bool) -> None:
        """The latest of each user that is not revoked; a code that was used stays used."""
        rows = await self._rows("authenticator_secret")
        for row in sorted(rows, key=lambda row: row["id"], reverse=True):
            secret = _secret(row["secret"], decrypt)
            if (
                row["revoked_at"] is not None
                or secret is None
                or not await self._is(row["user_id"])
            ):
                self.moved.skipped += 1
            elif await totp.adopt(row["user_id"], secret, used_at=row["last_used_at"]):
                self.moved.authenticators += 1
                self.moved.recovery_codes += _length(row["recovery_codes"])
            else:
                self.moved.skipped += 1
        await self._erase("authenticator_secret", erase=erase)

    def end(self, *, dry_run: bool) -> None:
        """
        Let the transaction be committed, or undone.

        Raises:
            _DryRun: It is to be undone.
        """
        if dry_run:
            raise _DryRun

    async def _move(
        self, table: Any, token: str, values: dict[str, Any], *, is_live: bool = True
    ) -> int:
        digest = hashlib.sha256(token.encode()).hexdigest()
        is_known = await table.exists().where(table.digest == digest)
        if not is_live or is_known or not await self._is(values["user"]):
            self.moved.skipped += 1
            return 0
        await table.insert(table(id=uuid4(), digest=digest, created_at=NEVER, **values))
        return 1

    async def _is(self, user: Any) -> bool:
        return await self.users.get(user) is not None

    async def _rows(self, name: str) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = []
        if await self._exists(name):
            rows = await self.users.table.raw(f"SELECT * FROM {name}")  # noqa: S608 - our own name
        return rows

    async def _erase(self, name: str, *, erase: bool) -> None:
        if erase and await self._exists(name):
            await self.users.table.raw(f"DELETE FROM {name}")  # noqa: S608 - our own name

    async def _exists(self, name: str) -> bool:
        if isinstance(engine_of(self.users.table), SQLiteEngine):
            query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name = {}"
        else:
            query = "SELECT 1 WHERE to_regclass({}) IS NOT NULL"
        return bool(await self.users.table.raw(query, name))


def _aware(local: datetime) -> datetime:
    """piccolo-api stores the local time of its server, which is that of this one."""
    return local.astimezone(timezone.utc)


def _length(array: list[str] | str) -> int:
    """Of an array, which is JSON text in SQLite."""
    return len(json.loads(array) if isinstance(array, str) else array)


def _secret(blob: str, decrypt: Decrypt) -> bytes | None:
    """The shared secret, or `None` when it can't be read or is too short."""
    try:
        secret = base64.b32decode(decrypt(blob))
    except (ValueError, InvalidToken, nacl.exceptions.CryptoError):
        return None
    return secret if len(secret) >= 16 else None  # noqa: PLR2004 - RFC 4226 section 4, R6
