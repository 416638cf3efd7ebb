"""`RecoveryCodes`: single-use codes for a user who has lost the authenticator."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.auth_tables import factor_tables
from piccolo_api_fastapi.core.database.failure_counters import TwofoldCounter, forgive
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import ConfigurationError, FactorDisabled, InvalidCode, NotFound
from piccolo_api_fastapi.login.mfa.confirmed_factors import confirmed_factors
from piccolo_api_fastapi.login.mfa.guarded_secrets import GuardedSecrets
from piccolo_api_fastapi.login.mfa.one_time_codes import recovery_digest
from piccolo_api_fastapi.login.mfa.second_factor import SecondFactor
from piccolo_api_fastapi.mail.notices import NewFactor
from piccolo_api_fastapi.users import Users

from . import queries
from .tables import RecoveryCode


@configured
class RecoveryCodes(SecondFactor):
    """
    Single-use codes for a user who has lost the authenticator; `TOTP` and `Passkeys` make them.

    ```python
    from piccolo_api_fastapi import TOTP, RecoveryCodes, XChaCha20Poly1305

    encryption = XChaCha20Poly1305("MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
    totp = TOTP(issuer="Movies", encryption=encryption, recovery_codes=8)
    assert isinstance(totp.recovery, RecoveryCodes)
    ```

    Wrong codes are counted together with those of the authenticator. A recovery code cannot
    be guessed, so a correct one works even while the authenticator has to wait or is
    disabled, and resets the count.

    Args:
        users: The users who have the codes.
        secrets: The authenticators, which count the failures; `None` if there are none.
        count: The number of codes that a user gets, 1 to 100.

    Raises:
        ConfigurationError: `count` is out of range.
    """

    name = "recovery_code"
    amr = ("otp",)
    notices = {  # noqa: RUF012 - declared as a class variable
        "authn_recovery_codes_replaced": NewFactor(
            "New recovery codes were made. The old codes no longer work."
        ),
        "authn_recovery_code_used": "A recovery code was used. There are {left} left.",
    }

    def __init__(self, users: Users[Any], secrets: GuardedSecrets | None, count: int) -> None:
        if not 1 <= count <= 100:  # noqa: PLR2004 - the message has the limits
            raise ConfigurationError("The number of recovery codes must be 1 to 100.")
        self.users = users
        self.count = count
        self.table = bound(RecoveryCode, users.table)
        self._secrets = secrets

    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has codes left."""
        return await self.left(user) > 0

    async def left(self, user: BaseUser) -> int:
        """Return the number of codes that the user has left."""
        return await queries.left(self.table, primary_key(user))

    def accepts(self, code: str) -> bool:
        """Whether the code consists of 24 letters and digits."""
        return recovery_digest(code) is not None

    async def verify(self, user: BaseUser, code: str) -> None:
        """Check a code and use it up."""
        await self._verify(user, code, signed_in=False)

    async def verify_again(self, user: BaseUser, code: str) -> None:
        """Check a code of a user who is signed in, and use it up. Log-ins have their own tries."""
        await self._verify(user, code, signed_in=True)

    async def _verify(self, user: BaseUser, code: str, *, signed_in: bool) -> None:
        key, now = primary_key(user), self.users.clock()
        digest = recovery_digest(code)
        if digest is None or not await self._spend(key, digest, now):
            if self._secrets is not None:
                with suppress(FactorDisabled):
                    await self._secrets.reserve(key, now, signed_in=signed_in)
            raise InvalidCode

    async def _spend(self, user: Any, digest: str, now: datetime) -> bool:
        async with transaction(self.table):
            await self.users.lock(user)
            if not await queries.spend(self.table, user, digest, now):
                return False
            await self._forgive(user)
            data = {"left": await queries.left(self.table, user)}
            await emit(AuthEvent("authn_recovery_code_used", now, user, data))
        return True

    async def _forgive(self, user: Any) -> None:
        # Those of every factor: which one made the codes does not matter to a user.
        for table in factor_tables(self.users.table):
            if issubclass(table, TwofoldCounter):
                await forgive(table, user)

    async def replace(self, user: BaseUser, *, keep: Any = None) -> list[str]:
        """
        Replace the codes of a user. The old ones and every other credential end.

        Args:
            user: The user.
            keep: The id of a credential to keep: that of the caller.

        Returns:
            The new codes. Show them once.

        Raises:
            NotFound: The user has no second factor.
            InvalidCredentials: The user was deleted meanwhile.
        """
        key, now = primary_key(user), self.users.clock()
        async with transaction(self.table):
            await self.users.lock(key)
            await self._forgive(key)
            if not await confirmed_factors(self.users, user):
                raise NotFound
            codes = await self.write(key, now)
            await self.users.credentials.end(key, keep=keep)
            await emit(AuthEvent("authn_recovery_codes_replaced", now, key))
        return codes

    async def write(self, user: Any, now: datetime) -> list[str]:
        """
        Replace the codes within the transaction of the caller.

        Args:
            user: The primary key of the user.
            now: The present time.

        Returns:
            The new codes. Show them once.
        """
        return await queries.replace(self.table, user, self.count, now)

    async def erase(self, user: BaseUser) -> None:
        """Delete the codes of a user, unless they have another second factor."""
        if not await confirmed_factors(self.users, user):
            await queries.erase(self.table, primary_key(user))
