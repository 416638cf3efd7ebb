"""The values of JSON columns, which are stored as texts."""

import json
import math
import sys
from functools import partial
from typing import Any

MAX_DEPTH = 50
"""Lists and objects inside each other."""


def check(value: Any) -> Any:
    """
    Return a value of JSON.

    Raises:
        ValueError: It is nested too deeply, or has a number that JSON does not have.
    """
    _check(value, MAX_DEPTH)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        # SQLite stores a number that stands alone as one of its own.
        raise ValueError("A number is too large.")
    return value


def _check(value: Any, depth: int) -> None:
    if depth < 0:
        raise ValueError(f"Nest at most {MAX_DEPTH} lists and objects.")
    if isinstance(value, dict):
        for member in value.values():
            _check(member, depth - 1)
    elif isinstance(value, list):
        for member in value:
            _check(member, depth - 1)
    elif isinstance(value, int | float) and not abs(value) <= sys.float_info.max:
        raise ValueError("A number is too large.")


def dump(value: Any) -> str:
    """Return the text that is stored of a value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def load(text: Any) -> Any:
    """
    Return the value of a stored text.

    A text that is not JSON is shown as it is. What JSON can't carry is replaced: a number that is
    too large by null, and a lone surrogate by a question mark.
    """
    if not isinstance(text, str):
        return _finite(text)
    try:
        value = _loads(text)
        if "\\u" in text:
            value = _loads(dump(value).encode("utf-8", "replace").decode())
    except (ValueError, RecursionError):
        return text
    return value


def _finite(number: Any) -> Any:
    return None if isinstance(number, float) and not math.isfinite(number) else number


_loads = partial(
    json.loads, parse_float=lambda text: _finite(float(text)), parse_constant=lambda _: None
)
