"""What a login takes and gives."""

from typing import Annotated, Literal
from uuid import UUID

from piccolo.apps.user.tables import BaseUser
from pydantic import BaseModel, ConfigDict, Field, SecretStr

from piccolo_api_fastapi.identifiers import real_email
from piccolo_api_fastapi.user_tables import primary_key


class LoginIn(BaseModel):
    """Who, and their password."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"username": "ada", "password": "correct horse battery"}]}
    )

    username: Annotated[str, Field(description="The username or the e-mail address.")]
    password: SecretStr


class UserOut(BaseModel):
    """A user, as the auth routes show one."""

    id: int | UUID | str
    username: str
    email: str | None

    @classmethod
    def of(cls, user: BaseUser) -> "UserOut":
        """What is shown of a row."""
        return cls(id=primary_key(user), username=user.username, email=real_email(user.email))


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
