"""Cursors: the place in a list from which the next page goes on."""

import base64
import hashlib
import json
from collections.abc import Sequence

from piccolo_api_fastapi.core.http.parsing import strict_json

VERSION = 1

MAX_LENGTH = 8_000
"""Characters."""


def fingerprint(parts: Sequence[object]) -> str:
    """Return what a cursor is bound to: the table, the filters and the order of a list."""
    text = json.dumps(parts, ensure_ascii=False, default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()


def encode(mark: str, place: Sequence[str | None]) -> str:
    """
    Return a cursor.

    Args:
        mark: The fingerprint of the list.
        place: The values by which the last row of a page is ordered, as texts.
    """
    raw = json.dumps([VERSION, mark, *place], ensure_ascii=False, separators=(",", ":"))
    return base64.urlsafe_b64encode(raw.encode()).decode().rstrip("=")


def decode(text: str, mark: str, length: int) -> list[str | None]:
    """
    Return the place of a cursor.

    Args:
        text: The cursor.
        mark: The fingerprint of the list that is asked for.
        length: The number of values.

    Raises:
        ValueError: It is no cursor, or that of another list.
    """
    try:
        raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        found = strict_json(raw)
    except ValueError:  # `binascii.Error` is one
        raise ValueError("This is no cursor.") from None
    if not isinstance(found, list) or found[:2] != [VERSION, mark]:
        raise ValueError("This cursor is that of another list.")
    place = found[2:]
    if len(place) != length or not all(value is None or isinstance(value, str) for value in place):
        raise ValueError("This is no cursor.")
    return place
