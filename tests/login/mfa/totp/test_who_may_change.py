"""Who may enrol an authenticator or take it away, and with what."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import (
    RecoveryCode,
    TokenAuth,
    TOTPSecret,
    User,
    Users,
)
from piccolo_api_fastapi.testing import FrozenClock
from piccolo_api_fastapi.users.credentials import Credentials
from tests.conftest import bearer, log_in, reaches_no_sql

from .conftest import begin, confirm, enrol

MINUTE = timedelta(minutes=1)


@pytest.mark.security(74)
@pytest.mark.security(79)
async def test_changes_ask_for_a_fresh_factor(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Five minutes after the second factor nothing is changed; the answer says what to do."""
    phone, _ = await enrol(client, clock)
    clock.advance(4 * MINUTE)
    changes = [
        ("POST", "/auth/mfa/totp"),
        ("DELETE", "/auth/mfa/totp"),
        ("POST", "/auth/mfa/recovery-codes"),
    ]
    for method, path in changes:
        answer = await client.request(method, path)
        assert answer.status_code == 401
        assert answer.json()["code"] == "insufficient_user_authentication"
        assert (answer.json()["max_age"], answer.json()["acr_values"]) == (300, "mfa")
    assert (await confirm(client, phone.code())).status_code == 401
    password = {"password": "correct horse battery"}
    assert (await client.post("/auth/reauthenticate", json=password)).status_code == 204
    assert (await client.delete("/auth/mfa/totp")).status_code == 401
    code = {"code": phone.code()}
    assert (await client.post("/auth/reauthenticate", json=code)).status_code == 204
    assert (await client.delete("/auth/mfa/totp")).status_code == 204


@pytest.mark.security(110)
@pytest.mark.parametrize(
    ("method", "path"),
    [("DELETE", "/auth/mfa/totp"), ("POST", "/auth/mfa/recovery-codes")],
)
async def test_a_session_that_ends_meanwhile(
    client: httpx.AsyncClient,
    users: Users[User],
    ada: User,
    clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
    method: str,
    path: str,
) -> None:
    """A change under way when its session is ended changes nothing: the user is locked by then."""
    await enrol(client, clock)
    codes = await RecoveryCode.select().order_by(RecoveryCode.id)
    end = Credentials.end

    async def when_all_have_ended(self: Credentials, key: Any, *, keep: Any = None) -> None:
        assert keep is not None
        await end(self, key)

    monkeypatch.setattr(Credentials, "end", when_all_have_ended)
    answer = await client.request(method, path)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_session")
    assert codes == await RecoveryCode.select().order_by(RecoveryCode.id)
    assert await TOTPSecret.count() == 1


async def test_enrolling_asks_for_a_recent_password(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Who has no factor yet presents the password again, if it was a while ago."""
    await log_in(client)
    clock.advance(5 * MINUTE)
    answer = await client.post("/auth/mfa/totp")
    assert (answer.status_code, answer.json()["max_age"]) == (401, 300)
    assert "acr_values" not in answer.json()
    assert answer.headers["www-authenticate"] == (
        'Bearer error="insufficient_user_authentication", max_age="300"'
    )
    await client.post("/auth/reauthenticate", json={"password": "correct horse battery"})
    await begin(client, clock)


@reaches_no_sql
async def test_nobody(client: httpx.AsyncClient, database: Any) -> None:
    """Without a credential nothing is shown and nothing is changed."""
    for method, path in [
        ("GET", "/auth/mfa"),
        ("POST", "/auth/mfa/totp"),
        ("DELETE", "/auth/mfa/totp"),
        ("POST", "/auth/mfa/recovery-codes"),
        ("POST", "/auth/reauthenticate"),
    ]:
        assert (await client.request(method, path, json={"code": "1"})).status_code == 401


@pytest.mark.security(62)
@pytest.mark.security(76)
async def test_api_tokens(
    client: httpx.AsyncClient, users: Users[User], ada: User, clock: FrozenClock
) -> None:
    """A token neither enrols, changes nor presents a factor, and never counts as one."""
    phone, _ = await enrol(client, clock)
    secret = (await TokenAuth(users).create(ada, "report")).secret
    client.cookies.clear()
    for method, path, body in [
        ("GET", "/auth/mfa", None),
        ("POST", "/auth/mfa/totp", None),
        ("POST", "/auth/mfa/totp/confirm", {"code": phone.code()}),
        ("DELETE", "/auth/mfa/totp", None),
        ("POST", "/auth/mfa/recovery-codes", None),
        ("POST", "/auth/reauthenticate", {"code": phone.code()}),
    ]:
        answer = await client.request(method, path, json=body, headers=bearer(secret))
        assert (answer.status_code, answer.json()["code"]) == (403, "credential_not_allowed")
    assert (await client.get("/me", headers=bearer(secret))).status_code == 200
    for path in ("/mfa", "/recent", "/totp"):
        assert (await client.get(path, headers=bearer(secret))).status_code == 401
