"""An application whose users sign in with providers, and the provider."""

from collections.abc import AsyncIterator, Callable, Iterator
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from piccolo_api_fastapi import (
    OIDC,
    TOTP,
    Accounts,
    AnyOf,
    JWTAuth,
    Login,
    OAuthProvider,
    SessionAuth,
    SocialLogin,
    User,
    XChaCha20Poly1305,
    accounts_router,
    install,
    jwt_router,
    mfa_router,
    oauth_router,
    reauthentication_router,
    session_router,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import KEY, add_routes_of, new_client, unchanged

from .hostile import CLIENT_ID, CLIENT_SECRET, ISSUER, Provider

BASE_URL = "https://testserver"
CALLBACK = "/auth/oauth/company/callback"
VERIFIED = {"sub": "248289761001", "email": "ada@example.com", "email_verified": True}

MakeApp = Callable[..., FastAPI]


class _Kept:
    """What the kept application reaches, mails with and signs in with; each test begins anew."""

    provider: Provider
    outbox = Outbox()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.provider(scope, receive, send)


_KEPT = _Kept()


@pytest.fixture
def provider(clock: FrozenClock) -> Provider:
    """A provider, which is honest until it is told otherwise."""
    return Provider(clock)


def company(kind: type[OIDC] = OIDC, **options: Any) -> OIDC:
    """The provider, as the application knows it."""
    given: dict[str, Any] = {"issuer": ISSUER, "name": "company", "authoritative": True}
    given |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    return kind(**{**given, **options})


@pytest.fixture
def outbox() -> Outbox:
    """What was mailed."""
    _KEPT.outbox.messages, _KEPT.outbox.is_down = [], False
    return _KEPT.outbox


@pytest.fixture
def make_app(
    session: SessionAuth[User], jwt: JWTAuth[User], provider: Provider, outbox: Outbox
) -> MakeApp:
    """Makes an application, with providers as configured."""

    def make(*providers: OAuthProvider, **options: Any) -> FastAPI:
        given = {"mail": outbox, "http": provider.client(), **options}
        return _application(session, jwt, *(providers or [company()]), **given)

    return make


def _application(
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    *providers: OAuthProvider,
    mail: Outbox,
    mfa_required: bool = False,
    has_factors: bool = True,
    hooks: Any = (),
    **options: Any,
) -> FastAPI:
    users = session.users
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    factors = [totp] if has_factors else []
    login = Login(users, factors=factors, mfa_required=mfa_required, before=hooks)
    accounts = Accounts(users, mail=mail, base_url=BASE_URL, schemes=[session, jwt])
    given: dict[str, Any] = {"sign_up": True, "paths": {"mfa": "/login/mfa"}}
    social = SocialLogin(accounts, providers, **{**given, "base_url": BASE_URL, **options})
    app = FastAPI()
    install(app)
    app.state.social, app.state.login = social, login
    people = AnyOf(session, jwt)
    for router in (
        session_router(session, login),
        jwt_router(jwt, login),
        accounts_router(accounts),
        mfa_router(totp, people),
        reauthentication_router(login, people),
        oauth_router(social, login, session, jwt=jwt if social.apps else None),
    ):
        app.include_router(router, prefix="/auth")

    add_routes_of(app, people)
    return app


@pytest.fixture
def app(
    session: SessionAuth[User], jwt: JWTAuth[User], provider: Provider, outbox: Outbox
) -> Iterator[FastAPI]:
    """An application with the defaults, in which users can sign up."""
    _KEPT.provider = provider
    for app in unchanged(_app, session, jwt, outbox):
        [known] = app.state.social.providers.values()
        vars(known).update(vars(company()))  # without what it fetched
        yield app


@lru_cache
def _app(session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox) -> FastAPI:
    web = httpx.AsyncClient(transport=httpx.ASGITransport(_KEPT, raise_app_exceptions=False))
    return _application(session, jwt, company(), mail=outbox, http=web)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser."""
    async with new_client(app) as client:
        yield client


async def begin(client: httpx.AsyncClient, name: str = "company", **body: Any) -> str:
    """Begin a log-in; the address of the provider."""
    answer = await client.post(f"/auth/oauth/{name}", json=body)
    assert answer.status_code == 200, answer.text
    url: str = answer.json()["authorization_url"]
    return url


async def come_back(
    client: httpx.AsyncClient, parameters: Any, name: str = "company"
) -> httpx.Response:
    """Come back from the provider."""
    return await client.get(f"/auth/oauth/{name}/callback", params=parameters)


async def sign_in(
    client: httpx.AsyncClient, provider: Provider, name: str = "company", **body: Any
) -> httpx.Response:
    """Sign in with a provider."""
    return await come_back(client, provider.authorize(await begin(client, name, **body)), name)


async def link(client: httpx.AsyncClient, provider: Provider, name: str = "company") -> Any:
    """Link an account at a provider."""
    answer = await client.post(f"/auth/oauth/{name}/link", json={"next": "/settings"})
    assert answer.status_code == 200, answer.text
    url = answer.json()["authorization_url"]
    return await come_back(client, provider.authorize(url), name)


def code_of(answer: httpx.Response) -> str:
    """The code of an error."""
    code: str = answer.json()["code"]
    return code


def query_of(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}
