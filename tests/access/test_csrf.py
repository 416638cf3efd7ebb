"""Requests of other sites."""

import re
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Form, Response

from piccolo_api_fastapi import (
    ConfigurationError,
    JWTAuth,
    SameOrigin,
    Session,
    SessionAuth,
    User,
    install,
    session_router,
)
from tests.conftest import bearer, get_tokens, log_in, new_client, web_socket

APP = "https://app.example.com"
OWN = {"host": "testserver"}


async def status(csrf: SameOrigin, method: str, headers: Any) -> int:
    """The answer of a route that this guards."""
    app = FastAPI()

    @app.api_route("/", methods=["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
    async def route(_: Annotated[None, Depends(csrf)]) -> None:
        return None

    async with new_client(app) as client:
        return (await client.request(method, "/", headers=headers)).status_code


@pytest.mark.security(27)
@pytest.mark.security(28)
@pytest.mark.security(29)
@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({}, 200),
        ({"Sec-Fetch-Site": "same-origin"}, 200),
        ({"Sec-Fetch-Site": "none"}, 200),
        ({"Sec-Fetch-Site": "same-site"}, 403),
        ({"Sec-Fetch-Site": "cross-site"}, 403),
        ({"Sec-Fetch-Site": "SAME-ORIGIN"}, 403),
        ({"Sec-Fetch-Site": ""}, 403),
        ([("Sec-Fetch-Site", "same-origin"), ("Sec-Fetch-Site", "cross-site")], 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": "https://testserver"}, 403),
        ({"Sec-Fetch-Site": "cross-site", "Origin": APP}, 200),
        ({"Sec-Fetch-Site": "same-site", "Origin": APP}, 200),
        ({"Sec-Fetch-Site": "same-site", "Origin": APP + ".evil.org"}, 403),
        ({"Origin": "https://testserver"}, 200),
        ({"Origin": "http://testserver"}, 200),
        ({"Origin": "https://testserver:443"}, 403),
        ({"Origin": "https://testserver:8443"}, 403),
        ({"Origin": "https://TESTSERVER"}, 200),
        ({"Origin": "https://testserver.evil.org"}, 403),
        ({"Origin": "null"}, 403),
        ({"Origin": ""}, 403),
        ({"Origin": "ftp://testserver"}, 403),
        ({"Origin": APP}, 200),
        ([("Origin", APP), ("Origin", "https://evil.org")], 403),
        ([("Origin", "https://testserver"), ("Origin", "https://evil.org")], 403),
        ([("Origin", "https://testserver"), ("Host", "testserver"), ("Host", "evil.org")], 403),
    ],
)
async def test_rules(headers: Any, expected: int) -> None:
    """Fetch metadata decides, then the origin; nothing is taken on trust (D-C1, D-C4)."""
    csrf = SameOrigin(trusted_origins=[APP])
    assert expected == await status(csrf, "POST", headers)
    for method in ("PUT", "PATCH", "DELETE"):
        assert expected == await status(csrf, method, headers)
    for method in ("GET", "HEAD", "OPTIONS"):
        assert await status(csrf, method, headers) == 200


@pytest.mark.parametrize(
    ("origin", "host", "expected"),
    [
        ("https://a.org", "a.org:443", 200),
        ("http://a.org", "a.org:80", 200),
        ("http://a.org", "a.org:443", 403),
        ("https://a.org:8443", "a.org:8443", 200),
    ],
)
async def test_default_ports(origin: str, host: str, expected: int) -> None:
    """A port that goes without saying may be said."""
    assert expected == await status(SameOrigin(), "POST", {"Origin": origin, "Host": host})


@pytest.mark.security(29)
async def test_strict() -> None:
    """Strict wants one of the two headers."""
    strict = SameOrigin(strict=True)
    assert await status(strict, "POST", {}) == 403
    assert await status(strict, "GET", {}) == 200
    assert await status(strict, "POST", {"Origin": "https://testserver"}) == 200


@pytest.mark.parametrize(
    "origins", [["https://a.org/"], ["a.org"], ["*"], ["null"], "https://a.org", ["https://A.org"]]
)
def test_configuration(origins: Any) -> None:
    """A trusted origin is written as browsers send it."""
    with pytest.raises(ConfigurationError):
        SameOrigin(trusted_origins=origins)


@pytest.mark.security(27)
@pytest.mark.security(31)
async def test_sessions(client: httpx.AsyncClient, ada: User) -> None:
    """A cookie works for one's own site only, and nobody is logged in or out by another."""
    evil = {"Sec-Fetch-Site": "cross-site"}
    credentials = {"username": "ada", "password": "correct horse battery"}
    answer = await client.post("/auth/login", json=credentials, headers=evil)
    assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert await Session.count() == 0
    await log_in(client)
    [session] = (await client.get("/auth/sessions", headers=evil)).json()
    for method, path in (
        ("POST", "/write"),
        ("POST", "/auth/logout"),
        ("DELETE", "/auth/sessions"),
        ("DELETE", f"/auth/sessions/{session['id']}"),
    ):
        answer = await client.request(method, path, headers=evil)
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
    assert await Session.count() == 1
    assert (await client.post("/write")).status_code == 200


@pytest.mark.security(30)
async def test_header_credentials(client: httpx.AsyncClient, ada: User) -> None:
    """A guard that reads `Authorization` leaves cookies and their rules alone if there is one."""
    await log_in(client)
    evil = {"Sec-Fetch-Site": "cross-site"}
    token = (await get_tokens(client))["access_token"]
    assert (await client.post("/write", headers=bearer(token) | evil)).status_code == 200
    answer = await client.get("/me", headers=bearer("bad"))
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")


async def test_header_of_a_proxy(client: httpx.AsyncClient, ada: User) -> None:
    """A guard of cookies alone reads them behind HTTP Basic, and refuses other sites as ever."""
    await log_in(client)
    for header in ("Basic c3RhZ2luZzpzZWNyZXQ=", "Bearer of-something-else", ""):
        proxy = {"Authorization": header}
        answer = await client.get("/session", headers=proxy)
        assert answer.json() == {"username": "ada"}
        assert (await client.get("/auth/sessions", headers=proxy)).status_code == 200
        answer = await client.post("/auth/logout", headers=proxy | {"Sec-Fetch-Site": "cross-site"})
        assert (answer.status_code, answer.json()["code"]) == (403, "cross_site_request")
        assert (await client.get("/me", headers=proxy)).status_code == 401
    assert (await client.post("/auth/logout", headers=proxy)).status_code == 204
    assert (await client.get("/session", headers=proxy)).json()["code"] == "not_authenticated"


@pytest.mark.security(27)
async def test_web_socket(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """A WebSocket by cookie is unsafe: it is refused to other sites."""
    await log_in(client)
    cookie = f"__Host-session={client.cookies['__Host-session']}"
    sent = await web_socket(app, "/ws", Cookie=cookie, Origin="https://testserver")
    assert {"type": "websocket.send", "text": '{"username":"ada"}'} in sent
    sent = await web_socket(app, "/ws", Cookie=cookie, Origin="https://evil.org")
    assert (sent[0]["type"], sent[0]["status"]) == ("websocket.http.response.start", 403)


async def test_forms(session: SessionAuth[User], ada: User) -> None:
    """The check leaves bodies alone: forms of guarded routes arrive whole (D-C3)."""
    app = FastAPI()
    install(app)
    app.include_router(session_router(session), prefix="/auth")

    @app.post("/form", dependencies=[Depends(session)])
    async def form(text: Annotated[str, Form()]) -> str:
        return text

    async with new_client(app) as client:
        await log_in(client)
        answer = await client.post("/form", data={"text": "kept"})
    assert answer.json() == "kept"


async def test_trusted_origins(jwt: JWTAuth[User], ada: User) -> None:
    """A session takes its rules from `csrf=`."""
    app = FastAPI()
    session = SessionAuth(jwt.users, csrf=SameOrigin(trusted_origins=[APP]))
    app.include_router(session_router(session), prefix="/auth")
    async with new_client(app) as client:
        headers = {"Sec-Fetch-Site": "cross-site", "Origin": APP}
        credentials = {"username": "ada", "password": "correct horse battery"}
        answer = await client.post("/auth/login", json=credentials, headers=headers)
        assert answer.status_code == 200
        assert (await client.post("/auth/logout", headers=headers)).status_code == 204


async def test_documentation_page(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """
    Swagger needs no token of ours to send what it sends, and no page or route gets a
    second `Content-Security-Policy` beside its own (D-C6, D-C7).
    """

    @app.get("/own-policy")
    async def own_policy(response: Response) -> None:
        response.headers["Content-Security-Policy"] = "default-src 'self'"

    page = await client.get("/docs")
    assert page.status_code == 200
    assert "csrf" not in page.text.lower()
    same_origin = {"Sec-Fetch-Site": "same-origin"}
    credentials = {"username": "ada", "password": "correct horse battery"}
    answer = await client.post("/auth/login", json=credentials, headers=same_origin)
    assert answer.status_code == 200
    assert (await client.post("/write", headers=same_origin)).status_code == 200
    assert "Content-Security-Policy" not in answer.headers
    answer = await client.get("/own-policy")
    assert answer.headers.get_list("Content-Security-Policy") == ["default-src 'self'"]


@pytest.mark.parametrize(
    ("trusted", "origin", "is_trusted"),
    [
        ("capacitor://localhost", "capacitor://localhost", True),
        ("tauri://localhost", "tauri://localhost", True),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgh", True),
        ("chrome-extension://abcdefgh", "chrome-extension://abcdefgi", False),
        ("capacitor://localhost", "ionic://localhost", False),
        ("https://*.preview.example.com", "https://pr-7.preview.example.com", True),
        ("https://*.preview.example.com:8443", "https://pr-7.preview.example.com:8443", True),
        ("https://*.preview.example.com", "https://preview.example.com", False),
        ("https://*.preview.example.com", "https://a.b.preview.example.com", False),
        ("https://*.preview.example.com", "https://.preview.example.com", False),
        ("https://*.preview.example.com", "http://pr-7.preview.example.com", False),
        ("https://*.preview.example.com", "https://pr-7.preview.example.com.evil.org", False),
        ("https://*.preview.example.com", "https://pr-7.preview.example.com:8443", False),
        ("https://*.preview.example.com", "https://evil.org/.preview.example.com", False),
        ("https://*.preview.example.com", "https://pr-7xpreview.example.com", False),
        ("https://*.preview.example.com", "https://*.preview.example.com", False),
    ],
)
async def test_origins_of_apps(trusted: str, origin: str, is_trusted: Any) -> None:
    """Origins of any scheme are compared as they are; a wildcard stands for one label."""
    app = FastAPI(dependencies=[Depends(SameOrigin(trusted_origins=[trusted]))])

    @app.post("/")
    async def write() -> None: ...

    async with new_client(app) as client:
        headers = {"Origin": origin, "Sec-Fetch-Site": "cross-site"}
        answer = await client.post("/", headers=headers)
    assert answer.status_code == (200 if is_trusted else 403)


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "file://",
        "file://localhost",
        "*",
        "https://*",
        "https://*.com",
        "https://*.*.example.com",
        "https://a*.example.com",
        "https://a.*.example.com",
        "https://example.com/",
        "https://user@example.com",
        "//example.com",
        "HTTPS://example.com",
        "https://ex ample.com",
    ],
)
def test_origins_that_mean_too_much(origin: str) -> None:
    """What no browser sends as an origin, or what would trust strangers, is refused by name."""
    with pytest.raises(ConfigurationError, match=f"{re.escape(repr(origin))}\\.$"):
        SameOrigin(trusted_origins=[APP, origin])
