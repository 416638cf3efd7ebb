"""Log-ins with a certified provider of others, oidc-provider: its own forms, checks and keys."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse

from piccolo_api_fastapi import (
    OIDC,
    Accounts,
    Login,
    OAuthAccount,
    SessionAuth,
    SocialLogin,
    User,
    Users,
    accounts_router,
    install,
    oauth_router,
    session_router,
)
from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import new_client
from tests.integration import npm
from tests.integration.browser import browsing, needs_chromium
from tests.integration.later import Later
from tests.integration.serving import serving

pytestmark = pytest.mark.slow

HERE = Path(__file__).parent / "openid_provider"
BASE_URL = "https://testserver"
CALLBACK = f"{BASE_URL}/auth/oauth/company/callback"
SECRET = "a secret / of + the client"


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the provider."""
    return npm.install(HERE, tmp_path_factory.mktemp("openid-provider"))


@contextmanager
def providing(folder: Path, callback: str) -> Iterator[str]:
    """Within it, the provider runs; its issuer."""
    command = ["node", "provider.js", callback, SECRET]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = next(line for line in process.stdout if line.startswith("port ")).split()[1]
        yield f"http://127.0.0.1:{port}"
        process.kill()


@pytest.fixture(scope="session")
def issuer(installed: Path) -> Iterator[str]:
    """The provider, started once."""
    with providing(installed, CALLBACK) as issuer:
        yield issuer


def make_app(database: Any, issuer: str, base_url: str = BASE_URL, **options: Any) -> FastAPI:
    """An application whose users sign in with the provider, by the clock on the wall."""
    assert database
    users = Users(clock=utcnow)
    session, login = SessionAuth(users), Login(users)
    accounts = Accounts(users, mail=Outbox(), base_url=base_url, schemes=[session])
    client: Any = {"client_id": "movies", "client_secret": SECRET, "name": "company"}
    company = OIDC(
        **{"issuer": issuer, "authoritative": True, "userinfo": True, **client, **options}
    )
    social = SocialLogin(accounts, [company], base_url=base_url, sign_up=True)
    app = FastAPI()
    install(app)
    for router in (
        session_router(session, login),
        accounts_router(accounts),
        oauth_router(social, login, session),
    ):
        app.include_router(router, prefix="/auth")
    return app


@pytest.fixture
async def client(database: Any, issuer: str) -> Any:
    """A browser at the application."""
    async with new_client(make_app(database, issuer)) as client:
        yield client


async def begin(client: httpx.AsyncClient) -> str:
    """Begin; the address of the provider."""
    answer = await client.post("/auth/oauth/company")
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["authorization_url"]
    return url


async def consent(url: str, user: str = "ada") -> dict[str, str]:
    """Fill in the forms of the provider; the parameters of the callback."""
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(url)
        for _ in range(12):
            location = answer.headers.get("location")
            if location is None:
                prompt = "login" if 'value="login"' in answer.text else "consent"
                form = {"prompt": prompt, "login": user, "password": "any"}
                answer = await browser.post(answer.url, data=form)
                continue
            if location.startswith(BASE_URL):
                query = parse_qs(urlsplit(location).query)
                return {name: values[0] for name, values in query.items()}
            answer = await browser.get(httpx.URL(str(answer.url)).join(location))
    pytest.fail(f"The provider sent nobody back: {answer.text[:300]}")


async def come_back(client: httpx.AsyncClient, parameters: dict[str, str]) -> httpx.Response:
    """Come back."""
    return await client.get("/auth/oauth/company/callback", params=parameters)


@pytest.mark.security(143)
async def test_log_in(client: httpx.AsyncClient, issuer: str) -> None:
    """From the first form to the session; the address is that of the userinfo endpoint."""
    back = await consent(await begin(client))
    assert back["iss"] == issuer
    answer = await come_back(client, back)
    assert answer.status_code == 303, answer.text
    assert (await client.get("/auth/me")).json()["email"] == "ada@example.com"
    answer = await come_back(client, await consent(await begin(client)))
    assert answer.status_code == 303
    assert (await User.count(), await OAuthAccount.count()) == (1, 1)


