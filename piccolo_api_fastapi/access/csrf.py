"""The check of `Sec-Fetch-Site` and `Origin` that replaces CSRF tokens."""

import re
from collections.abc import Collection

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError, CrossSiteRequest

from .refusal_events import emit_refusal

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""RFC 9110 section 9.2.1."""

_ORIGIN = re.compile(
    r"""
    (?!file:)[a-z][a-z0-9+.\-]*://  # apps and extensions of browsers have schemes of their own
    ((\*\.[a-z0-9\-]+\.)?[a-z0-9.\-]+|\[[0-9a-f:.]+\])
    (:[0-9]{1,5})?
    """,
    re.VERBOSE,
)
"""An origin as browsers send it. Its first label may be `*`, above a domain of two labels."""


@configured
class SameOrigin:
    """
    Refuse unsafe requests that another site made the browser send.

    ```python
    from fastapi import Depends, FastAPI
    from piccolo_api_fastapi import SameOrigin

    app = FastAPI(dependencies=[Depends(SameOrigin())])
    ```

    `Sec-Fetch-Site` decides. If an old browser does not send it, `Origin` is compared with
    `Host`. This is the algorithm of Go's `http.CrossOriginProtection` and of the OWASP CSRF
    cheat sheet. A request with neither header does not come from a browser.

    `SessionAuth` includes this check. Use it as a dependency to protect other routes.

    Args:
        trusted_origins: Other origins that may send requests, such as `https://app.example.com`,
            `capacitor://localhost`, or `https://*.preview.example.com` for any one label.
        strict: Whether to refuse requests that have neither header.

    Raises:
        ConfigurationError: An origin does not have the form that browsers send.
    """

    documented_errors = (CrossSiteRequest,)

    def __init__(self, *, trusted_origins: Collection[str] = (), strict: bool = False) -> None:
        for origin in trusted_origins:
            if isinstance(trusted_origins, str) or not _ORIGIN.fullmatch(origin):
                raise ConfigurationError(
                    "A trusted origin must look like https://app.example.com, without a path, "
                    f"not {origin!r}."
                )
        self.trusted_origins = frozenset(trusted_origins)
        wildcards = {origin for origin in trusted_origins if "*" in origin}
        self._exact = self.trusted_origins - wildcards
        self._wildcards = [_any_label(origin) for origin in wildcards]
        self.strict = strict

    async def __call__(self, connection: HTTPConnection) -> None:
        """Check a request, as a dependency. Emits `authz_fail` if the request is refused."""
        try:
            self.check(connection)
        except CrossSiteRequest as error:
            await emit_refusal(error, connection, utcnow())
            raise

    def check(self, connection: HTTPConnection) -> None:
        """
        Refuse a request that another site sent. A WebSocket counts as unsafe.

        Raises:
            CrossSiteRequest: Another site sent the request, or may have sent it.
        """
        if connection.scope["type"] == "http" and connection.scope["method"] in SAFE_METHODS:
            return
        origins = connection.headers.getlist("origin")
        if len(origins) == 1 and self._is_trusted(origins[0]):
            return
        sites = connection.headers.getlist("sec-fetch-site")
        if sites:
            if sites not in (["same-origin"], ["none"]):
                raise CrossSiteRequest
        elif origins:
            if len(origins) > 1 or not _same_host(origins[0], connection):
                raise CrossSiteRequest
        elif self.strict:
            raise CrossSiteRequest

    def _is_trusted(self, origin: str) -> bool:
        return origin in self._exact or any(
            wildcard.fullmatch(origin) for wildcard in self._wildcards
        )


def _any_label(origin: str) -> re.Pattern[str]:
    return re.compile(re.escape(origin).replace(r"\*", "[a-z0-9-]{1,63}"))


def _same_host(origin: str, connection: HTTPConnection) -> bool:
    """Compare without the scheme, which a proxy that terminates TLS hides from us."""
    hosts = connection.headers.getlist("host")
    if len(hosts) != 1:
        return False
    scheme, _, host = origin.partition("://")
    default = {"http": ":80", "https": ":443"}.get(scheme)
    return default is not None and host.lower() == hosts[0].lower().removesuffix(default)
