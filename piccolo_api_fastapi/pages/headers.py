"""The headers of every page."""

import re
from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from piccolo_api_fastapi.errors import ConfigurationError

Sources = Mapping[str, Sequence[str]]
"""Sources by directive, such as `{"script-src": ["https://js.example.com"]}`."""

_POLICY: Sources = MappingProxyType(
    {
        "default-src": ("'none'",),
        "style-src": ("'self'",),
        "script-src": ("'self'",),
        "img-src": ("'self'", "data:"),
        "font-src": ("'self'",),
        "connect-src": ("'self'",),
        "form-action": ("'self'",),
        "base-uri": ("'none'",),
        "frame-ancestors": ("'none'",),
    }
)

_FIXED = {
    "Cache-Control": "no-store",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": ("publickey-credentials-get=(self), publickey-credentials-create=(self)"),
    # With `no-referrer`, browsers send `Origin: null` with a form, which CSRF checks refuse.
    "Referrer-Policy": "same-origin",
    "Vary": "Cookie, Accept-Language",
    "X-Content-Type-Options": "nosniff",
}

_SOURCE = re.compile(r"[!-+\--:<-~]+")
"""Visible ASCII without `,` and `;`, which end a source or a directive (CSP 3 section 2.2)."""

_NAME = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[\x20-\x7e]*")

REPLACED = frozenset({"cache-control", "content-length", "content-type", "vary"})
"""The headers of an answer of the API that a page replaces, in lower case."""


class PageHeaders:
    """
    The headers of every page.

    Args:
        form_targets: Further origins to which forms may lead, since browsers check redirects.
        sources: Further sources by directive, such as those of a CAPTCHA.
        own: Headers of the application, which replace those of the package.

    Raises:
        ConfigurationError: A source has a character that ends it, or is not ASCII; or a header
            can't be sent.
    """

    def __init__(
        self, form_targets: Collection[str], sources: Sources, own: Mapping[str, str]
    ) -> None:
        self._sources = {name: list(values) for name, values in _POLICY.items()}
        for name, values in ({"form-action": sorted(form_targets)} | dict(sources)).items():
            for value in values:
                if not _SOURCE.fullmatch(value):
                    raise ConfigurationError(f"A source of {name} has a forbidden character.")
            self._sources.setdefault(name, []).extend(values)
        self._others = {**{name.lower(): value for name, value in _FIXED.items()}, **_lower(own)}
        self._has_widgets = bool(sources)

    def make(self, nonce: str | None) -> dict[str, str]:
        """
        Return the headers of a page.

        Args:
            nonce: The nonce, if the page asked for it.
        """
        policy = self._policy(nonce)
        return {"content-security-policy": policy, **self._others}

    def _policy(self, nonce: str | None) -> str:
        directives = []
        for name, values in self._sources.items():
            asked = nonce is not None and name in ("script-src", "style-src")
            sources = [*values, f"'nonce-{nonce}'"] if asked else values
            directives.append(" ".join([name, *sources]))
        if not self._has_widgets:  # whose scripts write markup
            directives.append("require-trusted-types-for 'script'")
        return "; ".join(directives)


def _lower(headers: Mapping[str, str]) -> dict[str, str]:
    """Return headers with names in lower case, so that one replaces another."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ConfigurationError(f"The header {name!r} has a forbidden character.")
    return {name.lower(): value for name, value in headers.items()}
