"""The columns of a user table that users may fill in: which, and the values that fit them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from typing import Annotated, Any, Literal, get_args

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import (
    JSON,
    Array,
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
from pydantic import AfterValidator, BaseModel, Field, NaiveDatetime

from piccolo_api_fastapi.core.database.outages import is_unique_violation, is_unusable_value
from piccolo_api_fastapi.core.http.parsing import strict_json
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
    columns = {column._meta.name: column for column in users._meta.columns if _is_free(column)}
    if name not in columns:
        raise ConfigurationError(
            f"extra={name!r} is not a column of {users.__name__} that users may change. "
            f"Those are: {', '.join(columns)}."
        )
    return columns[name]


def _is_free(column: Column) -> bool:
    is_own = column._meta.primary_key or column._meta.secret or isinstance(column, ForeignKey)
    return not is_own and column._meta.name not in _RESERVED


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


def given_fields(model: type[BaseModel], columns: Sequence[Column]) -> dict[str, Any]:
    """
    Return the fields of a request body, with the bounds that Piccolo's types leave out.

    Args:
        model: Piccolo's model of the columns, all of them optional.
        columns: The columns.
    """
    fields: dict[str, Any] = {}
    for column in columns:
        kind = _choices(column) or _kind(column)
        annotation = model.model_fields[column._meta.name].annotation
        fields[column._meta.name] = (annotation if kind is None else kind | None, _field(column))
    return fields


def shown_fields(model: type[BaseModel], columns: Sequence[Column]) -> dict[str, Any]:
    """
    Return the fields of a response. Stored values are shown even if they are no choice any more.

    Args:
        model: Piccolo's model of the columns, all of them optional.
        columns: The columns.
    """
    fields: dict[str, Any] = {}
    for column in columns:
        annotation: Any = model.model_fields[column._meta.name].annotation
        kind, _ = get_args(annotation)  # and None, since all are optional
        fields[column._meta.name] = (annotation if column._meta.null else kind, _field(column, ...))
    return fields


def _field(column: Column, default: Any = None) -> Any:
    """Make a field with the column's name in Python, whatever its name in the database."""
    return Field(default, description=column._meta.help_text)


def _choices(column: Column) -> Any:
    """Return the type of a column with choices, or `None`."""
    choices = column._meta.get_choices_dict()
    if choices is None:
        return None
    values = [choice["value"] for choice in choices.values()]
    if not all(isinstance(value, (str, int)) for value in values):
        return Annotated[column.value_type, AfterValidator(_one_of(values))]
    one: Any = Literal[tuple(values)]
    return list[one] if isinstance(column, Array) else one


def _one_of(values: Sequence[Any]) -> Callable[[Any], Any]:
    def check(value: Any) -> Any:
        if value not in values:
            raise ValueError("This is not one of the choices.")
        return value

    return check


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
        strict_json(text.encode())
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
