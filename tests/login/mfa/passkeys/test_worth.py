"""What a passkey is worth: alone, after a password, without a PIN, and by configuration."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    JWTAuth,
    Login,
    Passkey,
    Passkeys,
    SessionAuth,
    User,
    Users,
)
from piccolo_api_fastapi.testing import FrozenClock, SoftwareAuthenticator, totp_code
from tests.conftest import PASSWORD, bearer, log_in, new_client

from .conftest import (
    ORIGIN,
    SITE,
    add,
    application,
    begin,
    challenge,
    enter,
    password_grant,
    second_step,
)


def app_with(
    session: SessionAuth[User], jwt: JWTAuth[User], *factors: Any, **options: Any
) -> FastAPI:
    """An application whose login has these factors."""
    return application.__wrapped__(session, jwt, Login(session.users, factors=factors, **options))


@pytest.fixture
async def single(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP, ada: User
) -> FastAPI:
    """One in which a log-in by passkey is one factor."""
    return app_with(session, jwt, totp, Passkeys(users, **SITE, counts_as_mfa=False))


@pytest.fixture
async def touching(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], ada: User
) -> AsyncIterator[tuple[FastAPI, httpx.AsyncClient]]:
    """One that takes keys without a PIN, and a browser that is logged in there."""
    app = app_with(session, jwt, Passkeys(users, **SITE, security_keys=True))
    async with new_client(app) as client:
        await log_in(client)
        yield app, client


Touching = tuple[FastAPI, httpx.AsyncClient]


@pytest.mark.security(125)
async def test_without_a_pin(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """It is not added; and one that was verified once has to be verified each time."""
    assert (
        await add(browser, SoftwareAuthenticator(ORIGIN, verifies_user=False))
    ).status_code == 422
    await add(browser, key)
    async with new_client(app) as client:
        assert (await enter(client, key, flags=0x01)).status_code == 401
        assert (await enter(client, key, "/token/passkey", flags=0x01)).status_code == 400
        token = (await challenge(client))["challenge"]
        assert (await second_step(client, key, token, flags=0x01)).status_code == 401
        assert (await client.get("/me")).status_code == 401
    assert (await enter(browser, key, "/reauthenticate", flags=0x01)).status_code == 401


@pytest.mark.security(125)
async def test_a_key_that_is_touched(touching: Touching, events: list[AuthEvent]) -> None:
    """It is a second factor under a name of its own, and never signs in."""
    app, browser = touching
    key = SoftwareAuthenticator(ORIGIN, verifies_user=False)
    ceremony = await begin(browser, "/passkeys")
    assert ceremony["options"]["authenticatorSelection"]["userVerification"] == "preferred"
    assert (await add(browser, key)).status_code == 201
    assert (await browser.get("/mfa")).status_code == 200
    async with new_client(app) as client:
        assert (await enter(client, key)).status_code == 401
        assert (await enter(client, key, "/token/passkey")).status_code == 400
        answer = await second_step(client, key, (await challenge(client))["challenge"])
        assert answer.json()["status"] == "signed_in"
        assert (await client.get("/mfa")).status_code == 200
    [login] = [one for one in events if one.name == "authn_login_success"][-1:]
    assert login.data["factor"] == "security_key"
    assert (await enter(browser, key, "/reauthenticate")).status_code == 204


@pytest.mark.security(125)
async def test_a_pin_set_by_the_finder(touching: Touching, events: list[AuthEvent]) -> None:
    """Whoever finds a key without a PIN can set one: it signs in nobody, and its name stays."""
    app, browser = touching
    key = SoftwareAuthenticator(ORIGIN, verifies_user=False)
    await add(browser, key)
    key.verifies_user = True
    async with new_client(app) as client:
        assert (await enter(client, key)).status_code == 401
        assert (await enter(client, key, "/token/passkey")).status_code == 400
        answer = await second_step(client, key, (await challenge(client))["challenge"])
        assert answer.status_code == 200
    [login] = [one for one in events if one.name == "authn_login_success"][-1:]
    assert login.data["factor"] == "security_key"


@pytest.mark.security(125)
async def test_one_with_a_pin_among_keys(touching: Touching, events: list[AuthEvent]) -> None:
    """It logs in; touched only, it is a key like the others."""
    app, browser = touching
    key = SoftwareAuthenticator(ORIGIN)
    await add(browser, key)
    async with new_client(app) as client:
        assert (await enter(client, key, flags=0x01)).status_code == 401
        assert (await enter(client, key)).status_code == 200
        assert (await client.get("/mfa")).status_code == 200
    async with new_client(app) as client:
        token = (await challenge(client))["challenge"]
        assert (await second_step(client, key, token, flags=0x01)).status_code == 200
    factors = [one.data["factor"] for one in events if one.name == "authn_login_success"]
    assert factors[-2:] == ["passkey", "security_key"]


@pytest.mark.security(138)
async def test_required(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], ada: User
) -> None:
    """A passkey satisfies `mfa_required`: adding one ends the enrolment, and it logs in alone."""
    app = app_with(session, jwt, Passkeys(users, **SITE), mfa_required=True)
    key = SoftwareAuthenticator(ORIGIN)
    async with new_client(app) as browser:
        assert (await log_in(browser)).json()["status"] == "mfa_enrolment_required"
        assert (await browser.get("/me")).status_code == 403
        assert (await add(browser, key)).status_code == 201
        assert (await browser.get("/mfa")).status_code == 200
    async with new_client(app) as client:
        assert (await enter(client, key)).json()["status"] == "signed_in"
        assert (await client.get("/mfa")).status_code == 200
        pair = (await enter(client, key, "/token/passkey")).json()
        assert pair["status"] == "signed_in"
        answer = await client.get("/mfa", headers=bearer(pair["access_token"]))
        assert answer.status_code == 200


@pytest.mark.security(138)
async def test_one_factor(single: FastAPI) -> None:
    """By configuration a passkey alone is none of two, on every path; after a password it is."""
    key = SoftwareAuthenticator(ORIGIN)
    async with new_client(single) as browser:
        await log_in(browser)
        await add(browser, key)
        assert (await browser.get("/mfa")).status_code == 200
    async with new_client(single) as client:
        assert (await enter(client, key)).json()["status"] == "signed_in"
        assert (await client.get("/me")).json() == "ada"
        assert (await client.get("/mfa")).status_code == 401
        assert (await enter(client, key, "/reauthenticate")).status_code == 204
        assert (await client.get("/mfa")).status_code == 401
    async with new_client(single) as client:
        pair = (await enter(client, key, "/token/passkey")).json()
        client.headers.update(bearer(pair["access_token"]))
        assert (await client.get("/me")).json() == "ada"
        assert (await client.get("/mfa")).status_code == 401
        assert (await enter(client, key, "/reauthenticate")).status_code == 204
        assert (await client.get("/mfa")).status_code == 401
    async with new_client(single) as client:
        step = await challenge(client)
        assert step["methods"] == ["passkey", "recovery_code"]
        assert (await second_step(client, key, step["challenge"])).status_code == 200
        assert (await client.get("/mfa")).status_code == 200
        token = (await password_grant(client)).json()["challenge"]
        chosen = {"challenge": token, "method": "passkey"}
        options = (await client.post("/auth/token/mfa/options", json=chosen)).json()["options"]
        body = {"challenge": token, "credential": key.get(options)}
        pair = (await client.post("/auth/token/mfa", json=body)).json()
        answer = await client.get("/mfa", headers=bearer(pair["access_token"]))
        assert answer.status_code == 200


@pytest.mark.security(138)
async def test_one_factor_where_two_are_required(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], totp: TOTP, ada: User
) -> None:
    """A log-in by passkey may only enrol, and another passkey is no other factor."""
    passkeys = Passkeys(users, **SITE, counts_as_mfa=False)
    app = app_with(session, jwt, totp, passkeys, mfa_required=True)
    key = SoftwareAuthenticator(ORIGIN)
    async with new_client(app) as browser:
        assert (await log_in(browser)).json()["status"] == "mfa_enrolment_required"
        assert (await add(browser, key)).status_code == 201
        assert (await browser.get("/me")).status_code == 200
    async with new_client(app) as client:
        assert (await enter(client, key)).json()["status"] == "mfa_enrolment_required"
        pair = (await enter(client, key, "/token/passkey")).json()
        assert pair["status"] == "mfa_enrolment_required"
        assert (await add(client, SoftwareAuthenticator(ORIGIN))).status_code == 201
        assert (await client.get("/me")).status_code == 403
        assert (await enter(client, key, "/reauthenticate")).status_code == 204
        assert (await client.get("/me")).status_code == 403
        answer = await client.post("/auth/reauthenticate", json={"password": PASSWORD})
        assert answer.status_code == 204
        assert (await enter(client, key, "/reauthenticate")).status_code == 204
        assert (await client.get("/me")).status_code == 200


@pytest.mark.security(134)
@pytest.mark.security(138)
@pytest.mark.parametrize("kind", ["session", "jwt"])
async def test_one_factor_and_changes(single: FastAPI, clock: FrozenClock, kind: str) -> None:
    """Where only a passkey is to be had, a fresh passkey is asked for; a password will not do."""
    key = SoftwareAuthenticator(ORIGIN)
    async with new_client(single) as browser:
        await log_in(browser)
        await add(browser, key)
    async with new_client(single) as client:
        if kind == "session":
            await enter(client, key)
            assert (await add(client, SoftwareAuthenticator(ORIGIN))).status_code == 201
        else:
            pair = (await enter(client, key, "/token/passkey")).json()
            client.headers.update(bearer(pair["access_token"]))
            assert (await client.post("/auth/passkeys/options")).status_code == 401
        clock.advance(timedelta(minutes=6))
        for _ in range(2):
            answer = await client.post("/auth/passkeys/options")
            assert answer.status_code == 401
            assert answer.json()["code"] == "insufficient_user_authentication"
            answer = await client.post("/auth/reauthenticate", json={"password": PASSWORD})
            assert answer.status_code == 204
            assert (await client.post("/auth/passkeys/options")).status_code == 401
            assert (await enter(client, key, "/reauthenticate")).status_code == 204
            assert (await client.post("/auth/passkeys/options")).status_code == 200
            clock.advance(timedelta(minutes=6))
    # A session by password and passkey needs both.
    async with new_client(single) as client:
        await second_step(client, key, (await challenge(client))["challenge"])
        clock.advance(timedelta(minutes=6))
        await client.post("/auth/reauthenticate", json={"password": PASSWORD})
        assert (await client.post("/auth/passkeys/options")).status_code == 401
    assert await Passkey.count() == (2 if kind == "session" else 1)


@pytest.mark.security(138)
async def test_one_factor_and_another(
    single: FastAPI, totp: TOTP, ada: User, clock: FrozenClock
) -> None:
    """After a passkey that is one factor, the code of an app is asked for, and no passkey."""
    key = SoftwareAuthenticator(ORIGIN)
    async with new_client(single) as browser:
        await log_in(browser)
        await add(browser, key)
    uri = (await totp.begin(ada)).uri
    await totp.confirm(ada, totp_code(uri, clock.now))
    clock.advance(timedelta(minutes=2))
    async with new_client(single) as client:
        step = (await enter(client, key)).json()
        assert (step["status"], step["methods"]) == ("mfa_required", ["totp", "recovery_code"])
        chosen = {"challenge": step["challenge"], "method": "passkey"}
        answer = await client.post("/auth/login/mfa/options", json=chosen)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
        body = {"challenge": step["challenge"], "code": totp_code(uri, clock.now)}
        assert (await client.post("/auth/login/mfa", json=body)).status_code == 200
        assert (await client.get("/mfa")).status_code == 200
