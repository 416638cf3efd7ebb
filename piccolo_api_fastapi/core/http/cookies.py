"""Cookies: their attributes, and strict parsing of the `Cookie` header."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal

from starlette.responses import Response

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError, InvalidSession

SameSite = Literal["lax", "strict", "none"]

MAXIMUM_COOKIES = 16 * 1024
"""Characters of the `Cookie` header. Common servers accept less; browsers send 4 KiB a cookie."""

_NAME_CHARACTERS = r"!#$%&'*+\-.^_`|~0-9A-Za-z"
"""RFC 9110 section 5.6.2, the grammar of a cookie name."""

_TOKEN = re.compile(f"[{_NAME_CHARACTERS}]+")

_PREFIX = re.compile("__(host|secure)-", re.ASCII | re.IGNORECASE)
"""RFC 6265bis section 4.1.3. Browsers compare it without regard to case."""


@configured
@dataclass(frozen=True, slots=True)
class Cookie:
    """
    The name and the attributes of a cookie, which is always `HttpOnly`.

    ```python
    from piccolo_api_fastapi import Cookie, SessionAuth

    session = SessionAuth(cookie=Cookie(name="__Host-shop", same_site="strict"))
    ```

    The defaults are the strictest that browsers support: the `__Host-` prefix binds the cookie to
    https and to this host (RFC 6265bis section 4.1.3.2), so that sibling domains can't set it.

    Args:
        name: The name, with or without the prefix `__Host-` or `__Secure-`.
        secure: Whether browsers send the cookie over https only.
        same_site: `lax`, `strict` or `none`.
        domain: The domain whose subdomains share the cookie. By default, only this host.
        path: The path below which browsers send the cookie.
        partitioned: Whether browsers keep a cookie for each site that embeds this one in a frame
            (CHIPS). Needs `secure=True` and `same_site="none"`.
        formerly: The cookies of the same name that an earlier configuration set, with another
            domain or path, or not partitioned. Browsers keep and send them beside this one, so
            each login and logout removes them.

    Raises:
        ConfigurationError: The attributes contradict each other or the name.
    """

    name: str = "__Host-session"
    secure: bool = True
    same_site: SameSite = "lax"
    domain: str | None = None
    path: str = "/"
    partitioned: bool = False
    formerly: "Sequence[Cookie]" = ()
    _pairs: re.Pattern[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for problem in self._contradictions():
            raise ConfigurationError(problem)
        object.__setattr__(self, "formerly", tuple(self.formerly))
        object.__setattr__(self, "_pairs", _pairs_like(self.name))

    @classmethod
    def insecure_for_http_on_localhost(cls, name: str = "insecure-session") -> "Cookie":
        """Make a cookie that is sent over http too. Use it for development on localhost only."""
        return cls(name=name, secure=False)

    def _contradictions(self) -> Iterable[str]:
        if not _TOKEN.fullmatch(self.name):
            yield "The name of a cookie must be an RFC 9110 token, without spaces or ';'."
        if self.same_site == "none" and not self.secure:
            yield "same_site='none' needs secure=True."
        if self.partitioned and self.same_site != "none":
            # With another value, browsers neither keep nor send it where the site is embedded.
            yield "partitioned=True needs secure=True and same_site='none'."
        if not re.fullmatch(r"/[^;\x00-\x1f\x7f]*", self.path):
            yield "The path of a cookie must begin with '/' and have no ';'."
        if self.domain is not None and not re.fullmatch(r"\.?[A-Za-z0-9.-]+", self.domain):
            yield "The domain of a cookie must be a host name."
        yield from self._contradictions_of_prefix()
        yield from self._contradictions_of_former()

    def _contradictions_of_prefix(self) -> Iterable[str]:
        prefix = self.name.casefold()
        if prefix.startswith(("__host-", "__secure-")) and not self.secure:
            yield "The prefixes __Host- and __Secure- need secure=True."
        if prefix.startswith("__host-") and (self.domain is not None or self.path != "/"):
            yield "The prefix __Host- allows no domain, and no path but '/'."

    def _contradictions_of_former(self) -> Iterable[str]:
        for other in self.formerly:
            if other.name != self.name or other.formerly:
                yield "formerly takes cookies of the same name, without a formerly of their own."
            if other.place == self.place:
                yield "A cookie in formerly must differ in its domain, path or partitioned."

    @property
    def place(self) -> tuple[Any, ...]:
        """What tells the cookies of a name apart in a browser (RFC 6265 section 5.3, CHIPS)."""
        return (self.domain or "").removeprefix(".").casefold(), self.path, self.partitioned

    def header(self, value: str, max_age: timedelta) -> str:
        """
        Return the value of `Set-Cookie`.

        Args:
            value: The value of the cookie.
            max_age: The time for which the browser keeps it.
        """
        attributes = [f"{self.name}={value}", f"Max-Age={int(max_age.total_seconds())}"]
        attributes += [f"Path={self.path}", f"SameSite={self.same_site.capitalize()}", "HttpOnly"]
        if self.domain is not None:
            attributes.append(f"Domain={self.domain}")
        if self.secure:
            attributes.append("Secure")
        if self.partitioned:
            attributes.append("Partitioned")
        return "; ".join(attributes)

    def clearing_header(self) -> str:
        """Return the `Set-Cookie` that removes it. Browsers need the same attributes for that."""
        return self.header("", timedelta(0))

    def set_on(self, response: Response, value: str, max_age: timedelta) -> None:
        """
        Set the cookie on a response, and remove those that it formerly was.

        Args:
            response: The response.
            value: The value of the cookie.
            max_age: The time for which the browser keeps it.
        """
        self._remove_former(response)
        # Last: to browsers that do not tell the two apart it is the same cookie.
        response.headers.append("Set-Cookie", self.header(value, max_age))

    def clear_on(self, response: Response) -> None:
        """Remove the cookie, and those that it formerly was, by a response."""
        self._remove_former(response)
        response.headers.append("Set-Cookie", self.clearing_header())

    def _remove_former(self, response: Response) -> None:
        for other in self.formerly:
            response.headers.append("Set-Cookie", other.clearing_header())

    def read(self, headers: Iterable[str]) -> list[str]:
        """
        Return the different values of the cookie in a request, usually one or none.

        A browser sends several if the cookie was set with several domains or paths. Their order
        says nothing (RFC 6265 section 4.2.2): none may be preferred for its place.

        Args:
            headers: The `Cookie` header lines.

        Raises:
            InvalidSession: There is a cookie whose name only looks the same. With lenient
                parsers, sibling domains can plant a session this way (RFC 6265bis section 8.6).
                Or the header is longer than 16 KiB.
        """
        text = ";" + ";".join(headers)
        if len(text) > MAXIMUM_COOKIES:
            raise InvalidSession
        found: dict[str, None] = {}
        for pair in self._pairs.finditer(text):
            name = pair[1].lstrip(" \t")
            if name == f"{self.name}=":
                found[pair[2].rstrip(" \t")] = None
            elif not self._is_neighbour(name):
                raise InvalidSession
        found.pop("", None)
        return list(found)

    def _is_neighbour(self, name: str) -> bool:
        """Whether a name has the same prefix, letter by letter, and only then differs in case."""
        prefix, own = _PREFIX.match(self.name), f"{self.name}="
        is_prefixed = prefix is not None and name.startswith(prefix[0])
        return is_prefixed and name.casefold() == own.casefold()


def _pairs_like(name: str) -> re.Pattern[str]:
    """
    Return the pattern of all pairs whose name is this one, or only looks the same.

    Lenient parsers strip characters that no name has, and take a pair without "=" or with nothing
    before it for a name. Names are case-sensitive (RFC 6265 section 5.3), but old browsers let
    sibling domains set a cookie whose prefix is in another case, so case is folded if the name has
    a prefix. No two neighbouring repetitions match the same character, so the time is linear.
    """
    junk = f"[^{_NAME_CHARACTERS};=]*"
    spread = junk.join(map(re.escape, name))
    named, nameless = f"{spread}{junk}=", f"={junk}{spread}|{spread}[^;=]*(?![^;])"
    case = re.IGNORECASE if _PREFIX.match(name) else re.ASCII
    return re.compile(f";({junk}(?:{named}|{nameless}))([^;]*)", re.ASCII | case)
