"""The words of a limit."""

import pytest

from piccolo_api_fastapi import ConfigurationError, RateLimit
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import SECOND, Limit, parse

MINUTE, HOUR, DAY = 60 * SECOND, 3600 * SECOND, 86_400 * SECOND


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("10/minute", [Limit(10, MINUTE)]),
        ("10 / minutes", [Limit(10, MINUTE)]),
        ("100 per 2 hours", [Limit(100, 2 * HOUR)]),
        ("100per2hours", [Limit(100, 2 * HOUR)]),
        ("1 per 15 Minute", [Limit(1, 15 * MINUTE)]),
        ("5/15minutes", [Limit(5, 15 * MINUTE)]),
        ("5/second;100/minute", [Limit(5, SECOND), Limit(100, MINUTE)]),
        (
            "5/second, 100/minute | 1000/day",
            [Limit(5, SECOND), Limit(100, MINUTE), Limit(1000, DAY)],
        ),
        ("1/month", [Limit(1, 30 * DAY)]),
        ("1/year", [Limit(1, 360 * DAY)]),
    ],
)
def test_read(text: str, expected: list[Limit]) -> None:
    """What the package `limits` reads is read alike."""
    assert tuple(expected) == parse(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "10", "10/", "/minute", "ten/minute", "10/fortnight", "-1/minute", "1.5/minute"),
        *("10/minute;", "0/minute", "10 per 0 minutes", "1000001/second", "1/101years", "١/minute"),
    ],
)
def test_refused(text: str) -> None:
    """What can't be read, or would limit nothing, is refused when the limit is made."""
    with pytest.raises(ConfigurationError):
        parse(text)
    with pytest.raises(ConfigurationError):
        RateLimit(text)


@pytest.mark.parametrize("text", ["10/minute", "5/15minutes", "1/day", "3/90seconds", "1/year"])
def test_written(text: str) -> None:
    """A limit is written as it is read."""
    assert text == str(parse(text)[0])
