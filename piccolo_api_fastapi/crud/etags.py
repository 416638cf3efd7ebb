"""Entity tags (RFC 9110 section 8.8.3): strong ones, of all that clients read of a row."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

_TAG = re.compile(r'\s*(W/)?("[\x21\x23-\x7e\x80-\xff]*")\s*')

_VERSION = re.compile(r'"v(-?[0-9]{1,18})"')


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
        header: `If-Match` or `If-None-Match`. What is no entity tag is left out: it matches
            nothing.
        weak: Whether weak tags count, as for `If-None-Match`.
    """
    if header.strip() == "*":
        return None
    found = (_TAG.fullmatch(part) for part in header.split(","))
    return frozenset(match[2] for match in found if match and (weak or not match[1]))


def versions_in(tags: frozenset[str]) -> list[int]:
    """Return the versions that entity tags stand for."""
    found = (_VERSION.fullmatch(tag) for tag in sorted(tags))
    return [int(match[1]) for match in found if match]
