"""One converter for each type of column: values in bodies, in queries and in responses."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal

from piccolo.columns import (
    JSON,
    UUID,
    Array,
    BigInt,
    BigSerial,
    Boolean,
    Bytea,
    Char,
    Column,
    Date,
    DoublePrecision,
    Email,
    ForeignKey,
    Integer,
    Interval,
    Numeric,
    Real,
    Serial,
    SmallInt,
    Text,
    Time,
    Timestamp,
    Timestamptz,
    Varchar,
)
from pydantic import AfterValidator, EmailStr, Field, WithJsonSchema

from piccolo_api_fastapi.errors import ConfigurationError

from . import json_values, values
from .choices import with_choices
from .kind import Convert, Kind, form

MAX_ITEMS = 100
"""Elements of an array in a body."""

MAX_TEXT = 1_000
"""Characters of a value in a query."""

_FLOAT = 3.4028234663852886e38
"""The largest number of 32 bits (IEEE 754)."""


def _whole(bits: int) -> Kind:
    low, high = -(2 ** (bits - 1)), 2 ** (bits - 1) - 1

    def parse(text: str) -> int:
        number = values.parse_integer(text)
        if not low <= number <= high:
            raise ValueError(f"Use a number from {low} to {high}.")
        return number

    schema = {"type": "integer", "minimum": low, "maximum": high}
    given = Annotated[int, Field(strict=True, ge=low, le=high)]
    return Kind(given, int, parse, schema, is_ordered=True)


def _number(limit: float | None, show: Convert) -> Kind:
    bounds: Any = {} if limit is None else {"ge": -limit, "le": limit}
    given = Annotated[float, Field(strict=True, allow_inf_nan=False, **bounds)]
    return Kind(
        given,
        Annotated[float | None, Field(description="Null for a number that JSON does not have.")],
        partial(values.parse_float, limit=limit),
        {"type": "number"},
        show=show,
        restore=partial(values.restore_float, limit=limit),
        write=repr,
        is_ordered=True,
    )


def _text(column: Column) -> Kind:
    length = getattr(column, "length", None)
    bounds: Any = {} if length is None else {"max_length": length}
    given: Any = Annotated[str, Field(strict=True, **bounds)]
    if isinstance(column, Email):
        given = Annotated[EmailStr, Field(**bounds)]
        if column.default == "":  # a row that has no address can be sent back
            given = Annotated[given | Literal[""], Field(union_mode="left_to_right")]
    # PostgreSQL pads these with blanks.
    show = partial(str.rstrip) if isinstance(column, Char) else None
    schema = {"type": "string", "maxLength": MAX_TEXT}
    return Kind(given, str, _short, schema, show=show, restore=str, is_text=True)


def _short(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"Use at most {MAX_TEXT} characters.")
    return text


def _decimal(column: Numeric) -> Kind:
    digits: Any = column.digits
    pattern = values.decimal_pattern(digits)
    parse = partial(values.parse_decimal, pattern=pattern)
    kind = form(
        Decimal,
        parse,
        {"pattern": pattern},
        lambda value: parse(f"{value:f}"),
        is_ordered=True,
        restore=values.restore_decimal,
    )
    shown = Annotated[Any, WithJsonSchema({"type": "string", "description": "A decimal number."})]
    scale = None if digits is None else digits[1]
    return replace(
        kind, shown=shown, show=partial(values.show_decimal, scale=scale), is_rounded=True
    )


def _json() -> Kind:
    return Kind(
        Annotated[Any, AfterValidator(json_values.check)],
        Any,
        str,
        {},
        show=json_values.load,
        store=json_values.dump,
        is_compared=False,
    )


def _array(column: Array) -> Kind:
    base = column.base_column
    if isinstance(base, Interval | Bytea | JSON):
        raise ConfigurationError(
            f"{column._meta.name} is an array of {type(base).__name__}, which Piccolo can't store "
            "on every database; leave it out of read and write."
        )
    element = with_choices(kind_of(base), column)
    one: Any = element.given
    shown: Any = element.shown
    return Kind(
        Annotated[list[one], Field(max_length=MAX_ITEMS), AfterValidator(_even)],
        list[shown],
        str,
        {},
        show=None if element.show is None else partial(_each, element.show),
        store=_stored_array(base),
        is_compared=False,
        element=element,
    )


def _stored_array(base: Column) -> Convert | None:
    """Return what makes an array storable: SQLite has no UUID inside of one."""
    if isinstance(base, UUID):
        return partial(_each, str)
    inner = _stored_array(base.base_column) if isinstance(base, Array) else None
    return None if inner is None else partial(_each, inner)


def _each(convert: Convert, items: list[Any]) -> list[Any]:
    return [None if item is None else convert(item) for item in items]


def _even(items: list[Any]) -> list[Any]:
    """Refuse lists of lists of several lengths, and of empty ones: PostgreSQL has none."""
    lengths = {len(item) if isinstance(item, list) else -1 for item in items}
    if len(lengths) > 1 or 0 in lengths:
        raise ValueError("Use lists of one length, which are not empty.")
    return items


_BOOLEAN = Kind(
    Annotated[bool, Field(strict=True)],
    bool,
    values.parse_bool,
    {"type": "boolean"},
    write=lambda value: str(bool(value)).lower(),
)
_BYTES = replace(
    form(bytes, values.parse_bytes, {"format": "byte", "contentEncoding": "base64"}),
    show=values.show_bytes,
    is_compared=False,
)

_TIME = {"pattern": r"^([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]{1,6})?$"}
_NAIVE = {"pattern": r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?$"}

_KINDS: dict[type[Column], Callable[[Any], Kind]] = {
    # A subclass before its base.
    SmallInt: lambda _: _whole(16),
    BigInt: lambda _: _whole(64),
    Integer: lambda _: _whole(32),
    BigSerial: lambda _: _whole(64),
    Serial: lambda _: _whole(32),
    DoublePrecision: lambda _: _number(None, values.show_float),
    Real: lambda _: _number(_FLOAT, values.show_real),
    Numeric: _decimal,
    Varchar: _text,
    Text: _text,
    Boolean: lambda _: _BOOLEAN,
    UUID: lambda _: form(uuid.UUID, values.parse_uuid, {"format": "uuid"}),
    Date: lambda _: form(date, values.parse_date, {"format": "date"}, is_ordered=True),
    Time: lambda _: form(
        time, values.parse_time, _TIME, values.without_offset, is_ordered=True, write=time.isoformat
    ),
    Timestamp: lambda _: form(
        datetime,
        values.parse_naive,
        _NAIVE,
        values.without_offset,
        is_ordered=True,
        write=datetime.isoformat,
    ),
    Timestamptz: lambda _: form(
        datetime,
        values.parse_aware,
        {"format": "date-time"},
        values.in_utc,
        is_ordered=True,
        write=_in_utc,
    ),
    Interval: lambda _: _interval(),
    Bytea: lambda _: _BYTES,
    JSON: lambda _: _json(),
    Array: _array,
}


def _in_utc(at: datetime) -> str:
    return values.in_utc(at).isoformat()


def _interval() -> Kind:
    kind = form(timedelta, values.parse_duration, {"pattern": values.DURATION_PATTERN})
    return replace(
        kind,
        shown=Annotated[Any, WithJsonSchema({"type": "string", "format": "duration"})],
        show=values.show_duration,
        restore=values.restore_duration,
        write=values.write_duration,
        is_ordered=True,
        is_rounded=True,
    )


def _plain(column: Column) -> Kind:
    for kind, make in _KINDS.items():
        if isinstance(column, kind):
            return make(column)
    raise ConfigurationError(
        f"{column._meta.name} is a {type(column).__name__}, whose values have no form in JSON; "
        "leave it out of read and write, or give a Pydantic model."
    )


def kind_of(column: Column) -> Kind:
    """
    Return what the values of a column are like.

    Raises:
        ConfigurationError: The type of the column has no form in JSON.
    """
    if isinstance(column, ForeignKey):
        target = column._foreign_key_meta.resolved_target_column
        return replace(kind_of(target), is_ordered=False, is_text=False)
    kind = _plain(column)
    return kind if isinstance(column, Array) else with_choices(kind, column)
