"""The metadata and the keys of a provider: whose they are, how long they are kept, and outages."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response

from piccolo_api_fastapi import AuthEvent, OAuthAccount
from piccolo_api_fastapi.accounts.social.providers import web
from piccolo_api_fastapi.accounts.social.providers.published import Published
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import new_client

from .conftest import MakeApp, begin, code_of, come_back, company, sign_in
from .hostile import ISSUER, Provider, jwk, signed

METADATA, JWKS, TOKEN = "/.well-known/openid-configuration", "/jwks", "/token"

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""What a provider sends does not depend on the database."""

BAD: dict[str, dict[str, Any]] = {
    "another issuer": {"issuer": "https://other.example"},
    "a slash more": {"issuer": f"{ISSUER}/"},
    "no issuer": {"issuer": None},
    "authorization by http": {"authorization_endpoint": "http://provider.example/authorize"},
    "tokens by http": {"token_endpoint": "http://provider.example/token"},
    "tokens of another type": {"token_endpoint": ["https://provider.example/token"]},
    "keys by http": {"jwks_uri": "http://provider.example/jwks"},
    "keys from a file": {"jwks_uri": "file:///etc/passwd"},
    "no keys": {"jwks_uri": None},
    "credentials in it": {"token_endpoint": "https://a:b@provider.example/token"},
    "no host": {"token_endpoint": "https:///token"},
    "a port that is none": {"token_endpoint": "https://provider.example:x/token"},
    "a line break": {"token_endpoint": "https://provider.example/\r\ntoken"},
}


async def fails(client: httpx.AsyncClient, provider: Provider) -> tuple[int, str]:
    """Begin and come back: the status and the code of the error."""
    answer = await client.post("/auth/oauth/company")
    if answer.status_code == 200:
        back = provider.authorize(answer.json()["authorization_url"])
        answer = await come_back(client, back)
    assert answer.headers.get("retry-after") == ("5" if answer.status_code == 503 else None)
    return answer.status_code, code_of(answer)


@on_sqlite
@pytest.mark.security(145)
@pytest.mark.parametrize("name", BAD)
async def test_bad_metadata(client: httpx.AsyncClient, provider: Provider, name: str) -> None:
    """Metadata of another issuer, or with addresses that are not safe, are none."""
    provider.metadata = BAD[name]
    assert await fails(client, provider) == (503, "provider_unavailable")
    assert TOKEN not in provider.requests


HUGE = b'{"issuer": "' + b"a" * 20_000_000 + b'"}'

ANSWERS: dict[str, Response] = {
    "redirect": RedirectResponse(f"{ISSUER}/elsewhere"),
    "20 MB": Response(HUGE, media_type="application/json"),
    "HTML": HTMLResponse("<h1>Sign in</h1>"),
    "NaN": Response(b'{"issuer": NaN}', media_type="application/json"),
    "twice": Response(b'{"issuer": "a", "issuer": "b"}'),
    "a list": JSONResponse([]),
    "nothing": Response(b""),
    "no UTF-8": Response(b'{"a": "\xff"}'),
    "deep": Response(b"[" * 100_000),
    "404": JSONResponse({}, 404),
    "500": JSONResponse({}, 500),
    "429": JSONResponse({}, 429),
}


@on_sqlite
@pytest.mark.security(145)
@pytest.mark.security(164)
@pytest.mark.parametrize("answer", ANSWERS)
@pytest.mark.parametrize("path", [METADATA, JWKS, TOKEN])
async def test_bad_answers(
    client: httpx.AsyncClient, provider: Provider, path: str, answer: str
) -> None:
    """No answer is followed or read without end, and none becomes a 500."""
    provider.responses[path] = ANSWERS[answer]
    status, code = await fails(client, provider)
    refused = path == TOKEN and answer == "404"
    assert (status, code) == (
        (403, "provider_refused") if refused else (503, "provider_unavailable")
    )
    assert "/elsewhere" not in provider.requests
    # It recovers alone.
    provider.responses.clear()
    assert (await sign_in(client, provider)).status_code == 303


@on_sqlite
async def test_keys_that_are_no_list(client: httpx.AsyncClient, provider: Provider) -> None:
    """A JWK Set has a list of keys."""
    provider.responses[JWKS] = JSONResponse({"keys": {}})
    assert await fails(client, provider) == (503, "provider_unavailable")


async def count_requests(client: httpx.AsyncClient, provider: Provider) -> tuple[int, int]:
    """Sign in; how often the metadata and the keys were asked for."""
    before = provider.count(METADATA), provider.count(JWKS)
    assert (await sign_in(client, provider)).status_code == 303
    return provider.count(METADATA) - before[0], provider.count(JWKS) - before[1]


@on_sqlite
async def test_kept(client: httpx.AsyncClient, provider: Provider, clock: FrozenClock) -> None:
    """Both are kept for an hour; for 24 while the provider does not answer."""
    assert await count_requests(client, provider) == (1, 1)
    clock.advance(timedelta(minutes=59))
    assert await count_requests(client, provider) == (0, 0)
    clock.advance(timedelta(minutes=1))
    assert await count_requests(client, provider) == (1, 1)
    provider.responses = {path: JSONResponse({}, 500) for path in (METADATA, JWKS)}
    clock.advance(timedelta(hours=23))
    assert await count_requests(client, provider) == (1, 1)
    # It is left alone for a minute.
    assert await count_requests(client, provider) == (0, 0)
    clock.advance(timedelta(minutes=1))
    assert await count_requests(client, provider) == (1, 1)
    clock.advance(timedelta(hours=1))
    assert await fails(client, provider) == (503, "provider_unavailable")


