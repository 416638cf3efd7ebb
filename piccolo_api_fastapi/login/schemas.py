"""Bodies of the login routes."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from piccolo.apps.user.tables import BaseUser
from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag
from starlette.requests import HTTPConnection

from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.bodies import NOT_EMPTY, ResponseBody
from piccolo_api_fastapi.core.http.operations import NextStep, next_step
from piccolo_api_fastapi.errors import TO_ENROL, LeadsTo
from piccolo_api_fastapi.users.identifiers import real_email

from .challenges import Challenge
from .mfa.credentials import AUTHENTICATION_EXAMPLE, AuthenticationCredential
from .mfa.second_factor import Assertion

OPTIONS_EXAMPLE: dict[str, Any] = {
    "challenge": "l7mJ3kq0…",
    "timeout": 300000,
    "rpId": "example.com",
    "allowCredentials": [],
    "userVerification": "required",
}


class LoginIn(BaseModel):
    """
    A username or an e-mail address, and a password. Other members are ignored: none changes what
    a login does, and forms carry more, such as where to go next.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "ada", "password": "correct horse battery"}]}
    )

    username: Annotated[str, NOT_EMPTY, Field(description="The username or the e-mail address.")]
    password: Annotated[SecretStr, NOT_EMPTY]


class UserOut(ResponseBody):
    """A user, as the auth routes return it."""

    id: int | UUID | str
    username: str
    email: str | None

    @classmethod
    def of(cls, user: BaseUser) -> "UserOut":
        """Make the model of a row."""
        return cls(id=primary_key(user), username=user.username, email=real_email(user.email))


class MFAIn(BaseModel):
    """The second step of a login."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"challenge": "tkt_…", "code": "123456"}]}
    )

    challenge: Annotated[SecretStr, NOT_EMPTY]
    code: Annotated[SecretStr, NOT_EMPTY, Field(max_length=128, description="The code as typed.")]
    method: Annotated[
        str | None,
        Field(description="One of `methods`; by default the first that accepts the code."),
    ] = None

    @property
    def presented(self) -> str:
        """The code as typed."""
        return self.code.get_secret_value()


class CredentialIn(BaseModel):
    """A challenge, and what the browser signed for its options."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={
            "examples": [
                {
                    "challenge": "tkt_…",
                    "credential": AUTHENTICATION_EXAMPLE,
                }
            ]
        },
    )

    challenge: Annotated[SecretStr, NOT_EMPTY]
    credential: Annotated[AuthenticationCredential, Field(repr=False)]
    method: Annotated[
        str | None, Field(description="The factor; by default the first that signs challenges.")
    ] = None

    @property
    def presented(self) -> Assertion:
        """What the browser signed, with its challenge."""
        credential = self.credential.model_dump(exclude_none=True)
        return Assertion(credential, self.challenge.get_secret_value())


class SendIn(BaseModel):
    """The factor whose code to send."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"challenge": "tkt_…", "method": "email_code"}]},
    )

    challenge: Annotated[SecretStr, NOT_EMPTY]
    method: Annotated[str, NOT_EMPTY, Field(description="One of `methods`.")]


class PasswordAgainIn(BaseModel):
    """The password."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"password": "correct horse battery"}]}
    )

    password: Annotated[SecretStr, NOT_EMPTY]


class CodeAgainIn(BaseModel):
    """A code of a second factor."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [{"code": "123456"}]})

    code: Annotated[SecretStr, NOT_EMPTY, Field(max_length=128, description="The code as typed.")]
    method: Annotated[
        str | None,
        Field(description="The factor; by default the first that accepts the code."),
    ] = None

    @property
    def presented(self) -> str:
        """The code as typed."""
        return self.code.get_secret_value()


class FactorAgainIn(BaseModel):
    """A factor that signs challenges."""

    model_config = ConfigDict(
        extra="forbid", json_schema_extra={"examples": [{"method": "passkey"}]}
    )

    method: Annotated[str, NOT_EMPTY, Field(description="The factor.")] = "passkey"


class FactorIn(FactorAgainIn):
    """The factor whose challenge to sign in the second step of a login."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"challenge": "tkt_…", "method": "passkey"}]}
    )

    challenge: Annotated[SecretStr, NOT_EMPTY]


