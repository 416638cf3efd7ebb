"""Secrets that users are asked for: encrypted, and the guesses at them counted."""

from datetime import datetime
from typing import Any

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.crypto.encryption import EncryptionProvider
from piccolo_api_fastapi.core.database.failure_counters import forgive, reserve
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import InvalidCode, NotFound, SecretUnreadable


class GuardedSecrets:
    """
    The secrets in one table, each encrypted for its user and counting the guesses at it.

    Args:
        table: With a unique `user`, a nullable `secret` and the columns of `FailureCounter`.
        encryption: Encrypts them.
        clock: Tells when one turned out unreadable.
    """

    def __init__(self, table: Any, encryption: EncryptionProvider, clock: Clock) -> None:
        self.table = table
        self._encryption = encryption
        self._clock = clock

    async def encrypt(self, user: Any, plaintext: bytes) -> str:
        """Encrypt for the user with this primary key: in another's row it opens nothing."""
        return await self._encryption.encrypt(plaintext, self._bound_to(user))

    async def decrypt(self, user: Any, blob: str) -> bytes:
        """
        Decrypt what was encrypted for the user with this primary key.

        Raises:
            SecretUnreadable: Its key is not configured, or it was tampered with.
        """
        try:
            return await self._encryption.decrypt(blob, self._bound_to(user))
        except SecretUnreadable:
            await emit(AuthEvent("authn_secret_unreadable", self._clock(), user))
            raise

    async def has(self, user: Any) -> bool:
        """Whether there is a secret of the user with this primary key."""
        table = self.table
        return bool(await table.exists().where(table.user == user, table.secret.is_not_null()))

    async def reserve(self, user: Any, now: datetime) -> dict[str, Any]:
        """
        Count a guess as wrong before it is looked at.

        Args:
            user: The primary key of the user.
            now: The present time.

        Returns:
            The row.

        Raises:
            InvalidCode: There is no secret to guess.
            TooManyRequests: After several failures one has to wait.
            FactorDisabled: There were too many.
        """
        try:
            return await reserve(self.table, user, now, 'AND "secret" IS NOT NULL')
        except NotFound:
            raise InvalidCode from None

    async def decrypt_reserved(self, user: Any, blob: str) -> bytes:
        """
        Decrypt the secret of a row that `reserve` gave.

        Raises:
            SecretUnreadable: Likewise; the failures are forgiven.
        """
        try:
            return await self.decrypt(user, blob)
        except SecretUnreadable:
            async with store():
                await self.forgive(user)  # no fault of whoever typed the code
            raise

    async def forgive(self, user: Any) -> None:
        """Forget the failures of the user with this primary key."""
        await forgive(self.table, user)

    def _bound_to(self, user: Any) -> bytes:
        return f"{self.table._meta.tablename} {user}".encode()
