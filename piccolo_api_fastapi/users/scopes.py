"""The scopes that an application gives its users."""

import logging
from collections.abc import Awaitable, Callable, Iterable
from functools import cache
from typing import Any, TypeAlias

ScopesOf: TypeAlias = Callable[[Any], Awaitable[Iterable[str]] | Iterable[str]]
"""Returns the scopes of a user besides `admin` and `superuser`; sync or async."""

logger = logging.getLogger("piccolo_api_fastapi")


@cache
def report(names: frozenset[str]) -> None:
    """Log once that `scopes_of` returned scopes that only flags of the user give."""
    listed = ", ".join(sorted(names))
    logger.warning("scopes_of returned %s: ignored, because these are flags of the user", listed)
