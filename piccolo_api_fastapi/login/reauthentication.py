"""`Reauthentication`: a user who is logged in presents a factor once more."""

from typing import Any, Generic

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.core.database.user_tables import own_name, primary_key
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import InvalidCredentials
from piccolo_api_fastapi.users import Users
from piccolo_api_fastapi.users.tables import UserT

from .attempts import LoginAttempt
from .factors import SecondFactors
from .limits import LoginLimits
from .outcomes import Outcomes


class Reauthentication(Generic[UserT]):
    """
    Checks the password or a code of a user who is logged in.

    Args:
        users: The users, who have the passwords.
        factors: The second factors.
        limits: How often a factor may be wrong.
        outcomes: Asks the hooks, and records wrong passwords.
    """

    def __init__(
        self,
        users: Users[UserT],
        factors: SecondFactors,
        limits: LoginLimits,
        outcomes: Outcomes,
    ) -> None:
        self._users = users
        self._factors = factors
        self._limits = limits
        self._outcomes = outcomes

    async def present(
        self, user: UserT, code: str, method: str | None, client: ClientInfo, credential: Any
    ) -> str:
        """Check a code of a second factor; see `Login.present`."""
        attempt = LoginAttempt(user.username, client, user)
        account = f"code of {_whoever(user, credential)}"
        async with self._limits.attempt(address=client.network, account=account) as limited:
            attempt = await self._factors.verify(
                attempt, code, method, limited, credential=credential
            )
        return attempt.factor

    async def confirm_password(
        self, user: UserT, password: str, client: ClientInfo, credential: Any
    ) -> str:
        """Check the password; see `Login.confirm_password`."""
        attempt = LoginAttempt(user.username, client, user)
        account = _whoever(user, credential)
        async with self._limits.attempt(address=client.network, account=account) as limited:
            await self._outcomes.begin(attempt)
            try:
                await self._verify(user, password, account)
            except InvalidCredentials:
                limited.failed = True  # before the hooks run, whatever they raise
                await self._outcomes.fail(attempt)
                raise
        return PASSWORD

    async def _verify(self, user: UserT, password: str, counted_as: str) -> None:
        # Counted on its own: neither guesses at the login nor those with another credential of
        # the user, which may be stolen, keep out a user who is logged in.
        proof = await self._users.verify(user.username, password, counted_as=counted_as)
        if primary_key(proof.user) != primary_key(user):
            raise InvalidCredentials


def _whoever(user: BaseUser, credential: Any) -> str:
    """What the guesses of a user who is logged in are counted by."""
    if credential is None:
        return f"user {own_name(type(user))} {primary_key(user)}"
    return f"credential {credential}"
