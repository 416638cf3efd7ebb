"""Texts that stand for values in JSON and in queries: each function takes one canonical form."""

import base64
import binascii
import math
import re
import struct
import sys
from datetime import date, datetime, time, timedelta, timezone
from decimal import Context, Decimal
from typing import TypeVar
from uuid import UUID

INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,18})")
NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
UUID_FORM = re.compile(r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
DATE = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

_FRACTION = r"(?:\.(\d{1,6}))?"
_CLOCK = rf"(\d\d:\d\d:\d\d){_FRACTION}"
TIME = re.compile(_CLOCK, re.ASCII)
NAIVE = re.compile(rf"(\d{{4}}-\d\d-\d\d)T{_CLOCK}", re.ASCII)
AWARE = re.compile(rf"(\d{{4}}-\d\d-\d\d)[Tt]{_CLOCK}(?:[Zz]|([+-]\d\d:\d\d))", re.ASCII)

DURATION_PATTERN = (
    r"^-?P([0-9]{1,5}D(T([0-9]{1,5}H([0-9]{1,7}M)?([0-9]{1,8}(\.[0-9]{1,6})?S)?"
    r"|[0-9]{1,7}M([0-9]{1,8}(\.[0-9]{1,6})?S)?|[0-9]{1,8}(\.[0-9]{1,6})?S))?"
    r"|T([0-9]{1,5}H([0-9]{1,7}M)?([0-9]{1,8}(\.[0-9]{1,6})?S)?"
    r"|[0-9]{1,7}M([0-9]{1,8}(\.[0-9]{1,6})?S)?|[0-9]{1,8}(\.[0-9]{1,6})?S))$"
)
"""A duration of ISO 8601 in days, hours, minutes and seconds."""

_DURATION = re.compile(DURATION_PATTERN[1:-1])
_PARTS = re.compile(r"([0-9]+)(?:\.([0-9]+))?([DHMS])")
_UNITS = {"D": 86_400, "H": 3_600, "M": 60, "S": 1}

MAX_DIGITS = (131_072, 16_383)
"""Digits of a decimal number in PostgreSQL before the point and after it."""

_WIDE = Context(prec=2_000)


MAX_KEY = 1_000
"""Characters of a key in a path."""


def check_key(text: str) -> str:
    """Return a text that a path can name a row by."""
    if not 1 <= len(text) <= MAX_KEY or text.startswith("_") or "/" in text or text in {".", ".."}:
        raise ValueError(
            f"A key has 1 to {MAX_KEY} characters and no slash, is no dot, and begins with no _."
        )
    return text


def parse_bool(text: str) -> bool:
    """Return a boolean as JSON writes it."""
    if text not in {"true", "false"}:
        raise ValueError("Use true or false.")
    return text == "true"


def parse_integer(text: str) -> int:
    """Return a whole number as JSON writes it."""
    if not INTEGER.fullmatch(text):
        raise ValueError("Use a whole number.")
    return int(text)


def parse_float(text: str, limit: float | None = None) -> float:
    """
    Return a finite number as JSON writes it.

    Args:
        text: The text.
        limit: The largest number that the column holds.
    """
    number = float(text) if NUMBER.fullmatch(text) else math.inf
    if not abs(number) <= (limit or sys.float_info.max):
        raise ValueError("Use a number that fits the column.")
    return number


def restore_float(text: str, limit: float | None = None) -> float:
    """Return the number of a cursor: a stored number may be infinite, or none."""
    return float(text) if text in {"nan", "inf", "-inf"} else parse_float(text, limit)


def parse_uuid(text: str) -> UUID:
    """Return a UUID (RFC 9562 section 4)."""
    if not UUID_FORM.fullmatch(text):
        raise ValueError("Use a UUID with hyphens.")
    return UUID(text)


def parse_date(text: str) -> date:
    """Return a date of ISO 8601."""
    if not DATE.fullmatch(text):
        raise ValueError("Use a date such as 2026-01-31.")
    return date.fromisoformat(text)


def parse_time(text: str) -> time:
    """Return a time of day without an offset."""
    if (found := TIME.fullmatch(text)) is None:
        raise ValueError("Use a time without an offset, such as 12:30:00.")
    return time.fromisoformat(_exact(found[1], found[2]))


def parse_naive(text: str) -> datetime:
    """Return a date and time without an offset."""
    if (found := NAIVE.fullmatch(text)) is None:
        raise ValueError("Use a date and time without an offset, such as 2026-01-31T12:30:00.")
    return datetime.fromisoformat(f"{found[1]}T{_exact(found[2], found[3])}")


def parse_aware(text: str) -> datetime:
    """Return a date and time with an offset (RFC 3339), in UTC."""
    if (found := AWARE.fullmatch(text)) is None:
        raise ValueError("Use a date and time with an offset, such as 2026-01-31T12:30:00Z.")
    offset = found[4] or "+00:00"
    return in_utc(datetime.fromisoformat(f"{found[1]}T{_exact(found[2], found[3])}{offset}"))


TimeT = TypeVar("TimeT", datetime, time)


def without_offset(at: TimeT) -> TimeT:
    """Return a time that has no offset."""
    if at.tzinfo is not None:
        raise ValueError("Use a time without an offset.")
    return at


def in_utc(at: datetime) -> datetime:
    """Return a time in UTC."""
    if at.tzinfo is None:
        raise ValueError("Use a date and time with an offset.")
    try:
        return at.astimezone(timezone.utc)
    except OverflowError:
        raise ValueError("This time is out of range in UTC.") from None


def _exact(clock: str, fraction: str | None) -> str:
    """Return a time with six digits of its fraction, as older versions of Python want it."""
    return f"{clock}.{(fraction or '').ljust(6, '0')}"


def parse_duration(text: str) -> timedelta:
    """Return a duration of ISO 8601."""
    if not _DURATION.fullmatch(text):
        raise ValueError("Use a duration such as P1DT2H or PT90S.")
    micro = 0
    for whole, fraction, unit in _PARTS.findall(text):
        micro += int(whole) * _UNITS[unit] * 1_000_000 + int(fraction.ljust(6, "0") or 0)
    return timedelta(microseconds=-micro if text.startswith("-") else micro)


def show_duration(value: timedelta) -> str:
    """Return a duration as `parse_duration` takes it."""
    micro = value // timedelta(microseconds=1)
    seconds, fraction = divmod(abs(micro), 1_000_000)
    days, seconds = divmod(seconds, 86_400)
    decimals = f".{fraction:06}".rstrip("0") if fraction else ""
    clock = f"T{seconds}{decimals}S" if seconds or fraction or not days else ""
    return f"{'-' if micro < 0 else ''}P{f'{days}D' if days else ''}{clock}"


def write_duration(value: timedelta | float) -> str:
    """Return a duration for a cursor: in microseconds, or in seconds as SQLite stores it."""
    if isinstance(value, timedelta):
        return str(value // timedelta(microseconds=1))
    return repr(float(value))


def restore_duration(text: str) -> timedelta | float:
    """Return the duration of a cursor."""
    if re.fullmatch(r"-?[0-9]{1,20}", text, re.ASCII):
        return timedelta(microseconds=int(text))
    return parse_float(text)


def parse_bytes(text: str) -> bytes:
    """Return the bytes that a text in base64 stands for (RFC 4648 section 4)."""
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("Use base64.") from None


def show_bytes(value: bytes) -> str:
    """Return bytes in base64."""
    return base64.b64encode(value).decode()


def decimal_pattern(digits: tuple[int, int] | None) -> str:
    """
    Return the pattern of decimal numbers that fit a column.

    Args:
        digits: All digits, and those after the point; `None` if the column has no limit.
    """
    precision, scale = digits or (40, 20)
    whole = precision - scale
    integer = f"(0|[1-9][0-9]{{0,{whole - 1}}})" if whole > 0 else "0"
    return rf"^-?{integer}(\.[0-9]{{1,{scale}}})?$" if scale else f"^-?{integer}$"


def parse_decimal(text: str, pattern: str) -> Decimal:
    """
    Return a decimal number.

    Args:
        text: The number without an exponent.
        pattern: The pattern that it must match.
    """
    if not re.fullmatch(pattern, text):
        raise ValueError("Use a decimal number that fits, as a string such as 9.50.")
    return Decimal(text)


def restore_decimal(text: str) -> Decimal | int:
    """Return the number of a cursor, within what PostgreSQL can hold."""
    if INTEGER.fullmatch(text) and -(2**63) <= int(text) < 2**63:
        return int(text)
    if text in {"NaN", "Infinity", "-Infinity"}:
        return Decimal(text)
    value = Decimal(text) if NUMBER.fullmatch(text) else Decimal("NaN")
    if not value.is_finite() or not -MAX_DIGITS[1] <= value.adjusted() < MAX_DIGITS[0]:
        raise ValueError("This is no cursor.")
    return value


def show_decimal(value: Decimal | float, scale: int | None) -> str:
    """
    Return a decimal number without an exponent, the same for each database.

    Args:
        value: The number.
        scale: The number of digits after the point; `None` for as many as it has.
    """
    value = value if isinstance(value, Decimal) else Decimal(repr(value))
    if not value.is_finite():
        return str(value)
    if scale is not None:
        value = value.quantize(Decimal(1).scaleb(-scale), context=_WIDE)
    elif "." in (text := f"{value:f}"):
        value = Decimal(text.rstrip("0").rstrip(".") or "0")
    return f"{value + 0:f}" if value else f"{abs(value):f}"


def show_float(value: float) -> float | None:
    """Return a number, or `None` for one that JSON does not have."""
    return value if math.isfinite(value) else None


def show_real(value: float) -> float | None:
    """Return the shortest number that is the same with 32 bits: 0.1, not 0.10000000149011612."""
    if not math.isfinite(value):
        return None
    wanted = struct.pack("f", value)  # infinite for what SQLite stores beyond 32 bits
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.pack("f", short) == wanted:
            return short
    return float(f"{value:.9g}")
