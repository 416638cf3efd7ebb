"""What a client accepts, and how much it wants it."""

MOST = 20
"""The number of values that are read from a header."""


def weighed(header: str) -> list[tuple[str, float]]:
    """
    Return the values of a header in lower case, each with its weight (RFC 9110 section 12.4.2).

    A weight that is no number is 0. One that is out of range stays as it is.

    Args:
        header: The value of `Accept` or `Accept-Language`.
    """
    return [_weighed(part) for part in header.lower().split(",")[:MOST]]


def _weighed(part: str) -> tuple[str, float]:
    value, *parameters = (piece.strip() for piece in part.split(";"))
    for parameter in parameters:
        if parameter.startswith("q="):
            try:
                return value, float(parameter[2:])
            except ValueError:
                return value, 0.0
    return value, 1.0
