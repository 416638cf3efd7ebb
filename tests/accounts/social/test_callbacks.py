"""Who may come back: the browser that began, once, and from the provider that it was sent to."""

from datetime import timedelta
from typing import Any
from urllib.parse import quote

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent, OAuthAccount, Session, Ticket, User
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, log_in, new_client

from .conftest import (
    CALLBACK,
    VERIFIED,
    MakeApp,
    begin,
    code_of,
    come_back,
    company,
    query_of,
    sign_in,
)
from .hostile import Provider

UNKNOWN = (400, "login_flow_unknown")


async def rows() -> list[Any]:
    """Everything that a callback could write."""
    return [await table.select() for table in (Ticket, OAuthAccount, Session, User)]


def said(answer: httpx.Response) -> tuple[int, str]:
    """The status and the code of an error."""
    return answer.status_code, code_of(answer)


@pytest.mark.security(141)
@pytest.mark.parametrize("is_link", [False, True])
@pytest.mark.parametrize("cookie", ["none", "another", "malformed", "twice"])
async def test_other_browser(
    app: FastAPI,
    client: httpx.AsyncClient,
    provider: Provider,
    ada: User,
    cookie: str,
    *,
    is_link: bool,
) -> None:
    """Another browser than the one that began gets a 400; nothing is written, nobody is asked."""
    if is_link:
        await log_in(client)
        answer = await client.post("/auth/oauth/company/link", json={})
        back = provider.authorize(answer.json()["authorization_url"])
    else:
        back = provider.authorize(await begin(client))
    async with new_client(app) as victim:
        if is_link:
            await log_in(victim)
        headers = {}
        if cookie == "another":
            await begin(victim)
        elif cookie == "malformed":
            headers = {"Cookie": "__Host-oauth-company=x"}
        elif cookie == "twice":
            own = client.cookies["__Host-oauth-company"]
            headers = {"Cookie": f"__Host-oauth-company={own}; __Host-oauth-company=x"}
        before, asked = await rows(), list(provider.requests)
        answer = await victim.get(CALLBACK, params=back, headers=headers)
        assert said(answer) == UNKNOWN
        assert "set-cookie" not in answer.headers
        assert (await rows(), provider.requests) == (before, asked)
    # What the other browser saw, it has not used up.
    assert (await come_back(client, back)).status_code == 303


@pytest.mark.security(157)
async def test_login_csrf(
    app: FastAPI, client: httpx.AsyncClient, provider: Provider, ada: User
) -> None:
    """A victim who follows an attacker's link stays who they are, and gets no link."""
    back = provider.authorize(await begin(client))
    async with new_client(app) as victim:
        await log_in(victim)
        await begin(victim)
        assert said(await come_back(victim, back)) == UNKNOWN
        assert (await victim.get("/me")).json() == "ada"
        assert (await victim.get("/auth/oauth/accounts")).json() == []


@pytest.mark.security(142)
async def test_once(client: httpx.AsyncClient, provider: Provider) -> None:
    """A state is used once, whoever has the cookie."""
    back = provider.authorize(await begin(client))
    cookie = client.cookies["__Host-oauth-company"]
    assert (await come_back(client, back)).status_code == 303
    again = await client.get(
        CALLBACK, params=back, headers={"Cookie": f"__Host-oauth-company={cookie}"}
    )
    assert said(again) == UNKNOWN
    assert provider.count("/token") == 1


@pytest.mark.security(142)
@pytest.mark.parametrize(("after", "status"), [(599, 303), (600, 400)])
async def test_expired(
    client: httpx.AsyncClient, provider: Provider, clock: FrozenClock, after: int, status: int
) -> None:
    """It lives for ten minutes."""
    back = provider.authorize(await begin(client))
    clock.advance(timedelta(seconds=after))
    assert (await come_back(client, back)).status_code == status


@pytest.mark.security(142)
async def test_of_another_provider(make_app: MakeApp, provider: Provider) -> None:
    """A state of one provider is unknown at the callback of another."""
    app = make_app(company(), company(name="other"))
    async with new_client(app) as client:
        await begin(client, "other")
        back = provider.authorize(await begin(client))
        assert said(await come_back(client, back, "other")) == UNKNOWN
        assert (await come_back(client, back)).status_code == 303


