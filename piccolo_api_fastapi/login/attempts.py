"""What a login is made of."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from inspect import isawaitable
from typing import Any

from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.core.http.client import ClientInfo
from piccolo_api_fastapi.errors import LoginRefused


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """
    One try, as hooks see it.

    Args:
        identifier: The username or e-mail address, as typed.
        client: Where it comes from.
        user: The user, once a factor has been proved; `None` before and on a wrong password.
        factor: What was presented: `password`, or the name of a second factor.
    """

    identifier: str
    client: ClientInfo
    user: Any = None
    factor: str = PASSWORD


@dataclass(frozen=True, slots=True)
class Challenge:
    """
    The password was right, and a second factor has to follow.

    Args:
        token: Goes along with the code.
        methods: The factors to choose from.
        expires_in: Seconds that it is good.
    """

    token: str = field(repr=False)
    methods: tuple[str, ...]
    expires_in: int


@dataclass(frozen=True, slots=True)
class FirstStep:
    """
    What a challenge remembers of the step before it.

    Args:
        fingerprint: Of the password hash that was proved.
        at: When, in seconds since 1970.
        scope: What the client asked for.
    """

    fingerprint: str
    at: float
    scope: str

    def write(self) -> str:
        """As it is stored with the ticket."""
        return json.dumps([self.fingerprint, self.at, self.scope])

    @classmethod
    def read(cls, written: str) -> "FirstStep":
        """What `write` wrote."""
        return cls(*json.loads(written))


async def run_hooks(hooks: Iterable[Callable[[LoginAttempt], Any]], attempt: LoginAttempt) -> None:
    """
    Ask each hook in turn.

    Raises:
        LoginRefused: A hook gave a reason.
        TypeError: A hook gave something else than a reason or `None`.
    """
    for hook in hooks:
        reason = hook(attempt)
        if isawaitable(reason):
            reason = await reason
        if isinstance(reason, str):
            raise LoginRefused(reason)
        if reason is not None:
            raise TypeError("A login hook returns a reason to refuse, or None.")
