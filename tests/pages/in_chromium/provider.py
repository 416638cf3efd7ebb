"""A provider that browsers reach: it is of another origin, and sends them on to a third one."""

from html import escape
from typing import Any
from urllib.parse import urlencode

import httpx
from fastapi import FastAPI, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from piccolo_api_fastapi import OIDC
from piccolo_api_fastapi.testing import FrozenClock
from tests.accounts.social.hostile import CLIENT_ID, CLIENT_SECRET, Provider

CONSENT = """<!doctype html><html lang="en"><title>Example Inc.</title>
<link rel="icon" href="data:,">
<a id="yes" href="{yes}">Yes</a> <a id="no" href="{no}">No</a>"""


class LocalProvider:
    """
    A provider on the socket of the site.

    Args:
        port: The port.
        clock: The clock.
    """

    def __init__(self, port: int, clock: FrozenClock) -> None:
        here = f"http://127.0.0.1:{port}/provider"
        self.third = f"http://accounts.localhost:{port}"
        """Where users say yes or no."""
        self.is_silent = False
        """Whether it leaves the browser where it is."""
        self._provider = Provider(clock, issuer=here)
        self._provider.metadata = {
            "authorization_endpoint": f"{here}/authorize",
            "token_endpoint": f"http://127.0.0.1:{port}/token",
            "jwks_uri": f"http://127.0.0.1:{port}/jwks",
        }
        self.known = OIDC(
            issuer=here,
            name="company",
            title="Example Inc.",
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            authoritative=True,
        )

    def client(self) -> httpx.AsyncClient:
        """The client of the site, for what browsers do not ask for."""
        return self._provider.client()

    def knows(self, email: str) -> None:
        """Let a person with this address be the one who says yes."""
        self._provider.claims = {"sub": email, "email": email, "email_verified": True}

    def add_to(self, app: FastAPI) -> None:
        """Add what browsers ask for."""

        @app.get("/provider/authorize")
        async def authorize(request: Request) -> Response:
            if self.is_silent:
                return Response(status_code=204)
            return RedirectResponse(f"{self.third}/provider/consent?{request.url.query}", 302)

        @app.get("/provider/consent")
        async def consent(request: Request) -> HTMLResponse:
            yes: dict[str, Any] = self._provider.authorize(str(request.url))
            no = {**yes, "error": "access_denied"}
            del no["code"]
            back = request.query_params["redirect_uri"]
            links = {"yes": f"{back}?{urlencode(yes)}", "no": f"{back}?{urlencode(no)}"}
            return HTMLResponse(
                CONSENT.format(**{name: escape(link) for name, link in links.items()})
            )
