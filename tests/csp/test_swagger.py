"""`CSP.swagger()`: exact hashes and addresses for Swagger UI, as FastAPI serves it."""

import base64
import hashlib
import re
from typing import Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse

from piccolo_api_fastapi import CSP, ConfigurationError, install
from piccolo_api_fastapi.csp.swagger import sources_of
from tests.conftest import new_client

ENFORCED = "Content-Security-Policy"
CDN = "https://cdn.jsdelivr.net/npm/swagger-ui-dist@5"


def hashes_of(html: str) -> set[str]:
    """The hashes of the inline scripts of a page, found by other means."""
    scripts = re.findall(r"<script>(.*?)</script>", html, re.DOTALL)
    digests = (hashlib.sha256(script.encode()).digest() for script in scripts)
    return {f"'sha256-{base64.b64encode(digest).decode()}'" for digest in digests}


def sources(policy: str, directive: str) -> set[str]:
    """The sources of a directive."""
    found = re.search(rf"(?:^|; ){directive} ([^;]+)", policy)
    assert found, policy
    return set(found[1].split())


async def docs_of(app: FastAPI, path: str = "/docs", **options: Any) -> tuple[str, str]:
    """A page and its policy."""
    transport = httpx.ASGITransport(app=app, **options)
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        answer = await client.get(path)
    assert answer.status_code == 200
    (policy,) = answer.headers.get_list(ENFORCED)
    return answer.text, policy


APPS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "settings": (
        {
            "title": "<Movies>",
            "docs_url": "/swagger",
            "openapi_url": "/schema.json",
            "swagger_ui_parameters": {"deepLinking": False, "a": "</script>"},
            "swagger_ui_init_oauth": {"clientId": "me"},
        },
        {},
    ),
    "no redirect": ({"swagger_ui_oauth2_redirect_url": None}, {}),
    "root path": ({}, {"root_path": "/proxy"}),
}


@pytest.mark.parametrize("name", APPS)
async def test_docs(name: str) -> None:
    """The policy has the hash of the script that the page has, whatever the application sets."""
    settings, options = APPS[name]
    app = FastAPI(**settings)
    install(app, csp=CSP.strict(report_to="/csp"))
    prefix = options.get("root_path", "")
    html, policy = await docs_of(app, prefix + str(app.docs_url), **options)
    (script,) = hashes_of(html)
    assert sources(policy, "script-src") >= {script, f"{CDN}/swagger-ui-bundle.js"}
    assert len(sources(policy, "script-src")) == 3  # and the page that OAuth comes back to
    assert sources(policy, "style-src") == {f"{CDN}/swagger-ui.css"}
    assert "https://fastapi.tiangolo.com/img/favicon.png" in sources(policy, "img-src")
    assert sources(policy, "default-src") == {"'none'"}
    assert sources(policy, "report-uri") == {"/csp"}
    assert "unsafe" not in policy
    if app.swagger_ui_oauth2_redirect_url:
        html, policy = await docs_of(app, prefix + app.swagger_ui_oauth2_redirect_url, **options)
        assert hashes_of(html) < sources(policy, "script-src")


@pytest.mark.parametrize("settings", [{"docs_url": None}, {"openapi_url": None}])
async def test_no_docs(settings: dict[str, Any]) -> None:
    """Where FastAPI serves no docs, their paths are paths like others."""
    app = FastAPI(**settings)
    install(app, csp=CSP.strict())
    for path in ("/docs", "/docs/oauth2-redirect"):

        @app.get(path)
        async def own() -> str:
            return "mine"

        _, policy = await docs_of(app, path)
        assert "strict-dynamic" in policy
        assert "sha256-" not in policy


async def test_modes() -> None:
    """Of a policy on trial, the docs have one on trial; other pages have the application's."""
    app = FastAPI()
    install(app, csp=CSP.strict(report_only=True))
    async with new_client(app) as client:
        docs, other = await client.get("/docs"), await client.get("/none")
    name = f"{ENFORCED}-Report-Only"
    assert "sha256-" in docs.headers[name]
    assert "strict-dynamic" in other.headers[name]
    assert ENFORCED not in docs.headers
    assert ENFORCED not in other.headers


async def test_a_made_up_root_path() -> None:
    """A script that comes in by the root path, which FastAPI does not escape, gets no hash."""
    app = FastAPI()
    install(app, csp=CSP.strict())
    attack = "/x'});alert(1);({a:'"
    html, policy = await docs_of(app, f"{attack}/docs", root_path=attack)
    assert "alert(1)" in html
    assert not hashes_of(html) & sources(policy, "script-src")


async def test_a_page_of_its_own() -> None:
    """A route of one's own passes its page: assets from elsewhere, further directives."""
    app = FastAPI(docs_url=None, dependencies=[Depends(CSP.strict())])
    install(app)
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title="Movies",
        swagger_js_url="/static/swagger.js",
        swagger_css_url="//static.example/swagger.css?v=1",
        swagger_favicon_url="https://static.example/icon.png#a",
    )
    csp = CSP.swagger(page, connect_src=["self", "https://api.example"])

    @app.get("/docs", include_in_schema=False, dependencies=[Depends(csp)])
    async def docs() -> HTMLResponse:
        return page

    html, policy = await docs_of(app)
    assert sources(policy, "script-src") == {"'self'", *hashes_of(html)}
    assert sources(policy, "style-src") == {"static.example/swagger.css"}
    assert "https://static.example/icon.png" in sources(policy, "img-src")
    assert sources(policy, "connect-src") == {"'self'", "https://api.example"}


def test_sources() -> None:
    """Inline styles get hashes, empty scripts too, and other links nothing."""
    found = sources_of(
        HTMLResponse(
            "<link rel='preconnect' href='https://a.example'><link rel='stylesheet'>"
            "<style>a{}</style><script></script><script>1<2&&'</b>'</script>"
        )
    )
    digests = [
        base64.b64encode(hashlib.sha256(text).digest()).decode()
        for text in (b"a{}", b"", b"1<2&&'</b>'")
    ]
    assert found == {
        "style_src": ["'self'", f"'sha256-{digests[0]}'"],
        "script_src": [f"'sha256-{digest}'" for digest in digests[1:]],
        "img_src": [],
    }


def test_addresses_that_no_header_carries() -> None:
    """An asset whose address has a semicolon is refused when the policy is built."""
    page = HTMLResponse("<script src='https://a.example/a;b.js'></script>")
    with pytest.raises(ConfigurationError, match="script_src"):
        CSP.swagger(page)


async def test_for_the_whole_application() -> None:
    """An application whose only pages are its docs can have this policy everywhere."""
    app = FastAPI(dependencies=[Depends(CSP.swagger())])
    install(app)

    @app.get("/")
    async def home() -> int:
        return 1

    async with new_client(app) as client:
        answer = await client.get("/")
        docs = await client.get("/docs")
    assert hashes_of(docs.text) < sources(answer.headers[ENFORCED], "script-src")
    assert ENFORCED not in docs.headers  # no dependency runs for it: that needs install(csp=…)
