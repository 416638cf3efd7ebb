"""Second factors, configured once: authenticator apps and recovery codes."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from secrets import token_bytes
from typing import Any, ClassVar

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.database import store, transaction
from piccolo_api_fastapi.encryption import EncryptionProvider, XChaCha20Poly1305
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    FactorDisabled,
    InvalidCode,
    NotFound,
    SecretUnreadable,
    WrongConfirmation,
)
from piccolo_api_fastapi.events import AuthEvent, emit
from piccolo_api_fastapi.failure_counters import forgive, reserve
from piccolo_api_fastapi.identifiers import real_email
from piccolo_api_fastapi.one_time_codes import (
    SECRET_BYTES,
    Authenticator,
    digits_of,
    recovery_digest,
)
from piccolo_api_fastapi.user_tables import bound, primary_key
from piccolo_api_fastapi.users import Users

from . import service
from .tables import RecoveryCode, TOTPSecret

CompleteHook = Callable[[], Awaitable[None]]


class SecondFactor(ABC):
    """
    Something that a user presents beside the password.

    `users` are whose factor it is; `name` is what requests, events and `Identity.factors` call it.
    """

    name: ClassVar[str]
    users: Users[Any]
    companions: "Sequence[SecondFactor]" = ()

    @abstractmethod
    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has it, so that a login asks for it."""

    @abstractmethod
    def accepts(self, code: str) -> bool:
        """Whether a code looks like one of this factor."""

    @abstractmethod
    async def verify(self, user: BaseUser, code: str) -> None:
        """
        Check a code and use it up. A failure is counted before the code is looked at.

        Raises:
            InvalidCode: It is wrong, or was used before.
            TooManyRequests: After several failures one has to wait.
            FactorDisabled: There were too many.
        """

    async def send(self, user: BaseUser) -> None:  # noqa: B027 - most have nothing to send
        """Send a code, for a factor that has to."""


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


