"""`EmailCode`: a second factor for those who have no app."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeAlias

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.crypto.encryption import EncryptionProvider, XChaCha20Poly1305
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import (
    ConfigurationError,
    InvalidCode,
    Unavailable,
)
from piccolo_api_fastapi.login.mfa.guarded_secrets import GuardedSecrets
from piccolo_api_fastapi.login.mfa.one_time_codes import digits_of
from piccolo_api_fastapi.login.mfa.second_factor import SecondFactor
from piccolo_api_fastapi.users import Users
from piccolo_api_fastapi.users.identifiers import real_email

from . import queries as service
from .tables import SentCode

Send: TypeAlias = Callable[[Any, str], Awaitable[None]]
"""Sends a code to a user: `await send(user, "123456")`."""


class EmailCode(SecondFactor):
    """
    A code of some digits, sent to the user's address.

    Everybody who has an address has this factor, or whoever `applies_to` says. It is the
    weakest of second factors: whoever reads the mail has it, and whoever can reset the
    password by mail has both. NIST SP 800-63B-4 section 3.1.3.1 does not accept mail as
    out-of-band; where policy asks for more, ask for `require(…, factor="totp")`.

    Args:
        users: Whose.
        send: Sends a code; awaited by the request that asks for it.
        encryption: Encrypts the code until it is used; by default
            `XChaCha20Poly1305.from_environment()`.
        applies_to: Who of those with an address has this factor; everybody by default.
        digits: 6 to 8.
        lifetime: How long a code is good.
        interval: How soon another one may be sent.

    Raises:
        ConfigurationError: A setting makes no sense, or there is no key.
    """

    name = "email_code"

    def __init__(  # noqa: PLR0913 - configuration, all of it optional but one
        self,
        users: Users[Any] | None = None,
        *,
        send: Send,
        encryption: EncryptionProvider | None = None,
        applies_to: Callable[[Any], bool] | None = None,
        digits: int = 6,
        lifetime: timedelta = timedelta(minutes=10),
        interval: timedelta = timedelta(minutes=1),
    ) -> None:
        if digits not in range(6, 9) or not timedelta(0) < interval <= lifetime:
            raise ConfigurationError(
                "A code has 6 to 8 digits, and is good until another may be sent."
            )
        self.users = Users() if users is None else users
        self.encryption = encryption or XChaCha20Poly1305.from_environment()
        self.digits = digits
        self.lifetime = lifetime
        self.interval = interval
        self.table = bound(SentCode, self.users.table)
        self._secrets = GuardedSecrets(self.table, self.encryption, self.users.clock)
        self._send = send
        self._applies_to = applies_to

    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has an address, and this factor applies to them."""
        if real_email(user.email) is None:
            return False
        return self._applies_to is None or self._applies_to(user)

    def accepts(self, code: str) -> bool:
        """Whether it is as many digits as were sent."""
        return len(digits_of(code) or "") == self.digits

    async def send(self, user: BaseUser) -> None:
        """
        Send a new code; the one before is dead. Within the interval nothing is sent.

        Raises:
            Unavailable: It could not be sent.
        """
        key, now = primary_key(user), self.users.clock()
        code = f"{secrets.randbelow(10**self.digits):0{self.digits}}"
        blob = await self._secrets.encrypt(key, code.encode())
        async with store():
            is_due = await service.put(
                self.table, key, blob, now, lifetime=self.lifetime, interval=self.interval
            )
        if is_due:
            await self._deliver(user, code, blob)

    async def _deliver(self, user: BaseUser, code: str, blob: str) -> None:
        key, now = primary_key(user), self.users.clock()
        try:
            await self._send(user, code)
        except Exception as error:  # noqa: BLE001 - whatever the application's sender raises
            async with store():
                await service.withdraw(self.table, key, blob, now - self.interval)
            data = {"factor": self.name, "error": type(error).__name__}
            await emit(AuthEvent("authn_code_not_sent", now, key, data))
            raise Unavailable from None

    async def verify(self, user: BaseUser, code: str) -> None:
        """Check a code and use it up."""
        key, now = primary_key(user), self.users.clock()
        row = await self._secrets.reserve(key, now)
        sent = await self._secrets.decrypt_reserved(key, row["secret"])
        is_right = secrets.compare_digest(sent, (digits_of(code) or "").encode())
        async with store():
            is_spent = is_right and await service.spend(self.table, key, row["secret"], now)
        if not is_spent:
            raise InvalidCode

    async def reset(self, user: BaseUser) -> None:
        """Forget the failures of a user, for an administrator."""
        async with store():
            await self._secrets.forgive(primary_key(user))