@on_sqlite
@pytest.mark.security(147)
async def test_rotation(client: httpx.AsyncClient, provider: Provider, clock: FrozenClock) -> None:
    """A new key works at once; a flood of unknown ones asks twice a minute."""
    assert await count_requests(client, provider) == (1, 1)
    provider.keys, provider.signing = [jwk(0), jwk(1)], 1
    assert await count_requests(client, provider) == (0, 1)
    before = provider.count(JWKS)
    provider.sign = lambda _, found: signed(found, kid="unknown")
    for _ in range(10):
        assert code_of(await sign_in(client, provider)) == "provider_refused"
    assert provider.count(JWKS) - before == 1
    clock.advance(timedelta(minutes=1))
    for _ in range(10):
        assert code_of(await sign_in(client, provider)) == "provider_refused"
    assert provider.count(JWKS) - before == 3
    provider.sign = None
    assert await count_requests(client, provider) == (0, 0)


@pytest.mark.security(147)
@on_sqlite
async def test_one_fetch_at_a_time(make_app: MakeApp, provider: Provider, unlimited: None) -> None:
    """Of many who come at once, one fetches the metadata, the keys and a new key."""
    app = make_app()
    clients = [new_client(app) for _ in range(12)]
    urls = await asyncio.gather(*(begin(client) for client in clients))
    for number in (0, 1):
        provider.keys, provider.signing = [jwk(number)], number
        backs = [
            provider.authorize(url)
            for url in (urls if not number else await asyncio.gather(*map(begin, clients)))
        ]
        answers = await asyncio.gather(*map(come_back, clients, backs))
        assert {answer.status_code for answer in answers} == {303}
        assert (provider.count(METADATA), provider.count(JWKS)) == (1, 1 + number)
    for client in clients:
        await client.aclose()


@pytest.mark.security(147)
async def test_who_waits_gets_the_same(clock: FrozenClock) -> None:
    """A caller who waits for the fetch of another does not fetch again."""
    published: Published[int] = Published()
    fetched: list[int] = []
    may_go_on = asyncio.Event()

    async def fetch() -> int:
        await may_go_on.wait()
        fetched.append(len(fetched))
        return len(fetched)

    callers = [asyncio.create_task(published.get(fetch, clock.now)) for _ in range(3)]
    await asyncio.sleep(0)
    may_go_on.set()
    assert await asyncio.gather(*callers) == [1, 1, 1]


USERINFO: dict[str, Any] = {"email": "ada@example.com", "email_verified": True}


@on_sqlite
@pytest.mark.security(148)
@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"sub": "248289761001", **USERINFO}, 303),
        ({"sub": "another", **USERINFO}, 403),
        (USERINFO, 403),
        ({"sub": None}, 403),
        ([], 503),
    ],
)
async def test_userinfo(make_app: MakeApp, provider: Provider, body: Any, status: int) -> None:
    """What the userinfo endpoint says must be of the same subject, and replaces no claim."""
    provider.responses["/userinfo"] = JSONResponse(body)
    async with new_client(make_app(company(userinfo=True))) as client:
        answer = await sign_in(client, provider)
        assert answer.status_code == status, answer.text
        if status == 303:
            assert (await client.get("/auth/me")).json()["email"] == "ada@example.com"
            assert provider.headers[-1]["authorization"] == "Bearer an-access-token"
            provider.claims |= {"email": "signed@example.com"}
            await client.post("/auth/logout")
            await sign_in(client, provider)
            assert [row["email"] for row in await OAuthAccount.select()] == ["ada@example.com"]


@on_sqlite
async def test_no_userinfo(make_app: MakeApp, provider: Provider) -> None:
    """A provider that has no such endpoint can't be asked."""
    provider.metadata = {"userinfo_endpoint": None}
    async with new_client(make_app(company(userinfo=True))) as client:
        assert await fails(client, provider) == (503, "provider_unavailable")


@on_sqlite
@pytest.mark.security(164)
async def test_hangs(
    client: httpx.AsyncClient,
    provider: Provider,
    ada: object,
    events: list[AuthEvent],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A provider that does not answer costs its users five seconds, and nobody else."""
    assert web.SECONDS == 5
    monkeypatch.setattr(web, "SECONDS", 0.05)
    provider.hangs = True
    waiting = asyncio.create_task(fails(client, provider))
    body = {"username": "ada", "password": "correct horse battery"}
    assert (await client.post("/auth/login", json=body)).status_code == 200
    assert await waiting == (503, "provider_unavailable")
    assert "timeout" in [event.data.get("reason") for event in events]
    provider.hangs = False
    assert (await sign_in(client, provider)).status_code == 303


@on_sqlite
@pytest.mark.security(164)
async def test_unreachable(make_app: MakeApp, provider: Provider) -> None:
    """So is one that can't be reached; here over a socket that nobody listens to."""
    app = make_app(company(issuer="http://127.0.0.1:9"), http=None)
    async with new_client(app) as client:
        assert await fails(client, provider) == (503, "provider_unavailable")
