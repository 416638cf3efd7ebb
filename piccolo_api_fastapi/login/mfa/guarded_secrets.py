"""`GuardedSecrets`: encrypted secrets of users, with a count of wrong guesses."""

from datetime import datetime
from typing import Any

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.crypto.encryption import EncryptionProvider
from piccolo_api_fastapi.core.database.failure_counters import forgive, reserve
from piccolo_api_fastapi.core.events.declared import EventKind, declare_events
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import InvalidCode, NotFound, SecretUnreadable

declare_events(
    EventKind(
        "authn_secret_unreadable", "A stored secret could not be decrypted.", outcome="failure"
    )
)


class GuardedSecrets:
    """
    The secrets in one table. Each is encrypted for its user and counts the wrong guesses.

    Args:
        table: A table with a unique `user`, a nullable `secret` and the columns of
            `TwofoldCounter`.
        encryption: Encrypts the secrets.
        clock: The clock that dates events.
    """

    def __init__(self, table: Any, encryption: EncryptionProvider, clock: Clock) -> None:
        self.table = table
        self._encryption = encryption
        self._clock = clock

    async def encrypt(self, user: Any, plaintext: bytes) -> str:
        """Encrypt for the user with this primary key. It cannot be decrypted for another user."""
        return await self._encryption.encrypt(plaintext, self._bound_to(user))

    async def decrypt(self, user: Any, blob: str) -> bytes:
        """
        Decrypt a secret of the user with this primary key.

        Raises:
            SecretUnreadable: The encryption key is not configured, or the secret was changed.
        """
        try:
            return await self._encryption.decrypt(blob, self._bound_to(user))
        except SecretUnreadable:
            await emit(AuthEvent("authn_secret_unreadable", self._clock(), user))
            raise

    async def reserve(self, user: Any, now: datetime, *, signed_in: bool = False) -> dict[str, Any]:
        """
        Count a guess as wrong before it is checked.

        Args:
            user: The primary key of the user.
            now: The present time.
            signed_in: Whether the user is signed in, so that it does not count for log-ins.

        Returns:
            The row.

        Raises:
            InvalidCode: The user has no secret.
            TooManyRequests: There were several failures; the user has to wait.
            FactorDisabled: There were too many failures.
        """
        try:
            condition = 'AND "secret" IS NOT NULL'
            return await reserve(self.table, user, now, condition, signed_in=signed_in)
        except NotFound:
            raise InvalidCode from None

    async def decrypt_reserved(self, user: Any, blob: str) -> bytes:
        """
        Decrypt the secret of a row that `reserve` returned.

        Raises:
            SecretUnreadable: As for `decrypt`. The failures are forgiven.
        """
        try:
            return await self.decrypt(user, blob)
        except SecretUnreadable:
            await self.forgive(user)  # the user who typed the code is not at fault
            raise

    async def forgive(self, user: Any) -> None:
        """Reset the count of failures of the user with this primary key."""
        await forgive(self.table, user)

    def _bound_to(self, user: Any) -> bytes:
        return f"{self.table._meta.tablename} {user}".encode()
