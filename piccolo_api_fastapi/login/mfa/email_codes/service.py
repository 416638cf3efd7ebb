"""`EmailCode`: a second factor for users without an authenticator app."""

import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, TypeAlias

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.crypto.encryption import EncryptionProvider, XChaCha20Poly1305
from piccolo_api_fastapi.core.database.transactions import transaction
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
from piccolo_api_fastapi.mail.delivery import post
from piccolo_api_fastapi.mail.message import Mail
from piccolo_api_fastapi.mail.messages import SignInCode
from piccolo_api_fastapi.mail.wording import Texts, Wording
from piccolo_api_fastapi.users import Users, or_default
from piccolo_api_fastapi.users.identifiers import real_email

from . import queries
from .tables import SentCode

Send: TypeAlias = Callable[[Any, str], Awaitable[None]]
"""Sends a code to a user: `await send(user, "123456")`."""


@configured
class EmailCode(SecondFactor):
    """
    A code that is sent to the user's e-mail address, as a second factor.

    ```python
    from piccolo_api_fastapi import ConsoleMail, EmailCode, Login, XChaCha20Poly1305

    encryption = XChaCha20Poly1305("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    codes = EmailCode(mail=ConsoleMail(), product="Movie club", encryption=encryption)
    login = Login(factors=[codes])
    ```

    Every user with an address has this factor, unless `applies_to` decides otherwise. It is
    the weakest second factor: anyone who can read the mail has it, and can often reset the
    password by mail too. NIST SP 800-63B-4 section 3.1.3.1 does not accept e-mail for
    out-of-band authentication. Where your policy asks for more, use
    `require(…, factor="totp")`.

    Args:
        users: The users who have this factor.
        mail: Sends a code as a `SignInCode`. The request that asks for the code waits for it.
        product: The name of the product, such as `Movie club`, for subjects and texts.
        texts: For classes of messages, functions that return the subject and the whole text.
        send: Sends a code, instead of `mail`.
        encryption: Encrypts the code until it is used; by default
            `XChaCha20Poly1305.from_environment()`.
        applies_to: Decides whether a user with an address has this factor; by default all have.
        digits: The number of digits, 6 to 8.
        lifetime: How long a code is valid.
        interval: The shortest time between two codes, at most `lifetime`.

    Raises:
        ConfigurationError: A setting is out of range, there is no encryption key, or there are
            both `mail` and `send` or neither.
    """

    name = "email_code"
    proves = "mailbox"
    amr = ("otp",)

    def __init__(  # noqa: PLR0913 - configuration, all of it optional but mail
        self,
        users: Users[Any] | None = None,
        *,
        mail: Mail | None = None,
        product: str = "",
        texts: Texts | None = None,
        send: Send | None = None,
        encryption: EncryptionProvider | None = None,
        applies_to: Callable[[Any], bool] | None = None,
        digits: int = 6,
        lifetime: timedelta = timedelta(minutes=10),
        interval: timedelta = timedelta(minutes=1),
    ) -> None:
        if digits not in range(6, 9) or not timedelta(0) < interval <= lifetime:
            raise ConfigurationError(
                "digits must be 6 to 8, and interval longer than zero and at most lifetime."
            )
        wording = Wording(product, texts or {})
        self.users = or_default(users)
        self.encryption = encryption or XChaCha20Poly1305.from_environment()
        self.digits = digits
        self.lifetime = lifetime
        self.interval = interval
        self.table = bound(SentCode, self.users.table)
        self._secrets = GuardedSecrets(self.table, self.encryption, self.users.clock)
        self._send = _sender(self, mail, wording, send)
        self._applies_to = applies_to

    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has an address and this factor applies to them."""
        if real_email(user.email) is None:
            return False
        return self._applies_to is None or self._applies_to(user)

    def accepts(self, code: str) -> bool:
        """Whether the code has as many digits as those that are sent."""
        return len(digits_of(code) or "") == self.digits

    async def send(self, user: BaseUser) -> None:
        """
        Send a new code, which replaces the one before. Within the interval nothing is sent.

        Raises:
            Unavailable: The code could not be sent.
        """
        key, now = primary_key(user), self.users.clock()
        code = f"{secrets.randbelow(10**self.digits):0{self.digits}}"
        blob = await self._secrets.encrypt(key, _bound_code(code, user))
        if await queries.put(
            self.table, key, blob, now, lifetime=self.lifetime, interval=self.interval
        ):
            await self._deliver(user, code, blob)

    async def _deliver(self, user: BaseUser, code: str, blob: str) -> None:
        key, now = primary_key(user), self.users.clock()
        try:
            await self._send(user, code)
        except Exception as error:  # noqa: BLE001 - the application's function may raise anything
            await queries.withdraw(self.table, key, blob, now - self.interval)
            data = {"factor": self.name, "error": type(error).__name__}
            await emit(AuthEvent("authn_code_not_sent", now, key, data))
            raise Unavailable from None

    async def verify(self, user: BaseUser, code: str) -> None:
        """Check a code and use it up."""
        await self._verify(user, code, signed_in=False)

    async def verify_again(self, user: BaseUser, code: str) -> None:
        """Check a code of a user who is signed in, and use it up. Log-ins have their own tries."""
        await self._verify(user, code, signed_in=True)

    async def _verify(self, user: BaseUser, code: str, *, signed_in: bool) -> None:
        key, now = primary_key(user), self.users.clock()
        secret = (await self._secrets.reserve(key, now, signed_in=signed_in))["secret"]
        sent = await self._secrets.decrypt_reserved(key, secret)
        is_right = secrets.compare_digest(sent, _bound_code(digits_of(code) or "", user))
        if not is_right or not await queries.spend(self.table, key, secret, now):
            raise InvalidCode
        async with transaction(self.table):
            await self.users.lock(key)
            await self.users.prove_mailbox(key, user.email)

    async def reset(self, user: BaseUser) -> None:
        """Reset the count of a user's wrong codes, for an administrator."""
        await self._secrets.forgive(primary_key(user))


def _bound_code(code: str, user: BaseUser) -> bytes:
    """A code, bound to the address that the user has when it is sent."""
    return f"{code} {user.email}".encode()


def _sender(factor: EmailCode, mail: Mail | None, wording: Wording, send: Send | None) -> Send:
    """Return what sends the codes of a factor: the application's function, or a message."""
    if (send is None) is (mail is None) or (send is not None and wording):
        raise ConfigurationError("EmailCode needs mail=, with product= and texts=, or send=.")

    async def send_message(user: BaseUser, code: str) -> None:
        assert mail is not None  # noqa: S101 - checked above
        now = factor.users.clock()
        message = SignInCode(
            to=user.email,
            username="",  # the address may not be verified
            user=primary_key(user),
            at=now,
            code=code,
            expires_at=now + factor.lifetime,
        )
        await post(mail, wording.apply(message))

    return send or send_message
