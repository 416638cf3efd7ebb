"""Challenges: what a password gives while a second factor is missing."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    TOTP,
    RecoveryCode,
    Session,
    User,
    Users,
)
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, bearer, log_in, new_client, reaches_no_sql

from .conftest import Phone, challenge, enrol, password_grant, second_step

MINUTE = timedelta(minutes=1)


@pytest.mark.security(73)
async def test_the_challenge_dies(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """It is good once, for ten minutes, for five tries, and opens no door itself."""
    phone, codes = await enrol(client, clock)
    other = new_client(app)
    token = await challenge(other)
    for header in (bearer(token), {"Cookie": f"__Host-session={token}"}):
        assert (await other.get("/me", headers=header)).status_code == 401
    assert (await second_step(other, token, phone.code())).status_code == 200
    assert (await second_step(other, token, codes[0])).status_code == 401
    token = await challenge(other)
    clock.advance(10 * MINUTE)
    answer = await second_step(other, token, phone.code())
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")
    token = await challenge(other)
    for _ in range(4):
        assert (await second_step(other, token, "abcdef")).json()["code"] == "invalid_code"
    assert (await second_step(other, token, codes[1])).status_code == 200
    token = await challenge(other)
    for _ in range(5):
        await second_step(other, token, "abcdef")
    answer = await second_step(other, token, codes[2])
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_ticket")


@pytest.mark.security(73)
async def test_one_challenge_wins(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Of 24 that finish one challenge at once, each with a right code, one is signed in."""
    phone, codes = await enrol(client, clock)
    sessions = await Session.count()
    token = await challenge(new_client(app))
    presented = [phone.code(), *codes] * 3
    clients = [new_client(app) for _ in range(24)]
    answers = await asyncio.gather(
        *(second_step(one, token, code) for one, code in zip(clients, presented[:24], strict=True))
    )
    assert sum(answer.status_code == 200 for answer in answers) == 1
    assert await Session.count() == sessions + 1


@pytest.mark.security(41)
async def test_cross_use(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A challenge for a session gives no tokens, and the other way round."""
    _, codes = await enrol(client, clock)
    other = new_client(app)
    for_session = await challenge(other)
    for_tokens = (await password_grant(other)).json()["challenge"]
    body = {"challenge": for_session, "code": codes[0]}
    assert (await other.post("/auth/token/mfa", json=body)).status_code == 400
    assert (await second_step(other, for_tokens, codes[0])).status_code == 401
    assert (await second_step(other, for_session, codes[0])).status_code == 200


@pytest.mark.security(86)
async def test_password_change(
    app: FastAPI, client: httpx.AsyncClient, users: Users[User], ada: User, clock: FrozenClock
) -> None:
    """A password that is changed between the steps ends the login, however it is changed."""
    phone, _ = await enrol(client, clock)
    other = new_client(app)
    token = await challenge(other)
    await users.set_password(ada, "another horse battery")
    assert (await second_step(other, token, phone.code())).json()["code"] == "invalid_ticket"
    await users.set_password(ada, PASSWORD)
    token = await challenge(other)
    encoded = "pbkdf2_sha256$1$aaaa$bbbb"
    await User.update({User.password: encoded}).where(User.id == ada.id)
    assert (await second_step(other, token, phone.code())).json()["code"] == "invalid_ticket"


@pytest.mark.security(15)
async def test_disabled_user(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """A user who is disabled between the steps does not get in."""
    phone, _ = await enrol(client, clock)
    other = new_client(app)
    token = await challenge(other)
    await User.update({User.active: False}).where(User.id == ada.id)
    assert (await second_step(other, token, phone.code())).status_code == 401


@pytest.mark.security(70)
async def test_many_challenges(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """New challenges bring no new tries: the failures are those of the app (D-M6)."""
    phone, _ = await enrol(client, clock)
    other, answers = new_client(app), []
    for _ in range(8):
        token = await challenge(other)
        answers.append(await second_step(other, token, phone.wrong()))
    assert [answer.status_code for answer in answers] == [401] * 5 + [429] * 3
    assert answers[-1].headers["retry-after"] == "1"
    token = await challenge(other)  # the password's own counter is another one
    clock.advance(timedelta(seconds=1))
    assert (await second_step(other, token, phone.code())).status_code == 200


@reaches_no_sql
@pytest.mark.security(71)
@pytest.mark.security(100)
@pytest.mark.parametrize("path", ["/auth/login/mfa", "/auth/token/mfa"])
@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        "null",
        "{}",
        '{"challenge": 1, "code": "1"}',
        '{"challenge": "x", "code": 123456}',
        '{"challenge": "x", "code": true}',
        '{"challenge": "\\ud800", "code": "\\ud800"}',
        '{"challenge": "tkt_", "code": "' + "1" * 10_000 + '"}',
        '{"challenge": "tkt_", "code": "\\u0000", "method": "\\u0000"}',
        '{"challenge": "tkt_", "code": "1", "code": "2"}',
    ],
)
async def test_malformed(client: httpx.AsyncClient, database: Any, path: str, body: str) -> None:
    """Bad input is refused clearly, and never echoed (D-M10)."""
    headers = {"Content-Type": "application/json"}
    answer = await client.post(path, content=body, headers=headers)
    assert answer.status_code in {400, 401, 422}
    kind = "json" if path == "/auth/token/mfa" else "problem+json"
    assert answer.headers["content-type"] == f"application/{kind}"
    assert "1111" not in answer.text


async def test_no_recovery_codes_left(
    client: httpx.AsyncClient, totp: TOTP, ada: User, phone: Phone
) -> None:
    """When all recovery codes are used up, a login offers none and takes none."""
    [code, *_] = await totp.recovery.write(ada.id, phone.clock.now)
    await RecoveryCode.delete(force=True)
    answer = await log_in(client)
    assert answer.json()["methods"] == ["totp"]
    refused = await second_step(client, answer.json()["challenge"], code)
    assert (refused.status_code, refused.json()["code"]) == (401, "invalid_code")