@pytest.mark.security(149)
async def test_unverified(client: httpx.AsyncClient) -> None:
    """Another account with the same address, which is not verified, is a stranger."""
    await come_back(client, await consent(await begin(client)))
    await client.post("/auth/logout")
    await come_back(client, await consent(await begin(client), "mallory"))
    assert (await client.get("/auth/me")).json()["email"] is None
    assert await User.count() == 2


@pytest.mark.security(143)
async def test_wrong_verifier(client: httpx.AsyncClient) -> None:
    """The provider refuses the code of another challenge."""
    url = await begin(client)
    other = parse_qs(urlsplit(await begin(client)).query)["code_challenge"][0]
    latest = await begin(client)
    own = parse_qs(urlsplit(latest).query)["code_challenge"][0]
    assert len({url, latest}) == 2
    answer = await come_back(client, await consent(latest.replace(own, other)))
    assert (answer.status_code, answer.json()["code"]) == (403, "provider_refused")


async def test_reused_code(client: httpx.AsyncClient) -> None:
    """A code that was used is refused, even with a new flow."""
    back = await consent(await begin(client))
    assert (await come_back(client, back)).status_code == 303
    again = await consent(await begin(client))
    answer = await come_back(client, {**again, "code": back["code"]})
    assert (answer.status_code, answer.json()["code"]) == (403, "provider_refused")


async def test_other_redirect(client: httpx.AsyncClient) -> None:
    """The provider sends nobody to another callback."""
    url = await begin(client)
    async with httpx.AsyncClient() as browser:
        answer = await browser.get(url.replace("company%2Fcallback", "company%2Felsewhere"))
    assert answer.status_code == 400
    assert "redirect_uri" in answer.text


async def test_wrong_secret(database: Any, issuer: str) -> None:
    """With another secret, the provider refuses the code."""
    async with new_client(make_app(database, issuer, client_secret="another")) as client:
        answer = await come_back(client, await consent(await begin(client)))
        assert (answer.status_code, answer.json()["code"]) == (403, "provider_refused")


@pytest.mark.security(143)
async def test_without_pkce(client: httpx.AsyncClient) -> None:
    """A request without a challenge comes back with an error, which is refused here."""
    url = await begin(client)
    query = httpx.URL(url).params.remove("code_challenge").remove("code_challenge_method")
    back = await consent(str(httpx.URL(url).copy_with(params=query)))
    assert back["error"] == "invalid_request"
    answer = await come_back(client, back)
    assert (answer.status_code, answer.json()["code"]) == (403, "provider_refused")


@pytest.mark.security(144)
async def test_other_issuer(client: httpx.AsyncClient) -> None:
    """The issuer of the callback is checked, since the metadata promise it."""
    back = await consent(await begin(client))
    del back["iss"]
    answer = await come_back(client, back)
    assert (answer.status_code, answer.json()["code"]) == (403, "provider_refused")


@needs_chromium
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_in_chromium(database_of_any_loop: Any, installed: Path, tmp_path: Path) -> None:
    """A person presses the button, fills in the forms of the provider, and is signed in."""
    later = Later()
    with serving(later) as address:
        own = address.replace("127.0.0.1", "localhost")
        with providing(installed, f"{own}/auth/oauth/company/callback") as issuer:
            later.app = make_app(database_of_any_loop, issuer, own)

            async def home() -> str:
                return '<form method="post" action="/auth/oauth/company"><button>Sign in</button>'

            later.app.add_api_route("/", home, response_class=HTMLResponse)
            async with browsing(f"{own}/", tmp_path) as page:
                await page.click("button")
                await page.wait('document.querySelector("input[name=login]")')
                await page.run('document.querySelector("input[name=login]").value = "ada"')
                await page.run('document.querySelector("input[name=password]").value = "any"')
                await page.click("button[type=submit]")
                await page.wait('document.querySelector("input[value=consent]")')
                await page.click("button[type=submit]")
                await page.wait(f'location.href === "{own}/" && document.forms.length')
                me = await page.run('fetch("/auth/me").then(answer => answer.json())')
                assert me["email"] == "ada@example.com"
