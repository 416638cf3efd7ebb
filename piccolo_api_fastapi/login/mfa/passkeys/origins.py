"""The configuration of a relying party: which domains and origins can have passkeys."""

import re
from collections.abc import Sequence
from urllib.parse import urlsplit

from piccolo_api_fastapi.errors import ConfigurationError

from .relying_party import RelyingParty

_DOMAIN = re.compile(r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]*[a-z0-9]")
"""A domain as browsers write it. An address ends in a number (URL standard, host parsing)."""

_ORIGIN = re.compile(r"(https?)://([a-z0-9.-]+)(?::([1-9][0-9]{0,4}))?")

_DEFAULT_PORTS = {"": None, "http": "80", "https": "443"}


def relying_party(
    rp_id: str, rp_name: str, origins: Sequence[str], related_origins: Sequence[str]
) -> RelyingParty:
    """
    Make a relying party of the configuration.

    Raises:
        ConfigurationError: The domain can have no passkeys, or an origin is not one of its pages.
    """
    if not rp_name:
        raise ConfigurationError("rp_name must be the name of the site, which people are shown.")
    if rp_id != "localhost" and not _DOMAIN.fullmatch(rp_id):
        raise ConfigurationError(
            f"rp_id must be a domain such as example.com in lower case, without a port, or "
            f"localhost; not {rp_id!r}."
        )
    if not origins:
        raise ConfigurationError("origins must name the origins of the pages, and not be empty.")
    for origin in (*origins, *related_origins):
        _check_origin(origin)
    for origin in origins:
        host = urlsplit(origin).hostname or ""
        if host != rp_id and not host.endswith(f".{rp_id}"):
            raise ConfigurationError(
                f"{origin} is not on {rp_id}; if it has a domain of its own, name it in "
                "related_origins."
            )
    return RelyingParty(rp_id, rp_name, (*origins, *related_origins))


def _check_origin(origin: str) -> None:
    found = _ORIGIN.fullmatch(origin)
    scheme, host, port = found.groups() if found else ("", "", None)
    is_host = host == "localhost" or (scheme == "https" and _DOMAIN.fullmatch(host))
    # Browsers leave out the default port.
    if not is_host or port == _DEFAULT_PORTS[scheme] or int(port or 1) >= 2**16:
        raise ConfigurationError(
            "Each origin must be as browsers write it, like https://example.com or "
            f"http://localhost:8000, and not an IP address; not {origin!r}."
        )
