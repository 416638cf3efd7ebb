"""`RecoveryCodes`: the second factor of those who lost the other."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.database.user_tables import bound, primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import ConfigurationError, FactorDisabled, InvalidCode, NotFound
from piccolo_api_fastapi.login.mfa.guarded_secrets import GuardedSecrets
from piccolo_api_fastapi.login.mfa.one_time_codes import recovery_digest
from piccolo_api_fastapi.login.mfa.second_factor import CompleteHook, SecondFactor
from piccolo_api_fastapi.users import Users

from . import queries as service
from .tables import RecoveryCode


class RecoveryCodes(SecondFactor):
    """
    Ten codes on paper; made by `TOTP`, whose failures and theirs are counted together.

    They can't be guessed, so a right one works even while the authenticator has to wait or
    is disabled, and puts an end to that.
    """

    name = "recovery_code"

    def __init__(self, users: Users[Any], secrets: GuardedSecrets, count: int) -> None:
        if not 1 <= count <= 100:  # noqa: PLR2004 - said in the message
            raise ConfigurationError("There are 1 to 100 recovery codes.")
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
            return await service.left(self.table, primary_key(user))

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
                await self._secrets.forgive(key)
        if not spent:
            with suppress(FactorDisabled):
                await self._secrets.reserve(key, now)
            raise InvalidCode
        data = {"left": await self.left(user)}
        await emit(AuthEvent("authn_recovery_code_used", now, key, data))

    async def replace(
        self, user: BaseUser, *, keep: Any = None, then: CompleteHook | None = None
    ) -> list[str]:
        """
        New codes. The old ones and every other credential of the user end.

        Args:
            user: Whose.
            keep: The id of a credential to spare: the caller's own.
            then: Runs last in the transaction.

        Returns:
            The codes. Show them once.

        Raises:
            NotFound: The user has no authenticator.
        """
        key, now = primary_key(user), self.users.clock()
        async with store(), transaction(self.table):
            await self._secrets.forgive(key)  # locks the row, if there is one
            if not await self._secrets.has(key):
                raise NotFound
            codes = await self.write(key, now)
            await self.users.end_credentials(user, keep=keep)
            await emit(AuthEvent("authn_recovery_codes_replaced", now, key))
            if then is not None:
                await then()
        return codes

    async def write(self, user: Any, now: datetime) -> list[str]:
        """
        New codes in place of the old ones, within the transaction of the caller.

        Args:
            user: The primary key of the user.
            now: The present time.

        Returns:
            The codes. Show them once.
        """
        return await service.replace(self.table, user, self.count, now)

    async def erase(self, user: Any) -> None:
        """Delete the codes of the user with this primary key."""
        await service.erase(self.table, user)
