"""`SecondFactor`: the base class of second factors."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.users import Users


class SecondFactor(ABC):
    """
    A factor that a user presents in addition to the password.

    ```python
    from piccolo.apps.user.tables import BaseUser
    from piccolo_api_fastapi import Login, SecondFactor, Users
    from piccolo_api_fastapi.errors import InvalidCode


    class Pager(SecondFactor):
        name = "pager"

        def __init__(self, users: Users) -> None:
            self.users = users

        async def is_enrolled(self, user: BaseUser) -> bool:
            return user.superuser

        def accepts(self, code: str) -> bool:
            return code.startswith("P-")

        async def verify(self, user: BaseUser, code: str) -> None:
            raise InvalidCode


    users = Users()
    login = Login(users, factors=[Pager(users)])
    ```

    A subclass sets `name`, which requests, events and `Identity.factors` contain, and `users`,
    the users who can enrol it. `companions` are further factors of a user who has this one,
    such as recovery codes.
    """

    name: ClassVar[str]
    users: Users[Any]
    companions: Sequence["SecondFactor"] = ()

    @abstractmethod
    async def is_enrolled(self, user: BaseUser) -> bool:
        """Whether the user has this factor, so that a login asks for it."""

    @abstractmethod
    def accepts(self, code: str) -> bool:
        """Whether the code has the format of this factor."""

    @abstractmethod
    async def verify(self, user: BaseUser, code: str) -> None:
        """
        Check a code and use it up. Count a failure before the code is checked.

        Raises:
            InvalidCode: The code is wrong or was used before.
            TooManyRequests: There were several wrong codes; the user has to wait.
            FactorDisabled: There were too many wrong codes.
        """

    async def send(self, user: BaseUser) -> None:  # noqa: B027 - most factors send nothing
        """Send a code, for a factor whose codes are sent."""