async def test_a_renamed_cookie(make_app: MakeApp, provider: Provider) -> None:
    """The flow of one provider is unknown at another, even if its cookie is renamed."""
    app = make_app(company(), company(name="other"))
    async with new_client(app) as client:
        back = provider.authorize(await begin(client))
        cookie = f"__Host-oauth-other={client.cookies['__Host-oauth-company']}"
        client.cookies.clear()
        path = "/auth/oauth/other/callback"
        answer = await client.get(path, params=back, headers={"Cookie": cookie})
        assert said(answer) == UNKNOWN


async def test_the_latest_flow_counts(client: httpx.AsyncClient, provider: Provider) -> None:
    """A browser has one flow for each provider."""
    first = provider.authorize(await begin(client))
    second = provider.authorize(await begin(client))
    assert said(await come_back(client, first)) == UNKNOWN
    assert (await come_back(client, second)).status_code == 303


MALFORMED = [
    {},
    {"code": "c"},
    {"state": "s"},
    {"state": "s", "code": "c", "error": "access_denied"},
    [("state", "s"), ("state", "s"), ("code", "c")],
    [("state", "s"), ("code", "c"), ("code", "c")],
    [("state", "s"), ("code", "c"), ("iss", "a"), ("iss", "a")],
    {"state": "", "code": "c"},
    {"state": "s", "code": ""},
    {"state": "s", "code": "c\n"},
    {"state": "s\x00", "code": "c"},
    {"state": "ä", "code": "c"},
    {"state": "s", "code": "c" * 5000},
    {"state": "s", "error": "x" * 5000},
    {"state": "tkt_" + "a" * 51, "code": "c"},
]


@pytest.mark.security(142)
@pytest.mark.parametrize("parameters", MALFORMED, ids=str)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_malformed(client: httpx.AsyncClient, provider: Provider, parameters: Any) -> None:
    """What is missing, repeated or malformed gets the same answer."""
    await begin(client)
    assert said(await come_back(client, parameters)) == UNKNOWN


async def test_unknown_parameters(client: httpx.AsyncClient, provider: Provider) -> None:
    """Others are ignored, such as `session_state` and `scope`; so is an unknown provider."""
    back = {**provider.authorize(await begin(client)), "scope": "a", "session_state": "ä\n"}
    assert (await come_back(client, back)).status_code == 303
    assert said(await come_back(client, back, "nowhere")) == (404, "not_found")
    assert said(await client.post("/auth/oauth/nowhere")) == (404, "not_found")


@pytest.mark.security(143)
async def test_pkce(client: httpx.AsyncClient, provider: Provider, ada: User) -> None:
    """Every flow has a challenge by S256 of its own; the provider checks it."""
    urls = [await begin(client), await begin(client)]
    await log_in(client)
    urls.append(
        (await client.post("/auth/oauth/company/link", json={})).json()["authorization_url"]
    )
    asked = [query_of(url) for url in urls]
    assert {one["code_challenge_method"] for one in asked} == {"S256"}
    assert (
        len({one["code_challenge"] for one in asked}) == len({one["nonce"] for one in asked}) == 3
    )
    back = provider.authorize(urls[-1])
    provider.codes[back["code"]]["code_challenge"] = asked[0]["code_challenge"]
    assert said(await come_back(client, back)) == (403, "provider_refused")
    assert len(provider.forms[-1]["code_verifier"]) == 43


