"""The request and response bodies of log-ins by e-mail."""

from typing import Annotated, Literal, TypeAlias

from pydantic import Field, SecretStr

from piccolo_api_fastapi.accounts.schemas import Accepted, Email, Strict, Token
from piccolo_api_fastapi.core.http.bodies import NOT_EMPTY, ResponseBody
from piccolo_api_fastapi.login import EnrolmentRequiredOut, MFARequiredOut, SignedIn

Code = Annotated[
    SecretStr, Field(description="The digits in the mail.", examples=["123456"]), NOT_EMPTY
]


class LoginByLinkIn(Strict):
    """The secret of a link."""

    token: Token


class LoginByCodeIn(Strict):
    """An address, and the code that was sent to it."""

    email: Email
    code: Code


class AppCodeIn(LoginByCodeIn):
    """An address, the code that was sent to it, and the token of the app that asked for it."""

    login: Annotated[
        SecretStr,
        Field(description="`login` of the response to the request.", examples=["login_x1Y2"]),
        NOT_EMPTY,
    ]


class AppAccepted(Accepted):
    """The response to every request of an app, whoever has the address."""

    login: Annotated[
        str,
        Field(description="Send it back with the code. It is a secret.", examples=["login_x1Y2"]),
    ]
    expires_in: Annotated[
        int, Field(description="The lifetime of the code in seconds.", examples=[900])
    ]


class ConfirmCode(ResponseBody):
    """
    The link was opened in another browser than the one that asked for it. Nobody is signed in:
    ask the user to type the code where they began. The code is still valid.
    """

    status: Literal["confirm_code"] = "confirm_code"


LinkOut: TypeAlias = Annotated[
    SignedIn | MFARequiredOut | EnrolmentRequiredOut | ConfirmCode, Field(discriminator="status")
]
