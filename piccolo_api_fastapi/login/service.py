"""What a login is made of."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

from piccolo_api_fastapi.errors import LoginRefused
from piccolo_api_fastapi.identity import ClientInfo


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """
    One try, as hooks see it.

    Args:
        identifier: The username or e-mail address, as typed.
        client: Where it comes from.
        user: The user, once the password has been proved; `None` before and on failure.
    """

    identifier: str
    client: ClientInfo
    user: Any = None


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
            msg = "A login hook returns a reason to refuse, or None."
            raise TypeError(msg)
