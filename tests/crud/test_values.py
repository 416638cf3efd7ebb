"""Values at the edge of what JSON has."""

import math

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
