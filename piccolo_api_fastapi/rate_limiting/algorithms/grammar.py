"""The grammar of limits: `10/minute`, `100 per 2 hours`, `5/second;100/minute`."""

import re
from dataclasses import dataclass
from functools import lru_cache

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.errors import ConfigurationError

SECOND = 1_000_000
"""In microseconds, the unit of all times here."""

_SECONDS = {
    "second": 1,
    "minute": 60,
    "hour": 3600,
    "day": 86_400,
    "month": 2_592_000,
    "year": 31_104_000,
}
"""A month is 30 days and a year 12 months, as in the package `limits`."""

_LIMIT = re.compile(
    r"\s*([0-9]{1,12})\s*(?:/|per)\s*([0-9]{1,6})?\s*(second|minute|hour|day|month|year)s?\s*",
    re.IGNORECASE,
)

LONGEST = 100 * _SECONDS["year"] * SECOND


def microseconds(clock: Clock) -> int:
    """The time of a clock, in microseconds since 1970."""
    return round(clock().timestamp() * SECOND)


@dataclass(frozen=True, slots=True)
class Limit:
    """
    A number of requests in a period.

    Args:
        amount: The number.
        period: The period in microseconds.
    """

    amount: int
    period: int

    def __str__(self) -> str:
        seconds = self.period // SECOND
        unit = next(name for name in reversed(_SECONDS) if seconds % _SECONDS[name] == 0)
        multiple = seconds // _SECONDS[unit]
        return f"{self.amount}/{unit if multiple == 1 else f'{multiple}{unit}s'}"


@lru_cache(maxsize=1024)
def parse(text: str) -> tuple[Limit, ...]:
    """
    Parse limits in the grammar of the package `limits`.

    Args:
        text: One limit, or several separated by `;`, `,` or `|`.

    Raises:
        ConfigurationError: The text can't be parsed, or a number or period is out of range.
    """
    return tuple(_parse_one(part) for part in re.split("[;,|]", text))


def _parse_one(text: str) -> Limit:
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise ConfigurationError(
            f"{text!r} is not a limit; write '10/minute' or '100 per 2 hours'."
        )
    period = int(match[2] or 1) * _SECONDS[match[3].lower()] * SECOND
    limit = Limit(int(match[1]), period)
    if not 0 < limit.amount <= period or not 0 < period <= LONGEST:
        raise ConfigurationError(
            f"{text!r} is out of range; use 1 to a million a second, in at most 100 years."
        )
    return limit
