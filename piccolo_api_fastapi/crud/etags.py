"""Entity tags (RFC 9110 section 8.8.3): strong ones, of all that clients read of a row."""

import hashlib
import re
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from pydantic_core import to_json

_TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*')


def etag_of(shown: Mapping[str, Any]) -> str:
    """Return the entity tag of a row, as JSON shows it."""
    return f'"{hashlib.blake2b(to_json(shown), digest_size=16).hexdigest()}"'


def etag_of_version(version: int) -> str:
    """Return the entity tag of a row that has a version."""
    return f'"v{version}"'


def tags_in(header: str, *, weak: bool = False) -> frozenset[str] | None:
    """
    Return the entity tags that a header lists, or `None` for `*`, which stands for any.

    Args:
        header: `If-Match` or `If-None-Match`. Malformed entity tags are ignored.
        weak: Whether weak tags count, as for `If-None-Match`.
    """
    if header.strip() == "*":
        return None
    found = (_TAG.fullmatch(part) for part in header.split(","))
    return frozenset(match[2] for match in found if match and (weak or not match[1]))


def versions_in(tags: frozenset[str], parse: Callable[[str], int]) -> list[int]:
    """
    Return the versions that entity tags stand for.

    Args:
        tags: The entity tags.
        parse: Returns the number that a text stands for, or raises `ValueError` if the column
            can't hold it.
    """
    versions = []
    for tag in sorted(tags):
        with suppress(ValueError):
            versions.append(parse(tag.removeprefix('"v').removesuffix('"')))
    return versions