class RecoveryCodes(SecondFactor):
    """
    Ten codes on paper; made by `TOTP`, whose failures and theirs are counted together.

    They can't be guessed, so a right one works even while the authenticator has to wait or
    is disabled, and puts an end to that.
    """

    name = "recovery_code"

    def __init__(self, users: Users[Any], secrets: type[TOTPSecret], count: int) -> None:
        if not 1 <= count <= 100:  # noqa: PLR2004 - said in the message
            msg = "There are 1 to 100 recovery codes."
            raise ConfigurationError(msg)
        self.users = users
        self.count = count
        self.table = bound(RecoveryCode, users.table)
        self._secrets = secrets

    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether there are codes left."""
        return await self.left(user) > 0

    async def left(self, user: BaseUser) -> int:
        """How many there are."""
        async with store():
            return await service.recovery_codes_left(self.table, primary_key(user))

    def accepts(self, code: str) -> bool:
        """Whether it is 24 letters and digits."""
        return recovery_digest(code) is not None

    async def verify(self, user: BaseUser, code: str) -> None:
        """Check a code and use it up."""
        key, now = primary_key(user), self.users.clock()
        digest = recovery_digest(code)
        async with store(), transaction(self.table):
            spent = digest is not None and await service.spend(self.table, key, digest, now)
            if spent:
                await forgive(self._secrets, key)
        if not spent:
            with suppress(FactorDisabled):
                await _count_failure(self._secrets, key, now)
            raise InvalidCode
        data = {"left": await self.left(user)}
        await emit(AuthEvent("authn_recovery_code_used", now, key, data))

    async def replace(self, user: BaseUser, *, keep: Any = None) -> list[str]:
        """
        New codes. The old ones and every other credential of the user end.

        Args:
            user: Whose.
            keep: The id of a credential to spare: the caller's own.

        Returns:
            The codes. Show them once.

        Raises:
            NotFound: The user has no authenticator.
        """
        key, now = primary_key(user), self.users.clock()
        async with store(), transaction(self.table):
            await forgive(self._secrets, key)  # locks the row, if there is one
            row = await service.find(self._secrets, key)
            if row is None or row.secret is None:
                raise NotFound
            codes = await service.replace_recovery_codes(self.table, key, self.count, now)
            await self.users.end_credentials(user, keep=keep)
        await emit(AuthEvent("authn_recovery_codes_replaced", now, key))
        return codes


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
            msg = "The issuer has no colon, and the window is 0 to 10 periods."
            raise ConfigurationError(msg)
        Authenticator(b"\x00" * SECRET_BYTES, digits, period, algorithm)
        self.users = Users() if users is None else users
        self.encryption = encryption or XChaCha20Poly1305.from_environment()
        self.issuer = issuer
        self.window = window
        self.table = bound(TOTPSecret, self.users.table)
        self.recovery = RecoveryCodes(self.users, self.table, recovery_codes)
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
        blob = await self.encryption.encrypt(authenticator.write(), self._bound_to(key))
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
        authenticator = await self._decrypt(key, row.pending)
        step = authenticator.match(digits_of(code) or "", now, self.window, -1)
        if step is None:
            raise WrongConfirmation
        async with store(), transaction(self.table):
            if not await service.confirm(self.table, key, row.pending, step, now):
                raise WrongConfirmation
            codes = await service.replace_recovery_codes(
                self.recovery.table, key, self.recovery.count, now
            )
            await self.users.end_credentials(user, keep=keep)
            if then is not None:
                await then()
        await emit(AuthEvent("authn_mfa_enrolled", now, key, {"factor": self.name}))
        return codes

    async def verify(self, user: BaseUser, code: str) -> None:
        """Check a code and use it up, and every older one with it."""
        key, now = primary_key(user), self.users.clock()
        row = await _count_failure(self.table, key, now)
        try:
            authenticator = await self._decrypt(key, row["secret"])
        except SecretUnreadable:
            async with store():
                await forgive(self.table, key)  # no fault of whoever typed the code
            raise
        digits = digits_of(code) or ""
        step = authenticator.match(digits, now, self.window, row["last_step"])
        async with store():
            is_accepted = step is not None and await service.accept(
                self.table, key, row["secret"], step
            )
        if not is_accepted:
            raise InvalidCode

    async def remove(self, user: BaseUser, *, keep: Any = None) -> None:
        """
        Take the authenticator and the recovery codes away; every other credential ends.

        Args:
            user: Whose; for an administrator, of anybody.
            keep: The id of a credential to spare: the caller's own.

        Raises:
            NotFound: There is no authenticator.
        """
        key, now = primary_key(user), self.users.clock()
        async with store(), transaction(self.table):
            removed = await service.remove(self.table, self.recovery.table, key)
            if not any(row["confirmed_at"] for row in removed):
                raise NotFound
            await self.users.end_credentials(user, keep=keep)
        await emit(AuthEvent("authn_mfa_removed", now, key, {"factor": self.name}))

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
        blob = await self.encryption.encrypt(authenticator.write(), self._bound_to(user))
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
            blob = getattr(row, column._meta.name)  # noqa: SLF001
            if blob is not None and not self.encryption.is_current(blob):
                plaintext = await self._decrypt(row.user, blob)
                new = await self.encryption.encrypt(plaintext.write(), self._bound_to(row.user))
                moved += await service.swap(self.table, row.id, column, blob, new)
        return moved

    async def _decrypt(self, key: Any, blob: str) -> Authenticator:
        try:
            return Authenticator.read(await self.encryption.decrypt(blob, self._bound_to(key)))
        except SecretUnreadable:
            await emit(AuthEvent("authn_secret_unreadable", self.users.clock(), key))
            raise

    def _bound_to(self, key: Any) -> bytes:
        return f"{self.table._meta.tablename} {key}".encode()  # noqa: SLF001


async def _count_failure(table: type[TOTPSecret], key: Any, now: Any) -> dict[str, Any]:
    try:
        return await reserve(table, key, now, 'AND "secret" IS NOT NULL')
    except NotFound:
        raise InvalidCode from None
