"""`TOTP`: authenticator apps as a second factor."""

from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_bytes
from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.crypto.encryption import EncryptionProvider, XChaCha20Poly1305
from piccolo_api_fastapi.core.database.progress import advance
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import ConfigurationError, InvalidCode, NotFound, WrongConfirmation
from piccolo_api_fastapi.login.mfa.guarded_secrets import GuardedSecrets
from piccolo_api_fastapi.login.mfa.one_time_codes import SECRET_BYTES, Authenticator, digits_of
from piccolo_api_fastapi.login.mfa.recovery_codes import RecoveryCodes
from piccolo_api_fastapi.login.mfa.second_factor import SecondFactor
from piccolo_api_fastapi.mail.notices import NewFactor
from piccolo_api_fastapi.users import Users, or_default
from piccolo_api_fastapi.users.identifiers import real_email

from . import queries
from .tables import TOTPSecret


@dataclass(frozen=True, slots=True)
class Enrolment:
    """
    A secret for an authenticator app, until it is confirmed.

    Args:
        secret: The secret in base32, for typing.
        uri: The content of the QR code.
    """

    secret: str = field(repr=False)
    uri: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """
    A first code that was right, as `TOTP.check` returns it.

    Args:
        user: The user who enrols.
        pending: The encrypted secret that the code was checked with.
        step: The period of the code.
    """

    user: BaseUser
    pending: str = field(repr=False)
    step: int


