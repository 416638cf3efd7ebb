"""`Reauthentication`: a user who is logged in presents a factor once more."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Generic

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.core.database.user_tables import own_name, primary_key
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import InvalidCode, InvalidCredentials, InvalidTicket
from piccolo_api_fastapi.users import Users
from piccolo_api_fastapi.users.tables import UserT

from .attempts import LoginAttempt
from .factors import SecondFactors
from .limits import LoginLimits
from .mfa.second_factor import Assertion
from .outcomes import Outcomes
from .tickets import Tickets

CHALLENGE_LIFETIME = timedelta(minutes=5)


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
        self._tickets = Tickets(users, "step-up", lifetime=CHALLENGE_LIFETIME, attempts=1)

    async def begin(
        self, user: UserT, method: str, credential: Any
    ) -> tuple[str, Mapping[str, Any]]:
        """Begin to present a factor that signs challenges; see `Login.begin_again`."""
        factor = await self._factors.choose(user, "", method)
        challenge = await self._tickets.issue(primary_key(user), str(credential))
        return challenge, await factor.request_options(user, challenge)

    async def present(
        self,
        user: UserT,
        code: str | Assertion,
        method: str | None,
        client: ClientInfo,
        credential: Any,
    ) -> str:
        """Check a code of a second factor; see `Login.present`."""
        attempt = LoginAttempt(user.username, client, user)
        account = f"code of {whoever(user, credential)}"
        async with self._limits.attempt(address=client.network, account=account) as limited:
            if isinstance(code, Assertion):
                await self._spend(code.challenge, user, credential)
            attempt = await self._factors.verify(
                attempt, code, method, limited, credential=credential
            )
        return attempt.factor

    async def _spend(self, challenge: str, user: UserT, credential: Any) -> None:
        """Use up the challenge of a step-up, which is for one credential of the user."""
        try:
            ticket = await self._tickets.present(challenge)
        except InvalidTicket:
            raise InvalidCode from None
        if (ticket.user, ticket.data) != (primary_key(user), str(credential)):
            raise InvalidCode

    async def confirm_password(
        self, user: UserT, password: str, client: ClientInfo, credential: Any
    ) -> str:
        """Check the password; see `Login.confirm_password`."""
        attempt = LoginAttempt(user.username, client, user)
        account = whoever(user, credential)
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


def whoever(user: BaseUser, credential: Any) -> str:
    """What the guesses and challenges of a user who is logged in are counted by."""
    if credential is None:
        return f"user {own_name(type(user))} {primary_key(user)}"
    return f"credential {credential}"
