"""The values of JSON columns, which are stored as texts."""

import json
import math
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
    elif isinstance(value, float) and not math.isfinite(value):
        raise ValueError("A number is too large.")


def dump(value: Any) -> str:
    """Return the text that is stored of a value."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def load(text: Any) -> Any:
    """Return the value of a stored text. A text that is not JSON is shown as it is."""
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
