"""`next`: where to go after a page, taken from the request and never off the site."""

import re
from collections.abc import Collection
from urllib.parse import urlsplit

from piccolo_api_fastapi.errors import ConfigurationError

LONGEST = 2000
"""Characters. Longer addresses are not kept, since they would make those of pages too long."""

_PATH = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]*")
"""A path on this site: visible ASCII without a backslash, which browsers read as a slash."""

_ORIGIN = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?")
"""An origin as browsers write it (RFC 6454 section 6.2)."""


def check_origins(trusted: Collection[str]) -> None:
    """
    Refuse origins that `next` could never have.

    Raises:
        ConfigurationError: One is not an origin, such as `https://app.example.com`.
    """
    for origin in trusted:
        if not _ORIGIN.fullmatch(origin):
            raise ConfigurationError(
                "A trusted origin must look like https://app.example.com, without a path."
            )


def safe_next(wanted: str | None, default: str, trusted: Collection[str] = ()) -> str:
    """
    Return where to go next: a path of this site, or a URL of a trusted origin.

    Args:
        wanted: The address, as the request has it.
        default: The address to use instead of one that is refused.
        trusted: Other origins that are accepted, such as `https://app.example.com`.
    """
    if not wanted or len(wanted) > LONGEST:
        return default
    return wanted if _PATH.fullmatch(wanted) or _is_trusted(wanted, trusted) else default


def _is_trusted(wanted: str, trusted: Collection[str]) -> bool:
    if not re.fullmatch(r"[\x21-\x5b\x5d-\x7e]+", wanted):
        return False
    try:
        parts = urlsplit(wanted)
    except ValueError:
        return False
    return f"{parts.scheme}://{parts.netloc}" in trusted
