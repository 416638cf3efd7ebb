"""The headers of every page."""

import re
from collections.abc import Collection, Mapping

from piccolo_api_fastapi.core.http.csp import NONCE, Policy, Sources
from piccolo_api_fastapi.errors import ConfigurationError

_SOURCES: Sources = {
    "default_src": [],
    "style_src": ["self", NONCE],
    "script_src": ["self", NONCE],
    "img_src": ["self", "data:"],
    "font_src": ["self"],
    "connect_src": ["self"],
    "form_action": ["self"],
    "base_uri": [],
    "frame_ancestors": [],
}

_FIXED = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ("publickey-credentials-get=(self), publickey-credentials-create=(self)"),
    # With `no-referrer`, browsers send `Origin: null` with a form, which CSRF checks refuse.
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, Accept-Language",
    "X-Content-Type-Options": "nosniff",
}

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x20-\x7e]*")

REPLACED = frozenset({"cache-control", "content-length", "content-type", "vary"})
"""The headers of an answer of the API that a page replaces, in lower case."""


class PageHeaders:
    """
    The headers of every page.

    Args:
        form_targets: Further origins to which forms may lead, since browsers check redirects.
        widgets: Further sources of the Content Security Policy, such as those of a CAPTCHA.
        own: Headers of the application, which replace those of the package.

    Raises:
        ConfigurationError: A source is malformed, or a header can't be sent.
    """

    def __init__(
        self, form_targets: Collection[str], widgets: Collection[Sources], own: Mapping[str, str]
    ) -> None:
        policy = Policy(**_SOURCES)
        if not any(widgets):  # whose scripts write markup
            policy = Policy(**_SOURCES, require_trusted_types_for=["script"])
        for sources in (Sources(form_action=sorted(form_targets)), *widgets):
            policy = policy.adding(**sources)
        self._policy = policy
        self._others = {**{name.lower(): value for name, value in _FIXED.items()}, **_lower(own)}

    def make(self, nonce: str | None) -> dict[str, str]:
        """
        Return the headers of a page.

        Args:
            nonce: The nonce, if the page asked for it.
        """
        return {"content-security-policy": self._policy.header(nonce), **self._others}


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with names in lower case, so that one replaces another."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ConfigurationError(f"The header {name!r} has a forbidden character.")
    return {name.lower(): value for name, value in headers.items()}
