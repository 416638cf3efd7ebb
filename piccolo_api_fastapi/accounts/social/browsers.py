"""`FlowCookies`: the cookies by which a browser proves that it began a log-in."""

from contextlib import suppress

from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi.core.http.cookies import Cookie
from piccolo_api_fastapi.errors import InvalidSession

from .flows import LIFETIME

CONFIRM = "confirm"
"""In place of the name of a provider, which none has: the cookie of a link that waits."""


class FlowCookies:
    """
    The cookies of flows, one for each provider: the latest flow wins.

    Args:
        base_url: The origin of the site. On `http://localhost`, cookies are not marked `Secure`,
            since not all browsers keep such cookies there.
    """

    def __init__(self, base_url: str) -> None:
        self._is_secure = base_url.startswith("https://")

    def _cookie(self, name: str) -> Cookie:
        if self._is_secure:
            return Cookie(f"__Host-oauth-{name}")
        return Cookie.insecure_for_http_on_localhost(f"insecure-oauth-{name}")

    def read(self, name: str, connection: HTTPConnection) -> str:
        """Return the token in a cookie of a request; empty if there is none, or not just one."""
        with suppress(InvalidSession):
            found = self._cookie(name).read(connection.headers.getlist("cookie"))
            if len(found) == 1:
                return found[0]
        return ""

    def remember(self, name: str, response: Response, token: str) -> None:
        """Set a cookie."""
        self._cookie(name).set_on(response, token, LIFETIME)

    def forget(self, name: str, response: Response) -> None:
        """Remove a cookie."""
        self._cookie(name).clear_on(response)
