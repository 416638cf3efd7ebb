"""Limits in words: `10/minute`, `100 per 2 hours`, `5/second;100/minute`."""

import re
from dataclasses import dataclass
from functools import lru_cache

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.errors import ConfigurationError

SECOND = 1_000_000
"""Time is counted in whole microseconds here."""

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
    """What a clock of datetimes says."""
    return round(clock().timestamp() * SECOND)


@dataclass(frozen=True, slots=True)
class Limit:
    """
    So many in so much time.

    Args:
        amount: How many.
        period: In how many microseconds.
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
    The limits in a string, in the grammar of the package `limits`.

    Args:
        text: One limit, or several separated by `;`, `,` or `|`.

    Raises:
        ConfigurationError: It can't be read, or it is no limit: none, or over a million a second.
    """
    return tuple(_parse_one(part) for part in re.split("[;,|]", text))


def _parse_one(text: str) -> Limit:
    match = _LIMIT.fullmatch(text)
    if match is None:
        raise ConfigurationError(f"A limit is like '10/minute' or '100 per 2 hours', not {text!r}.")
    period = int(match[2] or 1) * _SECONDS[match[3].lower()] * SECOND
    limit = Limit(int(match[1]), period)
    if not 0 < limit.amount <= period or not 0 < period <= LONGEST:
        raise ConfigurationError(
            f"{text!r} limits nothing: it takes 1 or more, in at most 100 years."
        )
    return limit
