"""The one way in: every router that takes a password asks `Login`."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any, Generic, TypeAlias, cast

from piccolo_api_fastapi.errors import InvalidCredentials
from piccolo_api_fastapi.events import AuthEvent, emit
from piccolo_api_fastapi.identity import ClientInfo
from piccolo_api_fastapi.user_tables import primary_key
from piccolo_api_fastapi.users import Proof, Users, UserT

from .service import LoginAttempt, run_hooks

LoginHook: TypeAlias = Callable[[LoginAttempt], Awaitable[str | None] | str | None]
"""Is asked about a login; sync or async, any callable. A returned reason refuses it."""


class Login(Generic[UserT]):
    """
    Checks an identifier and a password.

    Unknown, wrong and disabled have one answer and one cost. A hook may refuse with a
    reason, or raise an `AuthError` of its own, such as a 429.

    Args:
        users: Whose passwords.
        before: Asked before the password is checked, for known and unknown names alike.
        on_success: Asked when it was right; the attempt has the user.
        on_failure: Told when it was wrong.
    """

    def __init__(
        self,
        users: Users[UserT] | None = None,
        *,
        before: Sequence[LoginHook] = (),
        on_success: Sequence[LoginHook] = (),
        on_failure: Sequence[LoginHook] = (),
    ) -> None:
        self.users: Users[UserT] = cast("Any", Users()) if users is None else users
        self.before = tuple(before)
        self.on_success = tuple(on_success)
        self.on_failure = tuple(on_failure)

    async def start(self, identifier: str, password: str, client: ClientInfo) -> Proof[UserT]:
        """
        Log in.

        Args:
            identifier: The username or e-mail address.
            password: As typed.
            client: Where the attempt comes from.

        Returns:
            What sessions and token families are issued on.

        Raises:
            InvalidCredentials: Unknown, wrong or disabled.
            LoginRefused: A hook refused.
            HasherBusy: Too many logins are under way.
        """
        attempt = LoginAttempt(identifier, client)
        await run_hooks(self.before, attempt)
        try:
            proof = await self.users.verify(identifier, password)
        except InvalidCredentials:
            await self._tell("authn_login_fail", client)
            await run_hooks(self.on_failure, attempt)
            raise
        await run_hooks(self.on_success, replace(attempt, user=proof.user))
        await self._tell("authn_login_success", client, primary_key(proof.user))
        return proof

    async def _tell(self, name: str, client: ClientInfo, user: Any = None) -> None:
        data = {"ip": client.ip, "user_agent": client.user_agent}
        await emit(AuthEvent(name, self.users.clock(), user, data))
