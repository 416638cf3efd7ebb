"""Bodies of the login routes."""

from typing import Annotated, Literal
from uuid import UUID

from piccolo.apps.user.tables import BaseUser
from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.users.identifiers import real_email

from .challenges import Challenge


class LoginIn(BaseModel):
    """
    A username or an e-mail address, and a password. Other members are ignored: none changes what
    a login does, and forms carry more, such as where to go next.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "ada", "password": "correct horse battery"}]}
    )

    username: Annotated[str, Field(description="The username or the e-mail address.")]
    password: SecretStr


class UserOut(BaseModel):
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

    challenge: SecretStr
    code: Annotated[SecretStr, Field(max_length=128, description="The code as typed.")]
    method: Annotated[
        str | None,
        Field(description="One of `methods`; by default the first that accepts the code."),
    ] = None


class SendIn(BaseModel):
    """The factor whose code to send."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"challenge": "tkt_…", "method": "email_code"}]},
    )

    challenge: SecretStr
    method: str


class ReauthenticationIn(BaseModel):
    """Either the password or a code of a second factor."""

    model_config = ConfigDict(
        extra="forbid",
        json_schema_extra={"examples": [{"password": "correct horse battery"}, {"code": "123456"}]},
    )

    password: SecretStr | None = None
    code: Annotated[SecretStr | None, Field(max_length=128)] = None
    method: str | None = None

    @model_validator(mode="after")
    def one_of_the_two(self) -> "ReauthenticationIn":
        """
        Refuse a body with both or neither.

        Raises:
            ValueError: The body has both or neither.
        """
        if (self.password is None) is (self.code is None):
            raise ValueError("Send a password or a code.")
        return self


class MFARequiredOut(BaseModel):
    """The password was right, and a second factor must follow."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "mfa_required",
                    "challenge": "tkt_…",
                    "methods": ["totp", "recovery_code"],
                    "expires_in": 600,
                }
            ]
        }
    )

    status: Literal["mfa_required"] = "mfa_required"
    challenge: str
    methods: list[str]
    expires_in: Annotated[int, Field(description="The lifetime of the challenge in seconds.")]

    @classmethod
    def of(cls, challenge: Challenge) -> "MFARequiredOut":
        """Make the model of a challenge."""
        return cls(
            challenge=challenge.token,
            methods=list(challenge.methods),
            expires_in=challenge.expires_in,
        )


class SignedIn(BaseModel):
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


class EnrolmentRequiredOut(BaseModel):
    """The user is signed in only to enrol a second factor."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "status": "mfa_enrolment_required",
                    "user": {"id": 1, "username": "ada", "email": "ada@example.com"},
                }
            ]
        }
    )

    status: Literal["mfa_enrolment_required"] = "mfa_enrolment_required"
    user: UserOut
