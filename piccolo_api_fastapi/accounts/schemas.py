"""The request and response bodies of accounts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypeAlias
from uuid import UUID

from piccolo.apps.user.tables import BaseUser
from piccolo.utils.pydantic import create_pydantic_model
from pydantic import BaseModel, ConfigDict, Discriminator, Field, SecretStr, Tag, create_model

from piccolo_api_fastapi.access.names import scheme_name_of
from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http.bodies import NOT_EMPTY, ResponseBody, shown
from piccolo_api_fastapi.users.identifiers import MAXIMUM_LENGTH, real_email
from piccolo_api_fastapi.users.passwords.hasher import MAXIMUM_CHARACTERS
from piccolo_api_fastapi.users.passwords.policy import SHORTEST_PASSWORD

from .columns import column_of, given_fields, shown_fields
from .mailboxes import Caller
from .mailboxes.verification import Verification, Verified

_PASSWORD = "correct horse battery"  # noqa: S105 - an example


class Strict(BaseModel):
    """A body that must not have other fields."""

    model_config = ConfigDict(extra="forbid")


Email = Annotated[
    str,
    Field(description="An e-mail address.", examples=["ada@example.com"]),
    shown(format="email", maxLength=MAXIMUM_LENGTH),
]
NewPassword = Annotated[
    SecretStr,
    Field(description="A new password.", examples=[_PASSWORD]),
    shown(minLength=SHORTEST_PASSWORD, maxLength=MAXIMUM_CHARACTERS),
]
CurrentPassword = Annotated[
    SecretStr | None,
    Field(
        description="The password of the caller. Not required soon after a factor was used.",
        examples=[_PASSWORD],
    ),
]
Token = Annotated[
    SecretStr,
    Field(description="The text after `#token=` in the link.", examples=["tkt_x1Y2"]),
    NOT_EMPTY,
]


class RegisterIn(Strict):
    """A new account, whose address is verified by mail."""

    email: Email
    password: NewPassword
    username: Annotated[
        str | None, Field(description="The address by default.", examples=["ada"])
    ] = None


class RegisterWithoutMailIn(Strict):
    """A new account."""

    username: Annotated[str, Field(examples=["ada"]), NOT_EMPTY]
    password: NewPassword
    email: Email | None = None


class EmailIn(Strict):
    """An e-mail address."""

    email: Email


class VerifyByLinkIn(Strict):
    """The secret of a link."""

    token: Token

    async def verify(
        self, verification: Verification[Any], caller: Caller[Any] | None
    ) -> Verified[Any]:
        """Verify the address that the link was sent to."""
        return await verification.by_link(self.token.get_secret_value(), caller)


class VerifyByCodeIn(Strict):
    """An e-mail address, and the code of six digits that was sent to it."""

    email: Email
    code: Annotated[SecretStr, Field(description="Six digits.", examples=["123456"]), NOT_EMPTY]

    async def verify(
        self, verification: Verification[Any], caller: Caller[Any] | None
    ) -> Verified[Any]:
        """Verify the address."""
        return await verification.by_code(self.email, self.code.get_secret_value(), caller)


def _way_of(body: Any) -> str:
    return "link" if isinstance(body, dict) and "token" in body else "code"


VerifyEmailIn: TypeAlias = Annotated[
    Annotated[VerifyByLinkIn, Tag("link")] | Annotated[VerifyByCodeIn, Tag("code")],
    Discriminator(_way_of),
]


class TokenIn(Strict):
    """The secret of a link."""

    token: Token


class ResetPasswordIn(Strict):
    """The secret of a link, and a new password."""

    token: Token
    password: NewPassword


class ChangePasswordIn(Strict):
    """The current password, and a new one."""

    new_password: NewPassword
    current_password: CurrentPassword = None


class ChangeEmailIn(Strict):
    """The current password, and a new address."""

    email: Email
    current_password: CurrentPassword = None


class CloseAccountIn(Strict):
    """The current password."""

    current_password: CurrentPassword = None


class Accepted(ResponseBody):
    """The response to every request, whoever has the address: the result is sent by mail."""

    status: Literal["check_your_mail"] = "check_your_mail"


class EmailVerified(ResponseBody):
    """
    The address is verified. If it was registered more than once, with different passwords, the
    user is sent a link to choose one.
    """

    status: Literal["verified", "choose_password"] = "verified"


class MeOut(ResponseBody):
    """The signed-in user."""

    id: int | UUID | str
    username: str
    email: str | None
    email_verified: bool


@dataclass(frozen=True, slots=True)
class Models:
    """
    The models that depend on the user table.

    Args:
        register: The body of `POST /register`.
        me: The response of `GET /me`.
        change: The body of `PATCH /me`.
        extra: The names of the columns that users may change.
    """

    register: type[BaseModel]
    me: type[BaseModel]
    change: type[BaseModel] | None
    extra: tuple[str, ...]

    def describe(self, user: BaseUser, *, email_verified: bool) -> BaseModel:
        """A user as `GET /me` shows them."""
        return self.me(
            id=primary_key(user),
            username=user.username,
            email=real_email(user.email),
            email_verified=email_verified,
            **{name: getattr(user, name) for name in self.extra},
        )


def make_models(
    users: type[BaseUser], extra: Sequence[str], *, has_mail: bool, name: str = ""
) -> Models:
    """
    The models with columns of the user table.

    Args:
        users: The user table.
        extra: The names of columns that users may fill in and change.
        has_mail: Whether messages are sent.
        name: The name of the schemes, which tells the models of several user tables apart.

    Raises:
        ConfigurationError: A name is not that of a column that users may change.
    """
    columns = tuple(column_of(users, name) for name in extra)
    base: type[BaseModel] = RegisterIn if has_mail else RegisterWithoutMailIn
    if not columns:
        return Models(base, MeOut, None, ())
    fields: Any = {"include_columns": columns}
    optional = create_pydantic_model(users, model_name="Columns", all_optional=True, **fields)
    given, shown = given_fields(optional, columns), shown_fields(optional, columns)
    register, me, change = (scheme_name_of(name, kind) for kind in ("RegisterIn", "MeOut", "MeIn"))
    return Models(
        register=create_model(register, __base__=base, __doc__=base.__doc__, **given),
        me=create_model(me, __base__=MeOut, __doc__=MeOut.__doc__, **shown),
        change=create_model(change, __base__=Strict, __doc__="The columns to change.", **given),
        extra=tuple(extra),
    )
