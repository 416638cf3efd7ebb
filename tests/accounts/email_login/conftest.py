"""An application into which users log in by mail, with sessions and tokens."""

from collections.abc import Iterator
from functools import lru_cache, partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Accounts,
    EmailLogin,
    JWTAuth,
    Login,
    SessionAuth,
    User,
    Users,
    accounts_router,
    email_login_router,
    install,
    jwt_router,
    session_router,
)
from piccolo_api_fastapi.mail import SignInByEmail
from piccolo_api_fastapi.testing import Outbox
from tests.accounts.conftest import BASE_URL, MakeApp
from tests.conftest import unchanged

ADA = "ada@example.com"
COOKIE = "__Host-email-login"
FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0"


def build(
    users: Users[User],
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    outbox: Outbox,
    *,
    login: Login[User] | None = None,
    accounts: Accounts[User] | None = None,
    **options: Any,
) -> FastAPI:
    """An application with both schemes, all of the accounts, and log-in by mail as configured."""
    login = login or Login(users)
    accounts = accounts or Accounts(
        users, mail=outbox, base_url=BASE_URL, schemes=[session, jwt], login=login
    )
    email_login = EmailLogin(accounts, **options)
    app = FastAPI()
    install(app)
    for router in (
        session_router(session, login),
        jwt_router(jwt, login),
        accounts_router(accounts),
        email_login_router(email_login, login, session),
        email_login_router(email_login, login, jwt),
    ):
        app.include_router(router, prefix="/auth")
    return app


@pytest.fixture
def make_app(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox
) -> MakeApp:
    """Makes an application, with log-in by mail as configured."""
    return partial(build, users, session, jwt, outbox)


@pytest.fixture
def app(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox
) -> Iterator[FastAPI]:
    """The application, with the defaults."""
    yield from unchanged(_app, users, session, jwt, outbox)


@lru_cache
def _app(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox
) -> FastAPI:
    return build(users, session, jwt, outbox)


async def ask(client: httpx.AsyncClient, email: str = ADA, **headers: str) -> httpx.Response:
    """Ask for a link and a code in a browser."""
    return await client.post("/auth/login/email", json={"email": email}, headers=headers)


async def press(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Press the button of the page that a link opens."""
    return await client.post("/auth/login/email/link", json={"token": token})


async def type_code(client: httpx.AsyncClient, code: str, email: str = ADA) -> httpx.Response:
    """Type a code where the log-in began."""
    return await client.post("/auth/login/email/code", json={"email": email, "code": code})


async def ask_by_app(client: httpx.AsyncClient, email: str = ADA) -> str:
    """Ask for a code in an app. Returns the token of the app."""
    answer = await client.post("/auth/token/email", json={"email": email})
    assert answer.status_code == 202, answer.text
    login: str = answer.json()["login"]
    return login


async def type_in_app(
    client: httpx.AsyncClient, login: str, code: str, email: str = ADA, **more: str
) -> httpx.Response:
    """Type a code in an app."""
    body = {"login": login, "email": email, "code": code, **more}
    return await client.post("/auth/token/email/code", json=body)


def link(outbox: Outbox) -> str:
    """The secret of the link in the last mail."""
    return outbox.token(SignInByEmail)


def code(outbox: Outbox) -> str:
    """The code in the last mail."""
    return outbox.last(SignInByEmail).code


def wrong(code: str) -> str:
    """Another code of as many digits."""
    return f"{(int(code) + 1) % 10 ** len(code):0{len(code)}}"


def is_refused(answer: httpx.Response) -> bool:
    """Whether a link or a code was refused."""
    return (answer.status_code, answer.json()["code"]) in {
        (401, "invalid_ticket"),
        (400, "invalid_ticket"),
    }
