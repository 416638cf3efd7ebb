"""Settings that contradict each other, or can't be used."""

import importlib
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import (
    Accounts,
    ConfigurationError,
    GitHub,
    JWTAuth,
    Login,
    OAuthProvider,
    SessionAuth,
    SocialLogin,
    User,
    Users,
    oauth_router,
)
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import new_client
from tests.models import Customer

from .conftest import BASE_URL, MakeApp, code_of, company, sign_in
from .hostile import Provider

on_sqlite = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""Settings do not depend on the database."""


@pytest.fixture
def accounts(users: Users[User], outbox: Outbox) -> Accounts[User]:
    """Accounts with mail."""
    return Accounts(users, mail=outbox, base_url=BASE_URL)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"providers": []}, "different names"),
    ({"providers": [company(), company()]}, "different names"),
    ({"trusts_amr": {"google": ["mfa"]}}, "trusts_amr"),
    ({"base_url": "http://app.example.com"}, "base_url"),
    ({"base_url": "https://app.example.com/app"}, "base_url"),
    ({"base_url": "https://app.example.com?a=b"}, "base_url"),
    ({"base_url": "app.example.com"}, "base_url"),
    ({"paths": {"login": "/login"}}, "keys of paths"),
    ({"paths": {"error": "https://evil.com"}}, "paths of the site"),
    ({"apps": {"ios": "http://example.com/app"}}, "apps"),
    ({"apps": {"ios": "javascript://alert(1)"}}, "apps"),
    ({"apps": {"ios": "movies:callback"}}, "apps"),
    ({"apps": {"ios": "movies://callback?a=b"}}, "apps"),
    ({"apps": {"ios": "movies://callback#a"}}, "apps"),
    ({"apps": {"ios": "movies://"}}, "apps"),
    ({"apps": {"": "movies://callback"}}, "apps"),
    ({"linking": "always"}, "linking"),
]


@on_sqlite
@pytest.mark.parametrize(("options", "word"), WRONG)
def test_wrong(accounts: Accounts[User], options: dict[str, Any], word: str) -> None:
    """Each is refused when it is made."""
    given = {"providers": [company()], "base_url": BASE_URL, **options}
    with pytest.raises(ConfigurationError, match=word):
        SocialLogin(accounts, **given)


@on_sqlite
def test_without_httpx(accounts: Accounts[User], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the extra, the error says what to install."""

    def missing(_: str) -> None:
        raise ImportError

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(ConfigurationError, match=r"piccolo-api-fastapi\[http\]"):
        SocialLogin(accounts, [company()], base_url=BASE_URL)


@on_sqlite
def test_without_mail(users: Users[User]) -> None:
    """Addresses are verified by mail, so there must be some."""
    with pytest.raises(ConfigurationError, match="mail"):
        SocialLogin(Accounts(users), [company()], base_url=BASE_URL)


@on_sqlite
def test_routers(
    make_app: MakeApp, accounts: Accounts[User], session: SessionAuth[User], jwt: JWTAuth[User]
) -> None:
    """What a router needs of the log-ins."""
    social = SocialLogin(accounts, [company()], base_url=BASE_URL)
    login = Login(accounts.users)
    with pytest.raises(ConfigurationError, match="SessionAuth"):
        oauth_router(social, login, jwt)
    with pytest.raises(ConfigurationError, match="need each other"):
        oauth_router(social, login, session, jwt=jwt)
    with pytest.raises(ConfigurationError, match="user table"):
        oauth_router(social, login, SessionAuth(Users(Customer)))
    with pytest.raises(ConfigurationError, match="second factors"):
        make_app(paths={})


async def test_no_factors(make_app: MakeApp, provider: Provider) -> None:
    """A login without second factors needs no page for them."""
    async with new_client(make_app(has_factors=False, paths={})) as client:
        assert (await sign_in(client, provider)).status_code == 303
        assert (await client.get("/me")).status_code == 200


@on_sqlite
async def test_no_identity(make_app: MakeApp, provider: Provider) -> None:
    """A provider of an application that does not say who the user is signs nobody in."""

    class Silent(OAuthProvider):
        name, issuer = "silent", "https://provider.example"
        authorization_endpoint = "https://provider.example/authorize"
        token_endpoint = "https://provider.example/token"

    silent = Silent(client_id="movies", client_secret="x")
    async with new_client(make_app(silent)) as client:
        assert code_of(await sign_in(client, provider, "silent")) == "provider_refused"


@on_sqlite
async def test_default_client(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a client of the application there is one for each request."""
    app = make_app(GitHub(client_id="x", client_secret="y"), http=None)
    async with new_client(app) as client:
        answer = await client.post("/auth/oauth/github")
        assert isinstance(answer, httpx.Response)
        assert answer.status_code == 200
