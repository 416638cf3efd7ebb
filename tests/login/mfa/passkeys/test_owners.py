"""Whose a passkey is: the row says so, neither the user handle nor a password."""

from base64 import urlsafe_b64decode
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    KnownDevice,
    Passkey,
    PasskeyOwner,
    Passkeys,
    Session,
    User,
    Users,
)
from piccolo_api_fastapi.login.mfa.second_factor import Assertion
from piccolo_api_fastapi.testing import FrozenClock, SoftwareAuthenticator
from tests.conftest import log_in, new_client
from tests.users.passwords.test_guesses import fail

from .conftest import ORIGIN, add, begin, challenge, enter, second_step


@pytest.fixture
async def eve(app: FastAPI, grace: User) -> SoftwareAuthenticator:
    """The passkey of another user."""
    key = SoftwareAuthenticator(ORIGIN)
    async with new_client(app) as client:
        await log_in(client, "grace")
        assert (await add(client, key)).status_code == 201
    return key


@pytest.mark.security(126)
async def test_handles_of_others(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, eve: SoftwareAuthenticator
) -> None:
    """A handle that is not the owner's is refused; without one, the row says who it is."""
    await add(browser, key)
    handles = {row["handle"] for row in await PasskeyOwner.select()}
    assert len(handles) == 2
    stolen = eve.credentials[0].user_handle
    async with new_client(app) as client:
        for handle in (stolen, b"ada", b"1", b"\x00" * 32):
            assert (await enter(client, key, user_handle=handle)).status_code == 401
            token = (await challenge(client))["challenge"]
            answer = await second_step(client, key, token, user_handle=handle)
            assert answer.status_code == 401
        assert (await client.get("/me")).status_code == 401
        assert (await enter(client, key, user_handle=None)).status_code == 200
        assert (await client.get("/me")).json() == "ada"
    async with new_client(app) as client:
        assert (await enter(client, eve)).status_code == 200
        assert (await client.get("/me")).json() == "grace"


@pytest.mark.security(126)
async def test_the_handle_says_nothing(
    browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """It is 32 random bytes, not the key or the name, and the same for the next passkey."""
    await add(browser, key)
    other = SoftwareAuthenticator(ORIGIN)
    await add(browser, other)
    handle = key.credentials[0].user_handle
    assert handle == other.credentials[0].user_handle
    assert handle is not None
    assert len(handle) == 32
    [row] = await PasskeyOwner.select()
    assert urlsafe_b64decode(row["handle"] + "=") == handle


@pytest.mark.security(127)
async def test_the_passkey_of_another(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, eve: SoftwareAuthenticator
) -> None:
    """With Ada's password, Eve's passkey is none: as second step, and to step up."""
    await add(browser, key)
    async with new_client(app) as client:
        for handle in (None, key.credentials[0].user_handle, eve.credentials[0].user_handle):
            step = await challenge(client)
            chosen = {"challenge": step["challenge"], "method": "passkey"}
            options = (await client.post("/auth/login/mfa/options", json=chosen)).json()["options"]
            options.pop("allowCredentials")
            credential = eve.get(options, user_handle=handle)
            body = {"challenge": step["challenge"], "credential": credential}
            answer = await client.post("/auth/login/mfa", json=body)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
            ceremony = await begin(browser, "/reauthenticate")
            ceremony["options"].pop("allowCredentials")
            credential = eve.get(ceremony["options"], user_handle=handle)
            body = {"challenge": ceremony["challenge"], "credential": credential}
            answer = await browser.post("/auth/reauthenticate", json=body)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
        assert (await client.get("/me")).status_code == 401
    rows = await Passkey.select(Passkey.last_used_at)
    assert [row["last_used_at"] for row in rows] == [None, None]


async def disable(user: User, _: Users[User]) -> None:
    """Disable a user."""
    await User.update({User.active: False}).where(User.id == user.id)


async def delete(user: User, _: Users[User]) -> None:
    """Delete a user."""
    await User.delete().where(User.id == user.id)


@pytest.mark.security(133)
@pytest.mark.parametrize("end", [disable, delete])
async def test_ended_between(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    ada: User,
    users: Users[User],
    end: Callable[[User, Users[User]], Awaitable[None]],
) -> None:
    """A user who is disabled or deleted after the options gets the answer of a wrong password."""
    await add(browser, key)
    async with new_client(app) as client:
        wrong = await log_in(client, "nobody", "wrong")
        token = (await challenge(client))["challenge"]
        chosen = {"challenge": token, "method": "passkey"}
        second = (await client.post("/auth/login/mfa/options", json=chosen)).json()["options"]
        ways = [(way, await begin(client, way)) for way in ("/login/passkey", "/token/passkey")]
        again = await begin(browser, "/reauthenticate")
        await end(ada, users)
        for way, ceremony in ways:
            body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
            answer = await client.post(f"/auth{way}", json=body)
            if way == "/login/passkey":
                assert (answer.status_code, answer.content) == (401, wrong.content)
            else:
                assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        body = {"challenge": token, "credential": key.get(second)}
        assert (await client.post("/auth/login/mfa", json=body)).status_code == 401
        assert (await client.get("/me")).status_code == 401
    body = {"challenge": again["challenge"], "credential": key.get(again["options"])}
    assert (await browser.post("/auth/reauthenticate", json=body)).status_code == 401
    live = await Session.count()
    assert live == (0 if end is delete else 1)


@pytest.mark.security(133)
@pytest.mark.usefixtures("unlimited")
async def test_ended_after_the_signature(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    passkeys: Passkeys,
    ada: User,
) -> None:
    """Even between the check of the signature and the look-up of the user."""
    await add(browser, key)
    ceremony = await passkeys.begin_login()
    assertion = Assertion(key.get(ceremony.options), ceremony.challenge)
    found: Any = await passkeys.identify(assertion)
    await disable(ada, passkeys.users)
    assert await passkeys.users.proof_of(found.user) is None
    assert "recheck" not in repr(found)


@pytest.mark.security(133)
@pytest.mark.usefixtures("unlimited", "ada")
async def test_a_locked_password(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    users: Users[User],
    clock: FrozenClock,
) -> None:
    """
    A hundred wrong passwords lock the password. They say nothing of the passkey, by which the
    owner gets in: otherwise anybody could keep them out.
    """
    await add(browser, key)
    await fail(users, clock, 100)
    async with new_client(app) as client:
        assert (await log_in(client)).status_code == 401
        assert (await enter(client, key)).status_code == 200
        assert (await client.get("/me")).json() == "ada"


async def test_the_browser_is_remembered(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """After a log-in by passkey, guesses of others at the password do not keep it out."""
    await add(browser, key)
    await KnownDevice.delete(force=True)
    async with new_client(app) as client:
        answer = await enter(client, key)
        assert "__Host-known-device" in answer.cookies
    assert await KnownDevice.count() == 1
