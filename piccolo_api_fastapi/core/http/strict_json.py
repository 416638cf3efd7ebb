"""Strict JSON: UTF-8, no duplicate names, no `NaN`, no text that can't be stored."""

import json
from typing import Any


def loads(raw: bytes) -> Any:
    """
    Parse JSON (RFC 8259) strictly.

    Raises:
        ValueError: The text is not UTF-8 or not JSON, repeats a name, contains `NaN`, `Infinity`,
            a lone surrogate or NUL, or is nested too deeply.
    """
    try:
        value = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
        if b"\\u" in raw:
            _check_text(value)
    except RecursionError:
        raise ValueError from None
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError
    return value


def _no_constant(_: str) -> None:
    raise ValueError


def _check_text(value: Any) -> None:
    """Refuse lone surrogates, which UTF-8 can't carry, and NUL, which PostgreSQL can't store."""
    if isinstance(value, dict):
        for name, member in value.items():
            _check_text(name)
            _check_text(member)
    elif isinstance(value, list):
        for member in value:
            _check_text(member)
    elif isinstance(value, str):
        value.encode("utf-8")
        if "\x00" in value:
            raise ValueError