@configured
class TOTP(SecondFactor):
    """
    Codes of an authenticator app as a second factor (RFC 6238).

    ```python
    from piccolo_api_fastapi import TOTP, Login, XChaCha20Poly1305

    encryption = XChaCha20Poly1305("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    totp = TOTP(issuer="Movies", encryption=encryption)
    login = Login(factors=[totp])
    ```

    Users enrol through the routes of `mfa_router`. An app keeps the settings that it was
    enrolled with.

    Args:
        users: The users who can enrol.
        encryption: Encrypts the secrets; by default `XChaCha20Poly1305.from_environment()`.
        issuer: The name of the service, which the app shows.
        digits: The number of digits of a code, 6 to 8.
        period: The number of seconds that the app shows a code.
        window: The number of periods that the clock of the app may be fast or slow, 0 to 10.
        algorithm: `SHA1`, or for apps that support it `SHA256` or `SHA512`.
        recovery_codes: The number of recovery codes that a user gets.

    Raises:
        ConfigurationError: A setting is not supported, or there is no encryption key.
    """

    name = "totp"
    amr = ("otp",)
    notices = {  # noqa: RUF012 - declared as a class variable
        "authn_mfa_enrolled": NewFactor("An authenticator app was set up."),
        "authn_mfa_removed": "The authenticator app was removed.",
    }

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
            raise ConfigurationError(
                "issuer must be a name without a colon, and window must be 0 to 10."
            )
        Authenticator(b"\x00" * SECRET_BYTES, digits, period, algorithm)
        self.users = or_default(users)
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
        row = await queries.find(self.table, primary_key(user))
        return row is not None and row.secret is not None

    def accepts(self, code: str) -> bool:
        """Whether the code consists of 6 to 8 digits."""
        return digits_of(code) is not None

    async def begin(self, user: BaseUser) -> Enrolment:
        """
        Begin to enrol an app. A login does not ask for it before `confirm`.

        A second call replaces the secret of the first. An authenticator that the user has
        already works until the new one is confirmed.

        Args:
            user: The user who enrols.
        """
        authenticator = Authenticator(token_bytes(SECRET_BYTES), *self._settings)
        key = primary_key(user)
        blob = await self._secrets.encrypt(key, authenticator.write())
        await queries.put_pending(self.table, key, blob)
        account = real_email(user.email) or user.username
        return Enrolment(authenticator.base32(), authenticator.uri(account, self.issuer))

    async def confirm(self, user: BaseUser, code: str, *, keep: Any = None) -> list[str]:
        """
        Confirm that the app works. Every other credential of the user ends.

        Args:
            user: The user who enrols.
            code: The code that the app shows.
            keep: The id of a credential to keep: that of the caller.

        Returns:
            The recovery codes. Show them once.

        Raises:
            WrongConfirmation: The code is wrong, or the user has not begun to enrol.
        """
        return await self.enrol(await self.check(user, code), keep=keep)

    async def check(self, user: BaseUser, code: str) -> Confirmation:
        """
        Check the first code of an app. Nothing changes until `enrol`.

        Args:
            user: The user who enrols.
            code: The code that the app shows.

        Raises:
            WrongConfirmation: The code is wrong, or the user has not begun to enrol.
        """
        key, now = primary_key(user), self.users.clock()
        row = await queries.find(self.table, key)
        if row is None or row.pending is None:
            raise WrongConfirmation
        authenticator = Authenticator.read(await self._secrets.decrypt(key, row.pending))
        step = authenticator.match(digits_of(code) or "", now, self.window, -1)
        if step is None:
            raise WrongConfirmation
        return Confirmation(user, row.pending, step)

    async def enrol(self, confirmed: Confirmation, *, keep: Any = None) -> list[str]:
        """
        Let logins ask for the app from now on. Every other credential of the user ends.

        Args:
            confirmed: The result of `check`.
            keep: The id of a credential to keep: that of the caller.

        Returns:
            The recovery codes. Show them once.

        Raises:
            WrongConfirmation: The secret was confirmed or replaced meanwhile.
            InvalidCredentials: The user was deleted meanwhile.
        """
        key, now = primary_key(confirmed.user), self.users.clock()
        async with transaction(self.table):
            await self.users.lock(key)
            if not await queries.confirm(self.table, key, confirmed.pending, confirmed.step, now):
                raise WrongConfirmation
            codes = await self.recovery.write(key, now)
            await self.users.credentials.end(key, keep=keep)
            await emit(AuthEvent("authn_mfa_enrolled", now, key, {"factor": self.name}))
        return codes

    async def verify(self, user: BaseUser, code: str) -> None:
        """Check a code and use it up, together with all older ones."""
        await self._verify(user, code, signed_in=False)

    async def verify_again(self, user: BaseUser, code: str) -> None:
        """Check a code of a user who is signed in, and use it up. Log-ins have their own tries."""
        await self._verify(user, code, signed_in=True)

    async def _verify(self, user: BaseUser, code: str, *, signed_in: bool) -> None:
        key, now = primary_key(user), self.users.clock()
        row = await self._secrets.reserve(key, now, signed_in=signed_in)
        secret = row["secret"]
        authenticator = Authenticator.read(await self._secrets.decrypt_reserved(key, secret))
        step = authenticator.match(digits_of(code) or "", now, self.window, row["last_step"])
        if step is None or not await queries.accept(self.table, key, secret, step):
            raise InvalidCode

    async def remove(self, user: BaseUser, *, keep: Any = None) -> None:
        """
        Remove the authenticator. Every other credential ends. The recovery codes are deleted if the
        user has no other second factor.

        Args:
            user: The user; an administrator can pass any user.
            keep: The id of a credential to keep: that of the caller.

        Raises:
            NotFound: The user has no authenticator.
            InvalidCredentials: The user was deleted meanwhile.
        """
        key, now = primary_key(user), self.users.clock()
        async with transaction(self.table):
            await self.users.lock(key)
            removed = await queries.remove(self.table, key)
            await self.recovery.erase(user)
            if not any(row["confirmed_at"] for row in removed):
                raise NotFound
            await self.users.credentials.end(key, keep=keep)
            await emit(AuthEvent("authn_mfa_removed", now, key, {"factor": self.name}))

    async def adopt(self, user: Any, secret: bytes, *, used_at: datetime | None = None) -> bool:
        """
        Import an authenticator that was confirmed in another system.

        Args:
            user: The primary key of the user.
            secret: The secret that the app has.
            used_at: When a code was last accepted. It and all older ones are refused.

        Returns:
            `False` if the user already has one.
        """
        authenticator = Authenticator(secret, *self._settings)
        last_step = -1 if used_at is None else int(used_at.timestamp()) // self._settings[1]
        blob = await self._secrets.encrypt(user, authenticator.write())
        now = self.users.clock()
        return await queries.adopt(self.table, user, blob, last_step=last_step, now=now)

    async def reencrypt(self, batch: int = 100) -> int:
        """
        Encrypt the secrets that are under an older key with the current key.

        Args:
            batch: The number of rows that are read at once.

        Returns:
            The number of secrets that were encrypted again.

        Raises:
            SecretUnreadable: A secret is under a key that is not configured.
        """
        total, last = 0, None
        while rows := await queries.page(self.table, last, batch):
            for row in rows:
                total += await self._reencrypt(row)
            last = rows[-1].id
            advance(total)
        return total

    async def count_outdated(self, batch: int = 100) -> int:
        """Count the secrets that `reencrypt` would encrypt again."""
        total, last = 0, None
        while rows := await queries.page(self.table, last, batch):
            blobs = filter(None, (blob for row in rows for blob in (row.secret, row.pending)))
            total += sum(not self.encryption.is_current(blob) for blob in blobs)
            last = rows[-1].id
        return total

    async def _reencrypt(self, row: TOTPSecret) -> int:
        moved = 0
        for column in (self.table.secret, self.table.pending):
            blob = getattr(row, column._meta.name)
            if blob is not None and not self.encryption.is_current(blob):
                plaintext = await self._secrets.decrypt(row.user, blob)
                new = await self._secrets.encrypt(row.user, plaintext)
                moved += await queries.swap(self.table, row.id, column, blob, new)
        return moved
