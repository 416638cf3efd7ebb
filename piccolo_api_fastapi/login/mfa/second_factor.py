"""What a second factor is, for `Login` and for whoever writes one."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ClassVar, TypeAlias

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.users import Users

CompleteHook: TypeAlias = Callable[[], Awaitable[object]]
"""Runs last in the transaction of a change, when the user is locked; what it raises undoes it."""


class SecondFactor(ABC):
    """
    Something that a user presents beside the password.

    `users` are whose factor it is; `name` is what requests, events and `Identity.factors` call it.
    """

    name: ClassVar[str]
    users: Users[Any]
    companions: Sequence["SecondFactor"] = ()

    @abstractmethod
    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has it, so that a login asks for it."""

    @abstractmethod
    def accepts(self, code: str) -> bool:
        """Whether a code looks like one of this factor."""

    @abstractmethod
    async def verify(self, user: BaseUser, code: str) -> None:
        """
        Check a code and use it up. A failure is counted before the code is looked at.

        Raises:
            InvalidCode: It is wrong, or was used before.
            TooManyRequests: After several failures one has to wait.
            FactorDisabled: There were too many.
        """

    async def send(self, user: BaseUser) -> None:  # noqa: B027 - most have nothing to send
        """Send a code, for a factor that has to."""
