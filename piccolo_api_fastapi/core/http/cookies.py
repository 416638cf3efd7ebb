"""Cookies: attributes as data, and a strict reading of the `Cookie` header."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal

from piccolo_api_fastapi.errors import ConfigurationError, InvalidSession

SameSite = Literal["lax", "strict", "none"]

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
"""RFC 9110 section 5.6.2, the grammar of a cookie name."""

_NOT_TOKEN = re.compile(r"[^!#$%&'*+\-.^_`|~0-9A-Za-z]")


@dataclass(frozen=True, slots=True)
class Cookie:
    """
    A cookie's name and attributes; always `HttpOnly`.

    The defaults are the strictest browsers know: the `__Host-` prefix binds the
    cookie to https, to this host and to the whole of it (RFC 6265bis section
    4.1.3.2), so that no sibling domain can plant one.

    Args:
        name: With the `__Host-` or `__Secure-` prefix, or without.
        secure: Sent over https only.
        same_site: `lax`, `strict` or `none`.
        domain: Share the cookie with the subdomains of this domain.
        path: Send it below this path only.

    Raises:
        ConfigurationError: The attributes contradict each other or the name.
    """

    name: str = "__Host-session"
    secure: bool = True
    same_site: SameSite = "lax"
    domain: str | None = None
    path: str = "/"

    def __post_init__(self) -> None:
        for problem in self._contradictions():
            raise ConfigurationError(problem)

    @classmethod
    def insecure_for_http_on_localhost(cls, name: str = "insecure-session") -> "Cookie":
        """A cookie that travels in clear text. For development on localhost and nothing else."""
        return cls(name=name, secure=False)

    def _contradictions(self) -> Iterable[str]:
        if not _TOKEN.fullmatch(self.name):
            yield "A cookie name is an RFC 9110 token."
        if self.same_site not in ("lax", "strict", "none"):
            yield "same_site is 'lax', 'strict' or 'none'."
        if self.same_site == "none" and not self.secure:
            yield "SameSite=None needs Secure."
        if not re.fullmatch(r"/[^;\x00-\x1f\x7f]*", self.path):
            yield "A cookie path begins with '/' and has no ';'."
        if self.domain is not None and not re.fullmatch(r"\.?[A-Za-z0-9.-]+", self.domain):
            yield "A cookie domain is a host name."
        prefix = self.name.casefold()
        if prefix.startswith(("__host-", "__secure-")) and not self.secure:
            yield "The prefixes __Host- and __Secure- need Secure."
        if prefix.startswith("__host-") and (self.domain is not None or self.path != "/"):
            yield "The prefix __Host- forbids Domain and any Path but '/'."

    def header(self, value: str, max_age: timedelta) -> str:
        """
        The value of `Set-Cookie`.

        Args:
            value: The token.
            max_age: How long the browser keeps it.
        """
        attributes = [f"{self.name}={value}", f"Max-Age={int(max_age.total_seconds())}"]
        attributes += [f"Path={self.path}", f"SameSite={self.same_site.capitalize()}", "HttpOnly"]
        if self.domain is not None:
            attributes.append(f"Domain={self.domain}")
        if self.secure:
            attributes.append("Secure")
        return "; ".join(attributes)

    def clearing_header(self) -> str:
        """The `Set-Cookie` that removes it: the same attributes, or browsers keep it."""
        return self.header("", timedelta(0))

    def read(self, headers: Iterable[str]) -> str | None:
        """
        The value in a request, or `None`.

        Args:
            headers: The `Cookie` header lines.

        Raises:
            InvalidSession: It was sent twice, or beside a name that only looks like it.
                Parsers that strip or take the last one are how a sibling domain plants
                a session (RFC 6265bis section 8.6).
        """
        found: str | None = None
        for pair in ";".join(headers).split(";"):
            name, separator, value = pair.strip(" \t").partition("=")
            if not separator:
                name, value = "", name
            if name == self.name:
                if found is not None:
                    raise InvalidSession
                found = value
            elif _NOT_TOKEN.sub("", name).casefold() == self.name.casefold() or (
                not name and value.casefold().startswith(self.name.casefold())
            ):
                raise InvalidSession
        return found or None
