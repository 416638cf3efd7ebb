"""What a change of second factors asks for if no table says that the user has one."""

from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    AnyOf,
    EmailCode,
    JWTAuth,
    Login,
    Passkeys,
    SessionAuth,
    User,
    XChaCha20Poly1305,
    install,
    jwt_router,
    mfa_router,
    passkey_router,
    reauthentication_router,
    session_router,
)
from piccolo_api_fastapi.testing import FrozenClock, SoftwareAuthenticator, acting_as
from tests.conftest import KEY, PASSWORD, bearer, log_in, new_client

ORIGIN = "https://testserver.example"
ENROLMENTS = ["/auth/mfa/totp", "/auth/passkeys/options"]
MINUTE = timedelta(minutes=1)


class Mailbox:
    """Takes the codes."""

    code = ""

    async def __call__(self, _: Any, code: str) -> None:
        """Send."""
        self.code = code


@pytest.fixture
def mailbox() -> Mailbox:
    """The mailbox of a user."""
    return Mailbox()


@pytest.fixture
def app(session: SessionAuth[User], jwt: JWTAuth[User], mailbox: Mailbox) -> FastAPI:
    """An application whose logins know codes by e-mail, apps and passkeys."""
    users, encryption = session.users, XChaCha20Poly1305(KEY)
    totp = TOTP(users, encryption=encryption, issuer="Movies")
    passkeys = Passkeys(users, rp_id="testserver.example", rp_name="Movies", origins=[ORIGIN])
    factors = [totp, passkeys, EmailCode(users, send=mailbox, encryption=encryption)]
    login = Login(users, factors=factors)
    app, people = FastAPI(), AnyOf(session, jwt)
    install(app)
    for router in (
        session_router(session, login),
        jwt_router(jwt, login),
        mfa_router(totp, people),
        passkey_router(passkeys, people),
        reauthentication_router(login, people),
    ):
        app.include_router(router, prefix="/auth")
    return app


async def begin(client: httpx.AsyncClient) -> list[tuple[int, str | None]]:
    """Begin each enrolment. Returns the status, and which factor is missing."""
    answers = [await client.post(path) for path in ENROLMENTS]
    return [(one.status_code, one.json().get("acr_values")) for one in answers]


async def by_session(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    """Start a session by password and code."""
    challenge = (await log_in(client)).json()["challenge"]
    body = {"challenge": challenge, "code": mailbox.code}
    assert (await client.post("/auth/login/mfa", json=body)).status_code == 200


async def by_token(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    """Get tokens by password and code."""
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
    challenge = (await client.post("/auth/token", data=form)).json()["challenge"]
    body = {"challenge": challenge, "code": mailbox.code}
    pair = (await client.post("/auth/token/mfa", json=body)).json()
    client.headers.update(bearer(pair["access_token"]))


@pytest.mark.parametrize("enter", [by_session, by_token])
async def test_an_older_session(
    app: FastAPI,
    mailbox: Mailbox,
    ada: User,
    clock: FrozenClock,
    enter: Callable[[httpx.AsyncClient, Mailbox], Awaitable[None]],
) -> None:
    """The password alone does not enrol what lasts, where a login would ask for a mailed code."""
    async with new_client(app) as client, new_client(app) as elsewhere:
        await enter(client, mailbox)
        clock.advance(6 * MINUTE)
        again = "/auth/reauthenticate"
        assert (await client.post(again, json={"password": PASSWORD})).status_code == 204
        assert await begin(client) == [(401, "mfa"), (401, "mfa")]
        await log_in(elsewhere)  # sends a code
        assert (await client.post(again, json={"code": mailbox.code})).status_code == 204
        assert (await begin(client))[0] == (200, None)


@pytest.mark.parametrize(
    ("recent", "older", "missing"),
    [
        ("password", "email_code", "mfa"),
        ("oauth", "email_code", "mfa"),
        ("passkey_login", "email_code", "mfa"),
        ("email_code", "password", None),
        ("email_link", "email_code", None),  # both prove the same mailbox
        ("password", "email_link", None),
        ("password", "oauth", None),
    ],
)
async def test_sessions(
    app: FastAPI,
    session: SessionAuth[User],
    ada: User,
    clock: FrozenClock,
    recent: str,
    older: str,
    missing: str | None,
) -> None:
    """The second factor that made a session multi-factor has to be recent, and no first factor."""
    factors = {recent: clock.now, older: clock.now - 5 * MINUTE}
    expected = (200, None) if missing is None else (401, missing)
    async with new_client(app) as client:
        with acting_as(session, ada, factors=factors):
            assert await begin(client) == [expected] * 2
        with acting_as(session, ada, factors={recent: clock.now}):
            assert await begin(client) == [(200, None)] * 2


async def test_a_passkey_and_a_mailed_code(
    app: FastAPI, session: SessionAuth[User], mailbox: Mailbox, ada: User, clock: FrozenClock
) -> None:
    """A passkey that counts as one factor does not add another where a login asks for a code."""
    key, factors = SoftwareAuthenticator(ORIGIN), {"passkey_login": clock.now}
    async with new_client(app) as client:
        await by_session(client, mailbox)
        begun = (await client.post("/auth/passkeys/options")).json()
        body = {"challenge": begun["challenge"], "credential": key.create(begun["options"])}
        assert (await client.post("/auth/passkeys", json=body)).status_code == 201
        with acting_as(session, ada, factors=factors):
            assert await begin(client) == [(401, "mfa"), (200, None)]
        with acting_as(session, ada, factors=factors | {"email_code": clock.now - 5 * MINUTE}):
            assert await begin(client) == [(401, "mfa"), (401, "mfa")]
