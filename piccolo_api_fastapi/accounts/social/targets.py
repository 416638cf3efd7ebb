"""The addresses that a log-in may lead to: paths of the site, and registered apps."""

import re
from collections.abc import Mapping
from urllib.parse import urlsplit

from piccolo_api_fastapi.errors import ConfigurationError, FieldError, Unprocessable

from .providers import is_secure

LONGEST_PATH = 1024

_PATH = re.compile(r"/(?![/\\])[A-Za-z0-9\-._~!$&'()*+,;=:/?%]*")
"""The characters of a path and a query (RFC 3986), without `@`."""

_ENCODED = re.compile(r"%(?:[01][0-9a-fA-F]|5[cC]|7[fF]|(?![0-9a-fA-F]{2}))")
"""Encoded control characters and backslashes, and what is not encoded at all."""

_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*")

_OF_BROWSERS = frozenset({"http", "javascript", "data", "file", "about", "blob", "vbscript"})


def checked_base(base_url: str) -> str:
    """
    Return the origin of a site.

    Raises:
        ConfigurationError: It is not an origin that cookies can be bound to.
    """
    base = base_url.removesuffix("/")
    parts = urlsplit(base)
    if not is_secure(base) or parts.path or parts.query:
        raise ConfigurationError(
            "base_url must be the origin of the site, such as https://app.example.com, or "
            "http://localhost:8000 during development."
        )
    return base


def checked_next(path: str, base_url: str) -> str:
    """
    Return a path to go to after a log-in.

    Args:
        path: The path, which a browser sent.
        base_url: The origin of the site.

    Raises:
        Unprocessable: It does not lead to the site.
    """
    is_path = len(path) <= LONGEST_PATH and _PATH.fullmatch(path) and not _ENCODED.search(path)
    if is_path and _origin(base_url + path) == _origin(base_url):
        return path
    message = "Use a path of this site, such as /movies."
    raise Unprocessable([FieldError(("body", "next"), message, "next_invalid")])


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc


def checked_paths(paths: Mapping[str, str], base_url: str) -> Mapping[str, str]:
    """
    Return the paths of pages.

    Raises:
        ConfigurationError: A key is unknown, or one is no path of the site.
    """
    if not paths.keys() <= {"home", "mfa", "error"}:
        raise ConfigurationError("The keys of paths must be home, mfa or error.")
    try:
        return {"home": "/", **{name: checked_next(path, base_url) for name, path in paths.items()}}
    except Unprocessable:
        raise ConfigurationError("paths must be paths of the site, such as /login.") from None


def checked_apps(apps: Mapping[str, str]) -> Mapping[str, str]:
    """
    Return the addresses of apps.

    Raises:
        ConfigurationError: One is no address of an app.
    """
    for name, address in apps.items():
        scheme, separator, rest = address.partition("://")
        is_own = _SCHEME.fullmatch(scheme) and scheme not in _OF_BROWSERS and separator and rest
        if not name or not is_own or re.search(r"[?#\\\s\x00-\x1f\x7f]", address):
            raise ConfigurationError(
                "apps must be addresses by name, such as {'ios': 'com.example.movies://callback'} "
                "or an https address that the app has claimed, without a query."
            )
    return dict(apps)
