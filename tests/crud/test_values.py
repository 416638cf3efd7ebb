"""Values at the edge of what JSON has."""

import math
from datetime import timedelta

import pytest

from piccolo_api_fastapi.crud import values


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (0.1, 0.1),
        (0.10000000149011612, 0.1),
        (16777217.0, 16777217.0),
        (0.123456789, 0.12345679),
        (1e39, 1e39),
        (math.inf, None),
        (math.nan, None),
    ],
)
def test_real(stored: float, shown: float | None) -> None:
    """Numbers of 32 bits are shown as short as they are; others as they are."""
    assert shown == values.show_real(stored)


@pytest.mark.parametrize("text", ["6F1B2C1E-7A3D-4F0E-9A55", "", "x" * 36])
def test_uuid(text: str) -> None:
    """A text that is no UUID is refused."""
    with pytest.raises(ValueError, match="Use a UUID"):
        values.parse_uuid(text)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-12.50", "1E+2000", "9223372036854775808"])
def test_decimals_of_cursors(text: str) -> None:
    """A cursor holds all that a database has."""
    assert str(values.restore_decimal(text)) == text


@pytest.mark.parametrize("text", ["sNaN", "1E+131072", "1E-16384", "1_0", "", "nan"])
def test_no_decimals(text: str) -> None:
    """What no database has is refused."""
    with pytest.raises(ValueError, match="This is no cursor"):
        values.restore_decimal(text)


def test_durations_of_cursors() -> None:
    """Durations are whole microseconds, or the seconds that SQLite stores."""
    for value in (timedelta(days=-40_000, microseconds=1), 0.1 + 0.2, 5.0):
        assert values.restore_duration(values.write_duration(value)) == value
    assert values.write_duration(5) == "5.0"
    with pytest.raises(ValueError, match="Use a number"):
        values.restore_duration("1_0")


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        (0.10000000149011612, 0.1),
        (0.10427499562501907, 0.104274996),  # needs nine digits
        (1e39, 1e39),  # SQLite stores more than 32 bits
        (math.inf, None),
    ],
)
def test_reals(stored: float, shown: float | None) -> None:
    """The shortest number that is the same with 32 bits."""
    assert values.show_real(stored) == shown
