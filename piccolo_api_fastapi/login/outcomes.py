"""`Outcomes`: the hooks of a login, and the events that record how it ended."""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from inspect import isawaitable
from typing import Any

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import InvalidCredentials, LoginRefused
from piccolo_api_fastapi.users.proof import Proof
from piccolo_api_fastapi.users.tables import UserT

from .attempts import LoginAttempt, LoginHook


class Outcomes:
    """
    Runs the hooks of a login and emits its events.

    Args:
        before: The hooks that run before a factor is checked.
        on_success: The hooks that run after the last factor was verified.
        on_failure: The hooks that run after a factor was wrong.
        clock: The clock that dates the events.
    """

    def __init__(
        self,
        before: Sequence[LoginHook],
        on_success: Sequence[LoginHook],
        on_failure: Sequence[LoginHook],
        clock: Clock,
    ) -> None:
        self._before = before
        self._on_success = on_success
        self._on_failure = on_failure
        self._clock = clock

    async def begin(self, attempt: LoginAttempt) -> None:
        """
        Ask the hooks that run before a factor is checked.

        Raises:
            LoginRefused: A hook refused.
        """
        await _run(self._before, attempt)

    async def succeed(self, proof: Proof[UserT], attempt: LoginAttempt) -> Proof[UserT]:
        """
        Ask the hooks that may still refuse, and attach the event of the login to its proof.

        The event is emitted in the transaction that issues a credential, so that neither
        exists without the other.

        Raises:
            LoginRefused: A hook refused.
        """
        await _run(self._on_success, attempt)
        return replace(proof, event=self._event("authn_login_success", attempt))

    async def fail(self, attempt: LoginAttempt, user: Any = None) -> None:
        """
        Record a failure and tell the hooks.

        Args:
            attempt: The attempt, with its user if a factor was verified before.
            user: The primary key of the user who is being guessed at, otherwise.

        Raises:
            LoginRefused: A hook answers with a reason of its own.
        """
        event = self._event("authn_login_fail", attempt)
        await emit(event if user is None else replace(event, user=user))
        await _run(self._on_failure, attempt)

    async def refuse_unknown(self, proof: Proof[UserT], attempt: LoginAttempt) -> None:
        """
        Refuse a user who has confirmed a second factor that the login does not know.

        Raises:
            InvalidCredentials: The same answer as to a wrong password.
        """
        if proof.unknown:
            names = " ".join(sorted(proof.unknown))
            attempt = replace(attempt, user=proof.user, factor=names)
            await emit(self._event("authn_login_misconfigured", attempt))
            raise InvalidCredentials

    def _event(self, name: str, attempt: LoginAttempt) -> AuthEvent:
        client, user = attempt.client, attempt.user
        data = {"ip": client.ip, "user_agent": client.user_agent, "factor": attempt.factor}
        key = None if user is None else primary_key(user)
        return AuthEvent(name, self._clock(), key, data)


async def _run(hooks: Iterable[LoginHook], attempt: LoginAttempt) -> None:
    for hook in hooks:
        reason = hook(attempt)
        if isawaitable(reason):
            reason = await reason
        if isinstance(reason, str):
            raise LoginRefused(reason)
        if reason is not None:
            raise TypeError("A login hook must return a reason to refuse the login, or None.")
