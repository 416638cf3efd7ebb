"""Logins of one user table ask for the same second factors, or the application does not start."""

from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    ConfigurationError,
    EmailCode,
    JWTAuth,
    Login,
    SessionAuth,
    User,
    Users,
    XChaCha20Poly1305,
    install,
    jwt_router,
    mfa_router,
    session_router,
)
from tests.conftest import KEY, reaches_no_sql
from tests.lifespans import start_and_stop
from tests.models import Customer


async def send(user: User, code: str) -> None:
    """Send nothing."""


def email_code(users: Users[Any]) -> EmailCode:
    """A factor that no table records."""
    return EmailCode(users, send=send, encryption=XChaCha20Poly1305(KEY))


@pytest.fixture
def totp(users: Users[User]) -> TOTP:
    """A factor that a table records."""
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


def routers(session: SessionAuth[User], jwt: JWTAuth[User], *logins: Login[User] | None) -> Any:
    """A router for sessions and one for tokens, with a login each."""
    return session_router(session, logins[0]), jwt_router(jwt, logins[1])


@pytest.mark.security(76)
@reaches_no_sql
@pytest.mark.parametrize("is_mounted", [False, True])
async def test_different_logins(
    session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP, *, is_mounted: bool
) -> None:
    """Two routers of one user table that differ are refused, before or after they are included."""
    users = session.users
    knowing: Login[User] = Login(users, factors=[totp])
    others: list[Login[User] | None] = [
        None,
        Login(users, factors=[email_code(users)]),
        Login(users, factors=[totp, email_code(users)]),
    ]
    for other in others:
        early, late, inner = FastAPI(), FastAPI(), FastAPI()
        install(early)
        one, two = routers(session, jwt, knowing, other)
        for app in (early, late):
            app.include_router(one)
            if is_mounted:
                app.mount("/tokens", inner)
            else:
                app.include_router(two)
        inner.include_router(two)
        with pytest.raises(ConfigurationError, match=r"with the second factors totp and .* login="):
            await start_and_stop(early)
        with pytest.raises(ConfigurationError, match="pass the same login="):
            install(late)


@reaches_no_sql
async def test_like_logins(session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP) -> None:
    """Logins that ask for the same are alike, and so may be those of two user tables."""
    users = session.users
    again = TOTP(users, encryption=totp.encryption, issuer="Movies")
    code = email_code(users)
    customers: Users[Customer] = Users(Customer)
    alike: list[tuple[Login[User] | None, Login[User] | None]] = [
        (None, None),
        (Login(users, factors=[totp]), Login(users, factors=[again], mfa_required=True)),
        (Login(users, factors=[totp, code]), Login(users, factors=[code, totp])),
    ]
    for logins in alike:
        app = FastAPI()
        install(app)
        for router in routers(session, jwt, *logins):
            app.include_router(router)
        app.include_router(session_router(SessionAuth(customers)), prefix="/customers")
        await start_and_stop(app)


@reaches_no_sql
def test_enrolling_what_no_login_knows(session: SessionAuth[User], totp: TOTP) -> None:
    """Routes to enrol a factor need a login that knows it, where there is a login at all."""
    app = FastAPI()
    app.include_router(mfa_router(totp, session))
    install(app)
    app.include_router(session_router(session))
    with pytest.raises(ConfigurationError, match="can enrol the factor 'totp'"):
        install(app)
