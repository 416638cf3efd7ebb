"""An application whose users have passkeys, and browsers with software authenticators."""

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    AnyOf,
    JWTAuth,
    Login,
    Passkeys,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    install,
    jwt_router,
    mfa_router,
    passkey_login_router,
    passkey_router,
    reauthentication_router,
    session_router,
    token_router,
)
from piccolo_api_fastapi.testing import SoftwareAuthenticator
from tests.conftest import KEY, PASSWORD, add_routes_of, log_in, new_client, unchanged

ORIGIN = "https://testserver.example"
SITE: dict[str, Any] = {"rp_id": "testserver.example", "rp_name": "Movies", "origins": [ORIGIN]}


@pytest.fixture
def passkeys(users: Users[User]) -> Passkeys:
    """Passkeys, with the defaults."""
    return _passkeys(users)


@lru_cache
def _passkeys(users: Users[User]) -> Passkeys:
    return Passkeys(users, **SITE)


@pytest.fixture
def totp(users: Users[User]) -> TOTP:
    """Authenticator apps, which the login knows as well."""
    return _totp(users)


@lru_cache
def _totp(users: Users[User]) -> TOTP:
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


@pytest.fixture
def login(totp: TOTP, passkeys: Passkeys) -> Login[User]:
    """A login that knows both."""
    return _login(totp, passkeys)


@lru_cache
def _login(totp: TOTP, passkeys: Passkeys) -> Login[User]:
    return Login(passkeys.users, factors=[totp, passkeys])


@pytest.fixture
def app(session: SessionAuth[User], jwt: JWTAuth[User], login: Login[User]) -> Iterator[FastAPI]:
    """An application with all routes of passkeys, for sessions and tokens."""
    yield from unchanged(application, session, jwt, login)


@lru_cache
def application(session: SessionAuth[User], jwt: JWTAuth[User], login: Login[User]) -> FastAPI:
    """The application of a login, whose factors have routes."""
    app, tokens = FastAPI(), TokenAuth(session.users)
    install(app)
    people = AnyOf(session, jwt)
    current_user = AnyOf(session, jwt, tokens)
    for router in (
        session_router(session, login),
        jwt_router(jwt, login),
        reauthentication_router(login, people),
        token_router(tokens, people),
    ):
        app.include_router(router, prefix="/auth")
    for factor in login.factors:
        if isinstance(factor, Passkeys):
            for router in (
                passkey_login_router(factor, login, session),
                passkey_login_router(factor, login, jwt),
                passkey_router(factor, current_user),
            ):
                app.include_router(router, prefix="/auth")
        elif isinstance(factor, TOTP):
            app.include_router(mfa_router(factor, people), prefix="/auth")

    add_routes_of(app, people)
    return app


@pytest.fixture
async def browser(app: FastAPI, ada: User) -> AsyncIterator[httpx.AsyncClient]:
    """A browser in which Ada is logged in, without a passkey."""
    async with new_client(app) as client:
        assert (await log_in(client)).status_code == 200
        yield client


@pytest.fixture
def key() -> SoftwareAuthenticator:
    """The authenticator of Ada's computer."""
    return SoftwareAuthenticator(ORIGIN)


async def begin(client: httpx.AsyncClient, path: str, **body: Any) -> dict[str, Any]:
    """A challenge and its options."""
    answer = await client.post(f"/auth{path}/options", json=body)
    assert answer.status_code == 200, answer.text
    ceremony: dict[str, Any] = answer.json()
    return ceremony


async def add(
    client: httpx.AsyncClient, key: SoftwareAuthenticator, name: str = "My phone", **changes: Any
) -> httpx.Response:
    """Add a passkey to the account of who is logged in."""
    ceremony = await begin(client, "/passkeys")
    credential = key.create(ceremony["options"], **changes)
    body = {"challenge": ceremony["challenge"], "credential": credential, "name": name}
    return await client.post("/auth/passkeys", json=body)


async def enter(
    client: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    path: str = "/login/passkey",
    **changes: Any,
) -> httpx.Response:
    """Log in by passkey."""
    ceremony = await begin(client, path)
    credential = key.get(ceremony["options"], **changes)
    body = {"challenge": ceremony["challenge"], "credential": credential}
    return await client.post(f"/auth{path}", json=body)


async def challenge(client: httpx.AsyncClient) -> dict[str, Any]:
    """The first step of a login by password."""
    answer = (await log_in(client)).json()
    assert answer["status"] == "mfa_required", answer
    step: dict[str, Any] = answer
    return step


async def second_step(
    client: httpx.AsyncClient, key: SoftwareAuthenticator, token: str, **changes: Any
) -> httpx.Response:
    """The second step of a login, by passkey."""
    answer = await client.post(
        "/auth/login/mfa/options", json={"challenge": token, "method": "passkey"}
    )
    assert answer.status_code == 200, answer.text
    credential = key.get(answer.json()["options"], **changes)
    return await client.post("/auth/login/mfa", json={"challenge": token, "credential": credential})


async def password_grant(client: httpx.AsyncClient) -> httpx.Response:
    """Ask for tokens by password."""
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
    return await client.post("/auth/token", data=form)
