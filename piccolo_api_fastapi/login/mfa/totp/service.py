"""`TOTP`: authenticator apps as a second factor, configured once."""

from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_bytes
from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.crypto.encryption import EncryptionProvider, XChaCha20Poly1305
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import ConfigurationError, InvalidCode, NotFound, WrongConfirmation
from piccolo_api_fastapi.login.mfa.guarded_secrets import GuardedSecrets
from piccolo_api_fastapi.login.mfa.one_time_codes import SECRET_BYTES, Authenticator, digits_of
from piccolo_api_fastapi.login.mfa.recovery_codes import RecoveryCodes
from piccolo_api_fastapi.login.mfa.second_factor import CompleteHook, SecondFactor
from piccolo_api_fastapi.users import Users
from piccolo_api_fastapi.users.identifiers import real_email

from . import queries as service
from .tables import TOTPSecret


@dataclass(frozen=True, slots=True)
class Enrolment:
    """
    What a user types or scans into an authenticator app.

    Args:
        secret: In base32.
        uri: What the QR code says.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)


class TOTP(SecondFactor):
    """
    Codes of an authenticator app (RFC 6238).

    Give it to `Login(factors=[…])`, and mount `mfa_router` to enrol. An app keeps the
    settings that it was enrolled with.

    Args:
        users: Whose.
        encryption: Encrypts the secrets; by default `XChaCha20Poly1305.from_environment()`.
        issuer: Shown by the app: the name of the service.
        digits: Of a code, 6 to 8.
        period: Seconds that a code is shown.
        window: How many periods the clock of an app may be off, either way.
        algorithm: `SHA1`, or for apps that know them `SHA256` and `SHA512`.
        recovery_codes: How many recovery codes a user gets.

    Raises:
        ConfigurationError: A setting is none that apps know, or there is no key.
    """

    name = "totp"

    def __init__(  # noqa: PLR0913 - configuration, all of it optional but one
        self,
        users: Users[Any] | None = None,
        *,
        encryption: EncryptionProvider | None = None,
        issuer: str,
        digits: int = 6,
        period: int = 30,
        window: int = 1,
        algorithm: str = "SHA1",
        recovery_codes: int = 10,
    ) -> None:
        if not issuer or ":" in issuer or window not in range(11):
            raise ConfigurationError("The issuer has no colon, and the window is 0 to 10 periods.")
        Authenticator(b"\x00" * SECRET_BYTES, digits, period, algorithm)
        self.users = Users() if users is None else users
        self.encryption = encryption or XChaCha20Poly1305.from_environment()
        self.issuer = issuer
        self.window = window
        self.table = bound(TOTPSecret, self.users.table)
        self._secrets = GuardedSecrets(self.table, self.encryption, self.users.clock)
        self.recovery = RecoveryCodes(self.users, self._secrets, recovery_codes)
        self.companions = (self.recovery,)
        self._settings = digits, period, algorithm

    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has confirmed an authenticator."""
        return await self.row(user) is not None

    async def row(self, user: BaseUser) -> TOTPSecret | None:
        """The row of a user who has confirmed an authenticator."""
        async with store():
            row = await service.find(self.table, primary_key(user))
        return row if row is not None and row.secret is not None else None

    def accepts(self, code: str) -> bool:
        """Whether it is 6 to 8 digits."""
        return digits_of(code) is not None

    async def begin(self, user: BaseUser) -> Enrolment:
        """
        Begin to enrol. Nothing is asked at login until `confirm`; a second call replaces
        the first, and an authenticator that the user has works until then.

        Args:
            user: Who.
        """
        authenticator = Authenticator(token_bytes(SECRET_BYTES), *self._settings)
        key = primary_key(user)
        blob = await self._secrets.encrypt(key, authenticator.write())
        async with store():
            await service.put_pending(self.table, key, blob)
        account = real_email(user.email) or user.username
        return Enrolment(authenticator.base32(), authenticator.uri(account, self.issuer))

    async def confirm(
        self, user: BaseUser, code: str, *, keep: Any = None, then: CompleteHook | None = None
    ) -> list[str]:
        """
        Confirm by a first code that the app works. Every other credential of the user ends.

        Args:
            user: Who.
            code: What the app shows.
            keep: The id of a credential to spare: the caller's own.
            then: Runs last in the transaction.

        Returns:
            Recovery codes. Show them once.

        Raises:
            WrongConfirmation: The code is wrong, or there is nothing to confirm.
        """
        key, now = primary_key(user), self.users.clock()
        async with store():
            row = await service.find(self.table, key)
        if row is None or row.pending is None:
            raise WrongConfirmation
        authenticator = Authenticator.read(await self._secrets.decrypt(key, row.pending))
        step = authenticator.match(digits_of(code) or "", now, self.window, -1)
        if step is None:
            raise WrongConfirmation
        async with store(), transaction(self.table):
            if not await service.confirm(self.table, key, row.pending, step, now):
                raise WrongConfirmation
            codes = await self.recovery.write(key, now)
            await self.users.end_credentials(user, keep=keep)
            await emit(AuthEvent("authn_mfa_enrolled", now, key, {"factor": self.name}))
            if then is not None:
                await then()
        return codes

    async def verify(self, user: BaseUser, code: str) -> None:
        """Check a code and use it up, and every older one with it."""
        key, now = primary_key(user), self.users.clock()
        row = await self._secrets.reserve(key, now)
        authenticator = Authenticator.read(await self._secrets.decrypt_reserved(key, row["secret"]))
        digits = digits_of(code) or ""
        step = authenticator.match(digits, now, self.window, row["last_step"])
        async with store():
            is_accepted = step is not None and await service.accept(
                self.table, key, row["secret"], step
            )
        if not is_accepted:
            raise InvalidCode

    async def remove(
        self, user: BaseUser, *, keep: Any = None, then: CompleteHook | None = None
    ) -> None:
        """
        Take the authenticator and the recovery codes away; every other credential ends.

        Args:
            user: Whose; for an administrator, of anybody.
            keep: The id of a credential to spare: the caller's own.
            then: Runs last in the transaction.

        Raises:
            NotFound: There is no authenticator.
        """
        key, now = primary_key(user), self.users.clock()
        async with store(), transaction(self.table):
            await self.recovery.erase(key)
            removed = await service.remove(self.table, key)
            if not any(row["confirmed_at"] for row in removed):
                raise NotFound
            await self.users.end_credentials(user, keep=keep)
            await emit(AuthEvent("authn_mfa_removed", now, key, {"factor": self.name}))
            if then is not None:
                await then()

    async def adopt(self, user: Any, secret: bytes, *, used_at: datetime | None = None) -> bool:
        """
        Take over an authenticator that was confirmed elsewhere.

        Args:
            user: The primary key of the user.
            secret: What the app shares.
            used_at: When a code was last accepted; it and all before are not accepted again.

        Returns:
            `False` if the user has one already.
        """
        authenticator = Authenticator(secret, *self._settings)
        last_step = -1 if used_at is None else int(used_at.timestamp()) // self._settings[1]
        blob = await self._secrets.encrypt(user, authenticator.write())
        async with store():
            now = self.users.clock()
            return await service.adopt(self.table, user, blob, last_step=last_step, now=now)

    async def reencrypt(self, batch: int = 100) -> int:
        """
        Encrypt with the current key what an older one encrypted.

        Args:
            batch: Rows that are read at once.

        Returns:
            How many secrets there were.

        Raises:
            SecretUnreadable: One is under a key that is not configured.
        """
        total, last = 0, None
        async with store():
            while rows := await service.page(self.table, last, batch):
                for row in rows:
                    total += await self._reencrypt(row)
                last = rows[-1].id
        return total

    async def _reencrypt(self, row: TOTPSecret) -> int:
        moved = 0
        for column in (self.table.secret, self.table.pending):
            blob = getattr(row, column._meta.name)
            if blob is not None and not self.encryption.is_current(blob):
                plaintext = await self._secrets.decrypt(row.user, blob)
                new = await self._secrets.encrypt(row.user, plaintext)
                moved += await service.swap(self.table, row.id, column, blob, new)
        return moved
