"""What the routes of accounts take and give."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Annotated, Any, Literal
from uuid import UUID

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import (
    JSON,
    BigInt,
    Column,
    DoublePrecision,
    ForeignKey,
    Integer,
    Real,
    SmallInt,
    Timestamp,
    Timestamptz,
)
from piccolo.utils.pydantic import create_pydantic_model
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    NaiveDatetime,
    SecretStr,
    create_model,
)

from piccolo_api_fastapi.core.database.user_tables import primary_key
from piccolo_api_fastapi.core.http import strict_json
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.users.identifiers import real_email

_PASSWORD = "correct horse battery"  # noqa: S105 - an example


class Strict(BaseModel):
    """A body that has nothing but what is asked for."""

    model_config = ConfigDict(extra="forbid")


Email = Annotated[str, Field(description="An e-mail address.", examples=["ada@example.com"])]
NewPassword = Annotated[SecretStr, Field(description="A new password.", examples=[_PASSWORD])]
CurrentPassword = Annotated[
    SecretStr | None,
    Field(
        description="The password of the caller; not asked of who presented a factor just now.",
        examples=[_PASSWORD],
    ),
]
Token = Annotated[
    SecretStr, Field(description="What the link has behind `#token=`.", examples=["tkt_x1Y2"])
]


class RegisterIn(Strict):
    """A new account; the address is verified by mail."""

    email: Email
    password: NewPassword
    username: Annotated[
        str | None, Field(description="The address, if left out.", examples=["ada"])
    ] = None


class RegisterWithoutMailIn(Strict):
    """A new account."""

    username: Annotated[str, Field(examples=["ada"])]
    password: NewPassword
    email: Email | None = None


class EmailIn(Strict):
    """An address."""

    email: Email


class VerifyEmailIn(Strict):
    """The secret of a link, or the address and the code of six digits."""

    token: Token | None = None
    email: Email | None = None
    code: Annotated[SecretStr | None, Field(description="Six digits.", examples=["123456"])] = None


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


class Accepted(BaseModel):
    """The same for everybody: what comes of it is told by mail."""

    status: Literal["check_your_mail"] = "check_your_mail"


class EmailVerified(BaseModel):
    """
    The address is verified. Somebody who registered more than once, with different passwords, is
    sent a link to choose one.
    """

    status: Literal["verified", "choose_password"] = "verified"


class MeOut(BaseModel):
    """The caller."""

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
        me: The answer of `GET /me`.
        change: The body of `PATCH /me`.
        extra: The names of the columns that people may change.
    """

    register: type[BaseModel]
    me: type[BaseModel]
    change: type[BaseModel] | None
    extra: tuple[str, ...]

    def describe(self, user: BaseUser, *, email_verified: bool) -> BaseModel:
        """A user, as `GET /me` shows one."""
        return self.me(
            id=primary_key(user),
            username=user.username,
            email=real_email(user.email),
            email_verified=email_verified,
            **{name: getattr(user, name) for name in self.extra},
        )


def make_models(users: type[BaseUser], extra: Sequence[str], *, has_mail: bool) -> Models:
    """
    The models, with these columns of the user table.

    Args:
        users: The user table.
        extra: The names of columns that people fill in and change themselves.
        has_mail: Whether registrations are answered by mail.

    Raises:
        ConfigurationError: One of them is no column, or none that people may change.
    """
    columns = tuple(_column(users, name) for name in extra)
    base: type[BaseModel] = RegisterIn if has_mail else RegisterWithoutMailIn
    if not columns:
        return Models(base, MeOut, None, ())
    fields: Any = {"include_columns": columns}
    given = create_pydantic_model(users, model_name="Given", all_optional=True, **fields)
    shown = create_pydantic_model(users, model_name="Shown", **fields)
    fitted = _fit(given, columns)
    return Models(
        register=create_model("RegisterIn", __base__=(base, fitted), __doc__=base.__doc__),
        me=create_model("MeOut", __base__=(MeOut, shown), __doc__=MeOut.__doc__),
        change=create_model("MeIn", __base__=(Strict, fitted), __doc__="What is to change."),
        extra=tuple(extra),
    )


def _fit(given: type[BaseModel], columns: Sequence[Column]) -> type[BaseModel]:
    """The fields of Piccolo's model, with the bounds that its types leave out."""
    fields: dict[str, Any] = {}
    for column in columns:
        name, kind = column._meta.name, _kind(column)
        if kind is not None:
            field = given.model_fields[name]
            extra: Any = field.json_schema_extra
            new = Field(None, alias=field.alias, title=field.title, json_schema_extra=extra)
            fields[name] = (kind | None, new)
    return create_model("Fitted", __base__=given, **fields)


def _kind(column: Column) -> Any:
    """What fits a column on every database."""
    for kind, annotation in _KINDS.items():
        if isinstance(column, kind):
            return annotation
    return None


def _integer(bits: int) -> Any:
    return Annotated[int, Field(ge=-(2 ** (bits - 1)), le=2 ** (bits - 1) - 1)]


def _in_utc(at: datetime) -> datetime:
    try:
        return at.astimezone(timezone.utc) if at.tzinfo else at
    except OverflowError:
        raise ValueError("In UTC this is beyond the calendar.") from None


def _json(text: str) -> str:
    try:
        strict_json.loads(text.encode())
    except ValueError:
        raise ValueError("This is not JSON that can be stored.") from None
    return text


_FLOAT = 3.4028234663852886e38
"""The largest number of 32 bits (IEEE 754)."""

_KINDS: dict[type[Column], Any] = {
    # The derived ones before those that they derive from.
    SmallInt: _integer(16),
    BigInt: _integer(64),
    Integer: _integer(32),
    DoublePrecision: float,
    Real: Annotated[float, Field(ge=-_FLOAT, le=_FLOAT)],
    Timestamp: NaiveDatetime,
    Timestamptz: Annotated[datetime, AfterValidator(_in_utc)],
    JSON: Annotated[str, AfterValidator(_json)],
}


def _column(users: type[BaseUser], name: str) -> Column:
    found = [column for column in users._meta.columns if column._meta.name == name]
    if not found or found[0]._meta.primary_key or found[0]._meta.secret:
        raise ConfigurationError(f"extra={name!r} is no column that people may change.")
    if name in _RESERVED or isinstance(found[0], ForeignKey):
        raise ConfigurationError(f"extra={name!r} is no column that people may change.")
    return found[0]


_RESERVED = frozenset(
    {
        "username",
        "password",
        "email",
        "email_verified",
        "active",
        "admin",
        "superuser",
        "last_login",
    }
)
