"""The columns of a user table that users may fill in: which, and the values that fit them."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Annotated, Any

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
from pydantic import AfterValidator, BaseModel, Field, NaiveDatetime, create_model

from piccolo_api_fastapi.core.database.outages import is_unique_violation, is_unusable_value
from piccolo_api_fastapi.core.http import strict_json
from piccolo_api_fastapi.errors import ConfigurationError, FieldError, Unprocessable, ValueTaken

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


def column_of(users: type[BaseUser], name: str) -> Column:
    """
    The column of a user table that users may fill in.

    Raises:
        ConfigurationError: The table has no such column, or users must not change it.
    """
    found = [column for column in users._meta.columns if column._meta.name == name]
    if not found or found[0]._meta.primary_key or found[0]._meta.secret:
        raise ConfigurationError(f"extra={name!r} is not a column that users may change.")
    if name in _RESERVED or isinstance(found[0], ForeignKey):
        raise ConfigurationError(f"extra={name!r} is not a column that users may change.")
    return found[0]


def check_not_null(users: type[BaseUser], values: Mapping[str, Any]) -> None:
    """
    Refuse null in columns that must have a value.

    Raises:
        Unprocessable: A value is missing.
    """
    columns = {column._meta.name: column for column in users._meta.columns}
    missing = [
        FieldError(("body", name), "This can't be empty.", "column_null")
        for name, value in values.items()
        if value is None and not columns[name]._meta.null
    ]
    if missing:
        raise Unprocessable(missing)


@contextmanager
def refusing_values() -> Iterator[None]:
    """
    Translate the database's refusal of a value that a user filled in.

    Raises:
        ValueTaken: A value belongs to another user.
        Unprocessable: A value does not fit its column.
    """
    try:
        yield
    except Exception as error:
        if is_unique_violation(error):
            raise ValueTaken from None
        if is_unusable_value(error):
            unusable = FieldError(("body",), "A value can't be stored.", "value_unusable")
            raise Unprocessable([unusable]) from None
        raise


def fit(given: type[BaseModel], columns: Sequence[Column]) -> type[BaseModel]:
    """The fields of Piccolo's model, with the bounds that Piccolo's types leave out."""
    fields: dict[str, Any] = {}
    for column in columns:
        name, kind = column._meta.name, _kind(column)
        if kind is not None:
            field = given.model_fields[name]
            extra: Any = field.json_schema_extra
            new = Field(None, alias=field.alias, title=field.title, json_schema_extra=extra)
            fields[name] = (kind | None, new)
    return create_model("Fitted", __base__=given, **fields)


def plain_schema(schema: dict[str, Any]) -> None:
    """Remove from a schema what Piccolo says to its own forms. Help texts become descriptions."""
    for part in (schema, *schema.get("properties", {}).values()):
        text = part.pop("extra", {}).get("help_text")
        if text:
            part.setdefault("description", text)


def _kind(column: Column) -> Any:
    """The type of the values that fit a column on every database."""
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
        raise ValueError("This time is out of range in UTC.") from None


def _json(text: str) -> str:
    try:
        strict_json.loads(text.encode())
    except ValueError:
        raise ValueError("This is not JSON that can be stored.") from None
    return text


_FLOAT = 3.4028234663852886e38
"""The largest number of 32 bits (IEEE 754)."""

_KINDS: dict[type[Column], Any] = {
    # A subclass before its base.
    SmallInt: _integer(16),
    BigInt: _integer(64),
    Integer: _integer(32),
    DoublePrecision: float,
    Real: Annotated[float, Field(ge=-_FLOAT, le=_FLOAT)],
    Timestamp: NaiveDatetime,
    Timestamptz: Annotated[datetime, AfterValidator(_in_utc)],
    JSON: Annotated[str, AfterValidator(_json)],
}
