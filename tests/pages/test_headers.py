"""The headers of every page, of its stylesheets and of its script."""

import re
from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import Brand, ConfigurationError, Pages, SessionAuth, User, Users
from piccolo_api_fastapi.pages.headers import PageHeaders
from tests.conftest import reaches_no_sql
from tests.pages.browsing import Browser
from tests.pages.conftest import log_in

PATHS = (
    "",
    "/login",
    "/logout",
    "/register",
    "/password",
    "/close",
    "/sessions",
    "/reauthenticate",
    "/email",
    "/verify-email",
    "/forgot-password",
    "/reset-password",
    "/change-email",
    "/undo-email",
    "/mfa",
    "/mfa/totp",
    "/mfa/recovery-codes",
    "/api-tokens",
    "/nothing",
)


async def test_every_page(browser: Browser, ada: User) -> None:
    """Every page has the headers, by GET and HEAD, for everybody; `Page.check` reads them."""
    for is_signed_in in (False, True):
        if is_signed_in:
            await log_in(browser)
        for path in PATHS:
            page = await browser.open(f"/account{path}")
            assert page.status in {200, 404}
            head = await browser.client.head(f"/account{path}")
            assert head.status_code in {200, 303, 404}
            assert head.headers["cache-control"] == "no-store"


@reaches_no_sql
async def test_assets(browser: Browser) -> None:
    """Files are kept for good, since their names change with their contents."""
    page = await browser.open("/account/login")
    paths = [it["href"] for it in page.tags("link") if it["rel"] == "stylesheet"]
    paths += [it["src"] for it in page.tags("script")]
    kinds = []
    for path in paths:
        assert re.fullmatch(r"/account/(pages|brand|passkeys)-[0-9a-f]{16}\.(css|js)", path)
        response = await browser.client.get(path)
        assert response.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert response.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in response.headers
        kinds.append(response.headers["content-type"])
        assert (await browser.client.head(path)).status_code == 200
        assert len(response.content) < (4608 if path.endswith(".js") else 16_000)
    script = "text/javascript; charset=utf-8"
    assert kinds == ["text/css; charset=utf-8", script, script]
    response = await browser.client.get("/account/pages-0000000000000000.css")
    assert response.status_code == 404


async def test_own_headers_and_sources(users: Users[User]) -> None:
    """An application replaces headers in any case, and adds sources."""
    pages = Pages(
        SessionAuth(users),
        brand=Brand("Movies", colors={"accent": "#7a1fa2"}),
        headers={"referrer-policy": "no-referrer", "X-Robots-Tag": "noindex"},
        sources={"img_src": ["https://img.example.com"], "frame_src": ["https://x.example.com"]},
    )
    app = FastAPI()
    app.include_router(pages.router)
    response = await Browser(app).client.get("/account/login")
    assert response.headers.get_list("referrer-policy") == ["no-referrer"]
    assert response.headers["x-robots-tag"] == "noindex"
    policy = response.headers["content-security-policy"].split("; ")
    assert "img-src 'self' data: https://img.example.com" in policy
    assert "frame-src https://x.example.com" in policy
    assert "require-trusted-types-for 'script'" not in policy
    assert response.text.count('rel="stylesheet"') == 2


def test_policy() -> None:
    """Without further sources, nothing but the site itself, and trusted types."""
    policy = PageHeaders((), (), {}).make(None)["content-security-policy"]
    assert policy == (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; "
        "font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        "frame-ancestors 'none'; require-trusted-types-for 'script'"
    )


def test_nonce() -> None:
    """A page that asks for the nonce gets it in the two directives that take one."""
    policy = PageHeaders((), (), {}).make("abc")["content-security-policy"]
    assert policy.count("'nonce-abc'") == 2


@pytest.mark.parametrize(
    "options",
    [
        {"sources": {"img_src": ["https://x; script-src *"]}},
        {"sources": {"img_src": ["a,b"]}},
        {"sources": {"img_src": ["a b"]}},
        {"sources": {"img_src": ["\u00e9"]}},
        {"sources": {"img_src": "https://x"}},
        {"headers": {"X-A": "a\r\nSet-Cookie: a=b"}},
        {"headers": {"X A": "a"}},
        {"headers": {"X-A": "\u00e9"}},
        {"trusted_origins": ["https://app.example.com/"]},
        {"trusted_origins": ["https://*.example.com"]},
        {"trusted_origins": ["javascript:alert(1)"]},
        {"trusted_origins": "https://app.example.com"},
    ],
    ids=str,
)
def test_configuration(options: dict[str, Any]) -> None:
    """What would break out of a header, or never match, is refused."""
    with pytest.raises(ConfigurationError):
        Pages(SessionAuth(), **options)
