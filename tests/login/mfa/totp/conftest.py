"""An application whose logins know authenticator apps."""

import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any

import httpx
import pyotp
import pytest
from fastapi import Depends, FastAPI
from pyotp import totp as pyotp_totp

from piccolo_api_fastapi import (
    TOTP,
    AnyOf,
    JWTAuth,
    Login,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    install,
    jwt_router,
    mfa_router,
    reauthentication_router,
    require,
    session_router,
    token_router,
)
from piccolo_api_fastapi.errors import FactorDisabled, InvalidCode, TooManyRequests
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import KEY, PASSWORD, log_in, unchanged


@lru_cache
def _totp(users: Users[User]) -> TOTP:
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


@lru_cache
def _login(users: Users[User], totp: TOTP) -> Login[User]:
    return Login(users, factors=[totp])


@pytest.fixture
def totp(users: Users[User]) -> TOTP:
    """Authenticators, with the defaults."""
    return _totp(users)


@pytest.fixture
def login(users: Users[User], totp: TOTP) -> Login[User]:
    """A login that asks for a second factor where there is one."""
    return _login(users, totp)


@pytest.fixture
def app(
    session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP, login: Login[User]
) -> Iterator[FastAPI]:
    """
    The routers under `/auth`, and routes that ask for factors: `/me`, `/recent` (any factor
    within five minutes), `/mfa` (a second one), `/mfa-recent` (a second one within five
    minutes), `/totp` (that one), `/claims`.
    """
    yield from unchanged(_app, session, jwt, totp, login)


@lru_cache
def _app(session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP, login: Login[User]) -> FastAPI:
    app = FastAPI()
    install(app)
    token = TokenAuth(session.users)
    current_user = AnyOf(session, jwt, token)
    for router in (
        session_router(session, login),
        jwt_router(jwt, login),
        token_router(token, current_user),
        mfa_router(totp, current_user),
        reauthentication_router(login, current_user),
    ):
        app.include_router(router, prefix="/auth")
    five = timedelta(minutes=5)
    for path, guard in {
        "/me": current_user,
        "/recent": require(current_user, within=five),
        "/mfa": require(current_user, mfa=True),
        "/mfa-recent": require(current_user, mfa=True, within=five),
        "/totp": require(current_user, factor="totp"),
    }.items():
        add(app, path, guard)

    @app.get("/claims")
    async def claims(found: Annotated[Any, Depends(jwt.claims)]) -> dict[str, Any]:
        return {"acr": found.acr, "amr": found.amr, "at": found.authenticated_at.timestamp()}

    return app


def add(app: FastAPI, path: str, guard: Any) -> None:
    """A route that says who came in, and what they presented."""

    @app.get(path)
    async def show(identity: Annotated[Any, Depends(guard.identity)]) -> dict[str, Any]:
        factors = {name: at.timestamp() for name, at in identity.factors.items()}
        return {"username": identity.user.username, "factors": factors}


class Phone:
    """An authenticator app that nobody here wrote, with the clock of the test."""

    def __init__(self, uri: str, clock: FrozenClock) -> None:
        self.app = pyotp.parse_uri(uri)
        self.clock = clock

    def code(self, offset: int = 0) -> str:
        """What it shows now, or so many periods later."""
        assert isinstance(self.app, pyotp_totp.TOTP)
        at = int(self.clock.now.timestamp()) + offset * self.app.interval
        return self.app.at(at)

    def wrong(self) -> str:
        """A code of no period near."""
        near = {self.code(offset) for offset in range(-3, 4)}
        return next(code for code in (f"{n:06}" for n in range(10)) if code not in near)


async def begin(client: httpx.AsyncClient, clock: FrozenClock) -> Phone:
    """Scan the QR code of a client that is logged in."""
    answer = await client.post("/auth/mfa/totp")
    assert answer.status_code == 200, answer.text
    return Phone(answer.json()["otpauth_uri"], clock)


async def confirm(client: httpx.AsyncClient, code: str) -> httpx.Response:
    """Confirm what was scanned."""
    return await client.post("/auth/mfa/totp/confirm", json={"code": code})


async def enrol(client: httpx.AsyncClient, clock: FrozenClock) -> tuple[Phone, list[str]]:
    """Log ada in and enrol an app; the phone and the recovery codes."""
    await log_in(client)
    phone = await begin(client, clock)
    answer = await confirm(client, phone.code())
    assert answer.status_code == 200, answer.text
    codes: list[str] = answer.json()["recovery_codes"]
    clock.advance(timedelta(seconds=60))  # the code that confirmed is used up
    return phone, codes


async def challenge(client: httpx.AsyncClient) -> str:
    """The challenge that ada's password gives."""
    answer = await log_in(client)
    assert answer.json()["status"] == "mfa_required", answer.text
    token: str = answer.json()["challenge"]
    return token


async def second_step(
    client: httpx.AsyncClient, token: str, code: str, **more: str
) -> httpx.Response:
    """Present a code with a challenge."""
    return await client.post("/auth/login/mfa", json={"challenge": token, "code": code, **more})


def codes_of(text: str) -> list[str]:
    """What looks like a token in an answer."""
    return re.findall(r"(?:ses|rt|tkt)_[A-Za-z0-9_.-]+", text)


@pytest.fixture
async def phone(totp: TOTP, ada: User, clock: FrozenClock) -> Phone:
    """Ada's app, enrolled two minutes ago."""
    phone = Phone((await totp.begin(ada)).uri, clock)
    await totp.confirm(ada, phone.code())
    clock.advance(timedelta(minutes=2))
    return phone


async def is_good(totp: TOTP, user: User, code: str) -> bool:
    """Whether a code is accepted."""
    try:
        await totp.verify(user, code)
    except (InvalidCode, TooManyRequests, FactorDisabled):
        return False
    return True


async def password_grant(client: httpx.AsyncClient, **form: str) -> httpx.Response:
    """Ask `/token` with ada's password."""
    data = {"grant_type": "password", "username": "ada", "password": PASSWORD, **form}
    return await client.post("/auth/token", data=data)
