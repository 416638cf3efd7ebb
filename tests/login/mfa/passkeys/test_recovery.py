"""Recovery codes and authenticator apps beside passkeys."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    JWTAuth,
    Login,
    Passkeys,
    RecoveryCode,
    SessionAuth,
    TOTPSecret,
    User,
)
from piccolo_api_fastapi.errors import FactorDisabled, InvalidCode, NotFound, TooManyRequests
from piccolo_api_fastapi.testing import FrozenClock, SoftwareAuthenticator, totp_code
from tests.conftest import PASSWORD, log_in, new_client

from .conftest import add, application, challenge, enter


async def enrol(client: httpx.AsyncClient, clock: FrozenClock) -> tuple[str, list[str]]:
    """Set up an app: its address, and the recovery codes that were shown."""
    answer = await client.post("/auth/mfa/totp")
    assert answer.status_code == 200, answer.text
    uri = answer.json()["otpauth_uri"]
    body = {"code": totp_code(uri, clock.now)}
    answer = await client.post("/auth/mfa/totp/confirm", json=body)
    assert answer.status_code == 200, answer.text
    clock.advance(timedelta(minutes=2))
    return uri, answer.json()["recovery_codes"]


async def by_code(app: FastAPI, code: str, method: str | None = None) -> int:
    """Log in by password and a code."""
    async with new_client(app) as client:
        body: dict[str, Any] = {"challenge": (await challenge(client))["challenge"], "code": code}
        if method is not None:
            body["method"] = method
        return (await client.post("/auth/login/mfa", json=body)).status_code


@pytest.mark.security(134)
async def test_an_app_needs_the_passkey(
    browser: httpx.AsyncClient, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """Once there is one, an app is enrolled with it, not with a password alone."""
    await add(browser, key)
    clock.advance(timedelta(minutes=5))
    await browser.post("/auth/reauthenticate", json={"password": PASSWORD})
    answer = await browser.post("/auth/mfa/totp")
    assert (answer.status_code, answer.json()["code"]) == (401, "insufficient_user_authentication")
    await enter(browser, key, "/reauthenticate")
    await enrol(browser, clock)


async def test_they_are_shared(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """One set for both, listed once; it stays until the last factor is removed."""
    uri, codes = await enrol(browser, clock)
    added = (await add(browser, key)).json()
    assert added["recovery_codes"] == []
    async with new_client(app) as client:
        assert (await challenge(client))["methods"] == ["totp", "recovery_code", "passkey"]
        assert (await enter(client, key)).json()["status"] == "signed_in"  # it is two by itself
    assert await by_code(app, totp_code(uri, clock.now)) == 200
    assert await by_code(app, codes[0]) == 200
    assert (await browser.delete("/auth/mfa/totp")).status_code == 204
    assert await TOTPSecret.count() == 0
    assert await RecoveryCode.count() == 10
    async with new_client(app) as client:
        assert (await challenge(client))["methods"] == ["passkey", "recovery_code"]
    assert await by_code(app, codes[1]) == 200
    assert await by_code(app, codes[1]) == 401
    fresh = (await browser.post("/auth/mfa/recovery-codes")).json()["recovery_codes"]
    assert await by_code(app, codes[2]) == 401
    assert await by_code(app, fresh[0], "recovery_code") == 200
    assert (await browser.delete(f"/auth/passkeys/{added['id']}")).status_code == 204
    assert await RecoveryCode.count() == 0
    assert (await log_in(browser)).json()["status"] == "signed_in"
    assert (await browser.post("/auth/mfa/recovery-codes")).status_code == 401


async def test_the_passkey_goes_first(
    browser: httpx.AsyncClient, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """The app keeps the codes."""
    passkey = (await add(browser, key)).json()["id"]
    await enrol(browser, clock)
    assert (await browser.delete(f"/auth/passkeys/{passkey}")).status_code == 204
    assert await RecoveryCode.count() == 10


async def test_disabled_users(
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    passkeys: Passkeys,
    totp: TOTP,
    ada: User,
    clock: FrozenClock,
) -> None:
    """What an administrator removes from a disabled user leaves the codes of what stays."""
    passkey = (await add(browser, key)).json()["id"]
    await enrol(browser, clock)
    await User.update({User.active: False}).where(User.id == ada.id)
    await passkeys.remove(ada, passkey)
    assert await RecoveryCode.count() == 10
    assert len(await totp.recovery.replace(ada)) == 10
    await totp.remove(ada)
    assert await RecoveryCode.count() == 0
    with pytest.raises(NotFound):
        await totp.recovery.replace(ada)


async def test_used_up(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    passkeys: Passkeys,
    ada: User,
) -> None:
    """Without any left, the next passkey comes with new ones; wrong ones are refused."""
    codes = (await add(browser, key)).json()["recovery_codes"]
    for code in codes:
        await passkeys.recovery.verify(ada, code)
    async with new_client(app) as client:
        assert (await challenge(client))["methods"] == ["passkey"]
    assert await by_code(app, codes[0]) == 401
    assert await by_code(app, codes[0], "recovery_code") == 401
    with pytest.raises(InvalidCode):
        await passkeys.recovery.verify(ada, codes[0])
    added = await add(browser, SoftwareAuthenticator(key.origin))
    assert len(added.json()["recovery_codes"]) == 10
    answer = await browser.post("/auth/reauthenticate", json={"code": codes[0]})
    assert answer.status_code == 401
    body = {"code": added.json()["recovery_codes"][0]}
    assert (await browser.post("/auth/reauthenticate", json=body)).status_code == 204


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("first", ["totp", "passkeys"])
async def test_the_app_works_again(
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    totp: TOTP,
    passkeys: Passkeys,
    ada: User,
    key: SoftwareAuthenticator,
    clock: FrozenClock,
    first: str,
) -> None:
    """A recovery code ends the wait after wrong codes of the app, in whatever order factors are."""
    factors: list[Any] = [totp, passkeys] if first == "totp" else [passkeys, totp]
    app = application.__wrapped__(session, jwt, Login(session.users, factors=factors))
    async with new_client(app) as browser:
        await log_in(browser)
        uri, codes = await enrol(browser, clock)
        await add(browser, key)
    for _ in range(6):
        with pytest.raises((InvalidCode, TooManyRequests, FactorDisabled)):
            await totp.verify(ada, "000000")
    with pytest.raises(TooManyRequests):
        await totp.verify(ada, totp_code(uri, clock.now))
    assert await by_code(app, codes[0]) == 200
    await totp.verify(ada, totp_code(uri, clock.now))


async def test_an_app_later_replaces_them(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """Setting up an app shows new codes, and those of the passkey end."""
    old = (await add(browser, key)).json()["recovery_codes"]
    _, new = await enrol(browser, clock)
    assert await by_code(app, old[0]) == 401
    assert await by_code(app, new[0]) == 200
