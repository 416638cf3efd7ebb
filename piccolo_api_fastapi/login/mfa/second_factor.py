"""`SecondFactor`: the base class of second factors."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.access.step_up import Worth, declare_factor
from piccolo_api_fastapi.errors import InvalidCode
from piccolo_api_fastapi.mail.notices import Notice, declare_notices
from piccolo_api_fastapi.users import Users


@dataclass(frozen=True, slots=True)
class Assertion:
    """
    What a browser returned for the options of a factor that signs a challenge.

    Args:
        credential: The result of `credential.toJSON()`.
        challenge: The token that the options were made for.
    """

    credential: Mapping[str, Any] = field(repr=False)
    challenge: str = field(repr=False)


class SecondFactor(ABC):
    """
    A factor that a user presents in addition to the password. A subclass with a `name` is declared.

    ```python
    from piccolo.apps.user.tables import BaseUser
    from piccolo_api_fastapi import Login, SecondFactor, Users
    from piccolo_api_fastapi.errors import InvalidCode


    class Pager(SecondFactor):
        name, amr = "pager", ("otp",)
        notices = {"pager_lost": "Your pager was reported lost."}

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

    Attributes:
        name: The name of the factor in requests, events and `Identity.factors`.
        amr: The values that it adds to the claim `amr` (RFC 8176 section 2).
        proves: What the user shows by it, such as `mailbox`. Default: the name. It is not asked
            for after a first factor that proves the same.
        worth: `"second"`, or `"both"` if it can start a login as well and is multi-factor by
            itself.
        notices: The mail about its events: sentences by the name of the event; see
            `declare_notices`.
        users: The users who can have this factor.
        counts_as: The name of the declared factor that it is worth, if that depends on its
            configuration. Default: its own.
        companions: Factors that users have only together with this one, such as recovery codes.
    """

    name: ClassVar[str]
    amr: ClassVar[Sequence[str]] = ()
    worth: ClassVar[Worth] = "second"
    proves: ClassVar[str | None] = None
    notices: ClassVar[Mapping[str, Notice]] = {}
    users: Users[Any]
    counts_as: str = ""
    companions: Sequence["SecondFactor"] = ()

    @property
    def recorded_as(self) -> str:
        """The `AuthTable.factor` of `self.table`; empty if no table says who has this factor."""
        return str(getattr(getattr(self, "table", None), "factor", ""))

    @property
    def sends_code(self) -> bool:
        """Whether a code is sent when it is asked for."""
        return type(self).send is not SecondFactor.send

    @property
    def signs_challenge(self) -> bool:
        """Whether the browser signs a challenge, in place of a code."""
        return type(self).request_options is not SecondFactor.request_options

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        if hasattr(cls, "name"):
            declare_factor(cls.name, amr=cls.amr, worth=cls.worth, proves=cls.proves)
            declare_notices(cls.notices)

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

    async def verify_again(self, user: BaseUser, code: str) -> None:
        """
        Check a code of a user who is signed in, and use it up; by default like `verify`.

        A credential has four tries in a row, which are counted before this is called. Count
        failures apart from those of log-ins, and limit both together: otherwise a stolen session
        keeps its owner from logging in.

        Raises:
            InvalidCode, TooManyRequests, FactorDisabled: As for `verify`.
        """
        await self.verify(user, code)

    async def request_options(self, user: BaseUser, challenge: str) -> Mapping[str, Any]:  # noqa: ARG002
        """
        Return the options with which the browser signs a challenge, for a factor that does that.

        Args:
            user: The user.
            challenge: The token that the browser sends back with the result.

        Raises:
            InvalidCode: The factor has no options.
        """
        raise InvalidCode

    async def verify_assertion(self, user: BaseUser, assertion: Assertion) -> str:  # noqa: ARG002
        """
        Check what the browser signed.

        Returns:
            The name of the factor that it proves.

        Raises:
            InvalidCode: It is not valid for this user.
        """
        raise InvalidCode

    async def send(self, user: BaseUser) -> None:  # noqa: B027 - most factors send nothing
        """Send a code, for a factor whose codes are sent."""
