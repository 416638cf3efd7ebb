"""Logins that do not know a factor, and users of another table."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    JWTAuth,
    Login,
    Passkeys,
    SessionAuth,
    User,
    Users,
    auth_tables,
    install,
    passkey_login_router,
    passkey_router,
    session_router,
)
from piccolo_api_fastapi.testing import FrozenClock, SoftwareAuthenticator, totp_code
from tests.conftest import PASSWORD, SECRET, log_in, new_client
from tests.models import Customer

from .conftest import ORIGIN, SITE, add, application, begin, enter


@pytest.mark.security(138)
async def test_a_login_without_passkeys(
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    users: Users[User],
    session: SessionAuth[User],
    events: list[AuthEvent],
) -> None:
    """A password alone gets nobody past a passkey: the answer is that to a wrong one."""
    await add(browser, key)
    app = FastAPI()
    install(app)
    app.include_router(session_router(session, Login(users)), prefix="/auth")
    async with new_client(app) as client:
        assert (await log_in(client)).status_code == 401
    [event] = [event for event in events if event.name == "authn_login_misconfigured"]
    assert event.data["factor"] == "passkey"


@pytest.mark.security(138)
async def test_a_login_without_the_app(
    users: Users[User],
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    totp: TOTP,
    ada: User,
    clock: FrozenClock,
) -> None:
    """Nor does a passkey where the login does not know the app of the user."""
    app = application.__wrapped__(session, jwt, Login(users, factors=[Passkeys(users, **SITE)]))
    key = SoftwareAuthenticator(ORIGIN)
    async with new_client(app) as client:
        await log_in(client)
        await add(client, key)
        assert (await enter(client, key)).status_code == 200
        await totp.confirm(ada, totp_code((await totp.begin(ada)).uri, clock.now))
        assert (await enter(client, key)).status_code == 401
        assert (await client.get("/me")).status_code == 401


@pytest.mark.security(123)
async def test_users_of_another_table(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """Their passkeys and challenges are their own, even if the first key of both is the same."""
    users: Users[Customer] = Users(Customer, clock=clock)
    await users.create("ada", PASSWORD)
    session = SessionAuth(users)
    jwt = JWTAuth(users, secret=SECRET)
    passkeys = Passkeys(users, **SITE)
    shop: Any = FastAPI()
    install(shop)
    login = Login(users, factors=[passkeys])
    shop.include_router(session_router(session, login), prefix="/auth")
    shop.include_router(passkey_login_router(passkeys, login, session), prefix="/auth")
    shop.include_router(passkey_login_router(passkeys, login, jwt), prefix="/auth")
    shop.include_router(passkey_router(passkeys, session), prefix="/auth")
    await add(browser, key)
    own = SoftwareAuthenticator(ORIGIN)
    async with new_client(shop) as client, new_client(app) as stranger:
        await log_in(client)
        passkey = (await add(client, own)).json()["id"]
        assert (await enter(client, own)).json()["status"] == "signed_in"
        assert (await enter(client, key)).status_code == 401
        assert (await enter(stranger, own)).status_code == 401
        ceremony = await begin(client, "/login/passkey")
        body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
        assert (await stranger.post("/auth/login/passkey", json=body)).status_code == 401
        assert (await client.delete(f"/auth/passkeys/{passkey}")).status_code == 204
    assert await auth_tables(Customer).passkey.count() == 0
    assert await auth_tables().passkey.count() == 1
