"""`LoginAttempt`: what the hooks of a login see."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from piccolo_api_fastapi.access.step_up import PASSWORD
from piccolo_api_fastapi.core.http.client import ClientInfo


@dataclass(frozen=True, slots=True)
class LoginAttempt:
    """
    One attempt to log in, as hooks see it.

    ```python
    from piccolo_api_fastapi import Login, LoginAttempt


    def office_hours(attempt: LoginAttempt) -> str | None:
        return "The office is closed." if attempt.identifier == "guest" else None


    login = Login(before=[office_hours])
    ```

    Args:
        identifier: The username or e-mail address, as typed.
        client: The client that sent the request.
        user: The user once a factor has been verified; `None` before that and after a wrong
            password.
        factor: The factor that was presented: `password` or the name of a second factor.
    """

    identifier: str
    client: ClientInfo
    user: Any = None
    factor: str = PASSWORD


LoginHook: TypeAlias = Callable[[LoginAttempt], Awaitable[str | None] | str | None]
"""Decides about a login: returns a reason to refuse it, or `None`. May be sync or async."""