@pytest.mark.security(144)
@pytest.mark.parametrize(
    ("sends", "issuer", "status"),
    [
        (True, "https://provider.example", 303),
        (True, "https://other.example", 403),
        (True, "https://provider.example/", 403),
        (True, None, 403),
        (False, None, 303),
        (False, "https://provider.example", 303),
        (False, "https://other.example", 403),
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_issuer(
    client: httpx.AsyncClient, provider: Provider, issuer: str | None, status: int, *, sends: bool
) -> None:
    """The issuer of the callback, if it is sent or was promised; before the code is sent."""
    provider.sends_issuer = sends
    back = provider.authorize(await begin(client))
    back.pop("iss", None)
    if issuer is not None:
        back["iss"] = issuer
    assert (await come_back(client, back)).status_code == status
    assert provider.count("/token") == (status == 303)


@pytest.mark.parametrize(
    ("error", "reason"),
    [("access_denied", "error-access_denied"), ("<script>", "error-other"), ("x y", "error-other")],
)
@pytest.mark.security(165)
async def test_errors_of_the_provider(
    client: httpx.AsyncClient,
    provider: Provider,
    events: list[AuthEvent],
    error: str,
    reason: str,
) -> None:
    """An error is a 403; nothing of its text is repeated, and only registered codes are told."""
    back = provider.authorize(await begin(client))
    del back["code"]
    back |= {"error": error, "error_description": "Call 555-0100 to <b>fix</b> this"}
    answer = await come_back(client, back)
    assert said(answer) == (403, "provider_refused")
    assert "555" not in answer.text + str(events)
    assert events[-1].data["reason"] == reason
    assert provider.count("/token") == 0


@pytest.mark.security(165)
async def test_secrets(
    client: httpx.AsyncClient,
    provider: Provider,
    events: list[AuthEvent],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No secret is in a log, an event, an address or a page; the answer is not kept."""
    caplog.set_level("DEBUG", "piccolo_api_fastapi")
    provider.claims = VERIFIED
    for issuer in ("https://other.example", provider.issuer):
        provider.claims = {**VERIFIED, "iss": issuer}
        back = provider.authorize(await begin(client))
        cookie = client.cookies["__Host-oauth-company"]
        answer = await come_back(client, back)
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["referrer-policy"] == "no-referrer"
        seen = caplog.text + str(events) + answer.text + answer.headers.get("location", "")
        verifier = provider.forms[-1]["code_verifier"]
        for secret in (
            back["code"],
            back["state"],
            cookie,
            verifier,
            "an-access-token",
            "a secret /",
        ):
            assert secret not in seen
        [row] = [row for row in await Ticket.select() if row["used_at"] is not None][-1:]
        assert cookie not in str(row)
        assert verifier not in str(row)


@pytest.mark.security(162)
@pytest.mark.parametrize(
    "path",
    [
        "//evil.com",
        "/\\evil.com",
        "@evil.com",
        "/@evil.com",
        ".evil.com",
        "https:evil.com",
        "https://evil.com",
        "javascript:alert(1)",
        "/%0d%0aSet-Cookie:a=b",
        "/a\r\nb",
        "/%5c%5cevil.com",
        "/%",
        "/a b",
        "/ä",
        "/#fragment",
        "",
        "movies",
        "/" + "a" * 2000,
    ],
)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_next(client: httpx.AsyncClient, ada: User, path: str) -> None:
    """A path that leads elsewhere is refused at the beginning."""
    answer = await client.post("/auth/oauth/company", json={"next": path})
    assert answer.status_code == 422
    form = f"next={quote(path)}"
    kind = {"Content-Type": "application/x-www-form-urlencoded"}
    if path:
        answer = await client.post("/auth/oauth/company", content=form, headers=kind)
        assert answer.status_code == 422
    await log_in(client)
    answer = await client.post("/auth/oauth/company/link", json={"next": path})
    assert answer.status_code == 422


@pytest.mark.security(162)
async def test_the_provider_chooses_no_target(
    client: httpx.AsyncClient, provider: Provider
) -> None:
    """What a provider sends along changes nothing."""
    back = provider.authorize(await begin(client, next="/movies?page=2&sort=title"))
    answer = await come_back(client, {**back, "next": "https://evil.com", "redirect": "//evil.com"})
    assert answer.headers["location"] == "/movies?page=2&sort=title"


@pytest.mark.security(160)
async def test_fixation(
    app: FastAPI, client: httpx.AsyncClient, provider: Provider, ada: User
) -> None:
    """The session that a browser brought ends, and its cookie is replaced."""
    await log_in(client)
    brought = client.cookies["__Host-session"]
    assert (await sign_in(client, provider)).status_code == 303
    assert client.cookies["__Host-session"] != brought
    async with new_client(app) as thief:
        thief.cookies.set("__Host-session", brought)
        assert (await thief.get("/me")).status_code == 401


async def test_form(client: httpx.AsyncClient, provider: Provider) -> None:
    """A page without a script sends a form, and is redirected to the provider."""
    answer = await client.post("/auth/oauth/company", data={"next": "/movies", "app": ""})
    assert answer.status_code == 303, answer.text
    back = provider.authorize(answer.headers["location"])
    assert (await come_back(client, back)).headers["location"] == "/movies"
    assert (await client.post("/auth/oauth/company")).status_code == 200


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"next=/a&next=/b", "application/x-www-form-urlencoded", 422),
        (b"next=%ff", "application/x-www-form-urlencoded", 422),
        (b"other=1", "application/x-www-form-urlencoded", 422),
        (
            b"&".join(b"a%d=1" % number for number in range(9)),
            "application/x-www-form-urlencoded",
            422,
        ),
        (b'{"next": "/a", "next": "/b"}', "application/json", 422),
        (b"[]", "application/json", 422),
        (b'{"app": "x"}', "application/json", 422),
        (b'{"next": 7}', "application/json", 422),
        (b"<a/>", "text/xml", 415),
        (b"{}", "", 415),
    ],
)
async def test_malformed_beginnings(
    client: httpx.AsyncClient, content: bytes, kind: str, status: int
) -> None:
    """Other bodies are refused."""
    headers = {"Content-Type": kind} if kind else {}
    answer = await client.post("/auth/oauth/company", content=content, headers=headers)
    assert answer.status_code == status, answer.text


@pytest.mark.security(141)
async def test_cross_site_begin(client: httpx.AsyncClient, ada: User) -> None:
    """Another site can't begin a log-in or a link in a browser."""
    await log_in(client)
    for path in ("/auth/oauth/company", "/auth/oauth/company/link", "/auth/oauth/confirm"):
        answer = await client.post(path, json={}, headers={"Sec-Fetch-Site": "cross-site"})
        assert said(answer) == (403, "cross_site_request")


async def test_error_page(make_app: MakeApp, provider: Provider) -> None:
    """With a page for errors, the browser is sent there."""
    app = make_app(paths={"error": "/login", "home": "/start", "mfa": "/login/mfa"})
    async with new_client(app) as client:
        back = provider.authorize(await begin(client))
        async with new_client(app) as other:
            answer = await come_back(other, back)
            to = "/login#error=login_flow_unknown&provider=company"
            assert (answer.status_code, answer.headers["location"]) == (303, to)
            assert answer.headers["cache-control"] == "no-store"
        assert (await come_back(client, back)).headers["location"] == "/start"


async def test_on_localhost(make_app: MakeApp, provider: Provider) -> None:
    """During development, the cookie works over http."""
    app = make_app(base_url="http://localhost:8000")
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        url = await begin(client)
        assert query_of(url)["redirect_uri"] == "http://localhost:8000/auth/oauth/company/callback"
        assert (await come_back(client, provider.authorize(url))).status_code == 303


@pytest.mark.security(163)
async def test_disabled(
    client: httpx.AsyncClient, provider: Provider, clock: FrozenClock, events: list[AuthEvent]
) -> None:
    """A disabled user is refused, and nothing about them is updated."""
    provider.claims = VERIFIED
    await sign_in(client, provider)
    await client.post("/auth/logout")
    await User.update({User.active: False}, force=True)
    before = await OAuthAccount.select(), await User.select()
    clock.advance(timedelta(hours=2))
    provider.claims = {**VERIFIED, "email": "new@example.com"}
    assert said(await sign_in(client, provider)) == (401, "invalid_credentials")
    assert (await OAuthAccount.select(), await User.select()) == before
    assert events[-1].name == "authn_login_fail"
    assert PASSWORD not in str(events)


@pytest.mark.security(33)
async def test_safe_methods(
    app: FastAPI, client: httpx.AsyncClient, provider: Provider, ada: User
) -> None:
    """The callback is the only GET that writes, and only for the browser that began."""
    await log_in(client)
    back = provider.authorize(await begin(client))
    before = await rows()
    async with new_client(app) as other:
        for path in app.openapi()["paths"]:
            url = path.format(provider="company", account_id="x", session_id="x", family_id="x")
            for method in ("GET", "HEAD", "OPTIONS"):
                await other.request(method, url, params=back)
                if not url.endswith("/callback"):
                    await client.request(method, url, params=back)
    assert await rows() == before
    assert (await come_back(client, back)).status_code == 303
    assert await rows() != before