class OptionsOut(ResponseBody):
    """What `PublicKeyCredential.parseRequestOptionsFromJSON` takes."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"options": OPTIONS_EXAMPLE}]})

    options: Annotated[
        Mapping[str, Any],
        Field(description="`PublicKeyCredentialRequestOptionsJSON`", repr=False),
    ]


class CeremonyOut(OptionsOut):
    """A challenge, and the options with which the browser signs it."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"challenge": "tkt_…", "options": OPTIONS_EXAMPLE, "expires_in": 300}]
        }
    )

    challenge: Annotated[str, Field(description="Send it back with the credential.", repr=False)]
    expires_in: Annotated[int, Field(description="The lifetime of the challenge in seconds.")]


def _one_of(*names: str) -> Callable[[Any], str | None]:
    """Return a function that says which of these members a body has, if it has one of them."""

    def kind_of(body: Any) -> str | None:
        given = [name for name in names if _has(body, name)]
        return given[0] if len(given) == 1 else None

    return kind_of


def _has(body: Any, name: str) -> bool:
    found = body.get(name) if isinstance(body, dict) else getattr(body, name, None)
    return found is not None


ReauthenticationIn: TypeAlias = Annotated[
    Annotated[PasswordAgainIn, Tag("password")] | Annotated[CodeAgainIn, Tag("code")],
    Discriminator(
        _one_of("password", "code"),
        custom_error_type="one_of_the_two",
        custom_error_message="Send a password or a code.",
    ),
]
"""Either the password or a code of a second factor."""

AnyFactorAgainIn: TypeAlias = Annotated[
    Annotated[PasswordAgainIn, Tag("password")]
    | Annotated[CodeAgainIn, Tag("code")]
    | Annotated[CredentialIn, Tag("credential")],
    Discriminator(
        _one_of("password", "code", "credential"),
        custom_error_type="one_of_the_three",
        custom_error_message="Send a password, a code or a credential.",
    ),
]
"""The password, a code of a second factor, or what the browser signed."""

SecondStepIn: TypeAlias = Annotated[
    Annotated[MFAIn, Tag("code")] | Annotated[CredentialIn, Tag("credential")],
    Discriminator(
        _one_of("code", "credential"),
        custom_error_type="one_of_the_two",
        custom_error_message="Send a code or a credential.",
    ),
]
"""Either a code of a second factor, or what the browser signed."""


class MFARequiredOut(ResponseBody):
    """The password was right, and a second factor must follow."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "mfa_required",
                    "challenge": "tkt_…",
                    "methods": ["totp", "recovery_code"],
                    "expires_in": 600,
                    "next": {
                        "action": "present_factor",
                        "href": "/auth/login/mfa",
                        "send_href": "/auth/login/mfa/send",
                    },
                }
            ]
        }
    )

    status: Literal["mfa_required"] = "mfa_required"
    challenge: str
    methods: list[str]
    expires_in: Annotated[int, Field(description="The lifetime of the challenge in seconds.")]
    next: NextStep

    @classmethod
    def of(cls, challenge: Challenge, request: HTTPConnection) -> "MFARequiredOut":
        """Make the model of a challenge, which is the answer to a request."""
        step = LeadsTo("present_factor", "log_in_mfa", "send_login_code")
        return cls(
            challenge=challenge.token,
            methods=list(challenge.methods),
            expires_in=challenge.expires_in,
            next=next_step(request.scope, step),
        )


class SignedIn(ResponseBody):
    """The login is complete."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "signed_in",
                    "user": {"id": 1, "username": "ada", "email": "ada@example.com"},
                }
            ]
        }
    )

    status: Literal["signed_in"] = "signed_in"
    user: UserOut


class EnrolmentRequiredOut(ResponseBody):
    """The user is signed in only to enrol a second factor."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "mfa_enrolment_required",
                    "user": {"id": 1, "username": "ada", "email": "ada@example.com"},
                    "next": {"action": "enrol_factor", "href": "/auth/mfa/totp"},
                }
            ]
        }
    )

    status: Literal["mfa_enrolment_required"] = "mfa_enrolment_required"
    user: UserOut
    next: NextStep

    @classmethod
    def of(cls, user: BaseUser, request: HTTPConnection) -> "EnrolmentRequiredOut":
        """Make the model of a user, which is the answer to a request."""
        return cls(user=UserOut.of(user), next=next_step(request.scope, TO_ENROL))
