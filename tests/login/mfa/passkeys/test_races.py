"""Many at once, on both databases: one winner where there may be one, and nobody locked out."""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import (
    TOTP,
    AuthEvent,
    ClientInfo,
    Login,
    Passkey,
    Passkeys,
    Proof,
    Session,
    User,
    Users,
)
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import AuthError, InvalidCredentials
from piccolo_api_fastapi.login.mfa.second_factor import Assertion
from piccolo_api_fastapi.testing import FrozenClock, SoftwareAuthenticator, race, totp_code
from tests.conftest import PASSWORD, log_in, new_client

from .conftest import ORIGIN, SITE, add, begin, challenge, enter

pytestmark = pytest.mark.usefixtures("unlimited")

N = 24


def statuses(answers: list[Any]) -> Counter[int]:
    """How often each status was answered; no call raised."""
    return Counter(answer.status_code for answer in answers)


@pytest.mark.security(123)
@pytest.mark.parametrize("counts", [True, False])
async def test_one_assertion(
    app: FastAPI, browser: httpx.AsyncClient, events: list[AuthEvent], *, counts: bool
) -> None:
    """One session for one signature, however it is used; the others are no sign of a copy."""
    key = SoftwareAuthenticator(ORIGIN, counts=counts)
    await add(browser, key)
    async with new_client(app) as client:
        ceremony = await begin(client, "/login/passkey")
        body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
        before = await Session.count()
        answers = await race(lambda: client.post("/auth/login/passkey", json=body), N)
        assert statuses(answers) == {200: 1, 401: N - 1}
        assert await Session.count() == before + 1

        token = (await challenge(client))["challenge"]
        chosen = {"challenge": token, "method": "passkey"}
        options = (await client.post("/auth/login/mfa/options", json=chosen)).json()["options"]
        body = {"challenge": token, "credential": key.get(options)}
        client.cookies.clear()
        answers = await race(lambda: client.post("/auth/login/mfa", json=body), N)
        assert statuses(answers) == {200: 1, 401: N - 1}
        assert await Session.count() == before + 2
    ceremony = await begin(browser, "/reauthenticate")
    body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
    answers = await race(lambda: browser.post("/auth/reauthenticate", json=body), N)
    assert statuses(answers)[204] == 1
    assert "authn_passkey_clone_suspected" not in {event.name for event in events}


@pytest.mark.security(123)
async def test_one_enrolment(
    browser: httpx.AsyncClient, key: SoftwareAuthenticator, events: list[AuthEvent]
) -> None:
    """One challenge makes one passkey."""
    ceremony = await begin(browser, "/passkeys")
    bodies = [
        {"challenge": ceremony["challenge"], "credential": key.create(ceremony["options"])}
        for _ in range(N)
    ]
    turn = iter(bodies)
    answers = await race(lambda: browser.post("/auth/passkeys", json=next(turn)), N)
    assert statuses(answers)[201] == 1
    assert set(statuses(answers)) <= {201, 401, 422}
    assert await Passkey.count() == 1
    assert [event.name for event in events].count("authn_passkey_added") == 1


@pytest.mark.security(128)
async def test_one_id_of_several_users(app: FastAPI, users: Users[User], ada: User) -> None:
    """Of 24 users who register one credential id, one has it; a 409 names no owner."""
    key, bodies = SoftwareAuthenticator(ORIGIN), []
    for number in range(N):
        await users.create(f"user{number}", "correct horse battery")
        client = new_client(app)
        await log_in(client, f"user{number}")
        ceremony = await begin(client, "/passkeys")
        credential = key.create(ceremony["options"], credential_id=b"the same")
        bodies.append((client, {"challenge": ceremony["challenge"], "credential": credential}))
    turn = iter(bodies)

    async def register() -> httpx.Response:
        client, body = next(turn)
        return await client.post("/auth/passkeys", json=body)

    answers: list[Any] = await race(register, N)
    assert statuses(answers) == {201: 1, 409: N - 1}
    assert await Passkey.count() == 1
    for answer in answers:
        assert "user" not in answer.text or answer.status_code == 201
        assert answer.status_code == 201 or answer.json()["code"] == "passkey_exists"
    for client, _ in bodies:
        await client.aclose()


@pytest.mark.security(128)
async def test_an_id_of_mine(browser: httpx.AsyncClient, key: SoftwareAuthenticator) -> None:
    """Nor is one of my own replaced by another key of that id."""
    await add(browser, key, credential_id=b"the same")
    [before] = await Passkey.select()
    other = SoftwareAuthenticator(ORIGIN)
    answer = await add(browser, other, credential_id=b"the same")
    assert (answer.status_code, answer.json()["code"]) == (409, "passkey_exists")
    assert await Passkey.select() == [before]


@pytest.mark.security(135)
async def test_the_last_two(browser: httpx.AsyncClient, passkeys: Passkeys, ada: User) -> None:
    """Of two passkeys without a password, one stays, by whatever way they are removed."""
    for _ in range(2):
        assert (await add(browser, SoftwareAuthenticator(ORIGIN))).status_code == 201
    await passkeys.users.store_password(ada, None)
    ids = [row.id for row in await passkeys.list(ada)]
    turn = iter(ids * (N // 2))
    results = await race(lambda: passkeys.remove(ada, next(turn)), N)
    assert results.count(None) == 1
    assert await Passkey.count() == 1


@pytest.mark.security(133)
async def test_login_against_disable(app: FastAPI, browser: httpx.AsyncClient, ada: User) -> None:
    """No session of a user who is disabled meanwhile is valid."""
    key = SoftwareAuthenticator(ORIGIN, counts=False)
    await add(browser, key)
    clients = [new_client(app) for _ in range(N)]
    bodies = []
    for client in clients:
        ceremony = await begin(client, "/login/passkey")
        bodies.append(
            {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
        )
    logins = [
        client.post("/auth/login/passkey", json=body)
        for client, body in zip(clients, bodies, strict=True)
    ]

    async def disable() -> None:
        await User.update({User.active: False}).where(User.id == ada.id)

    answers, _ = await asyncio.gather(asyncio.gather(*logins), disable())
    assert set(statuses(answers)) <= {200, 401}
    for client in clients:
        assert (await client.get("/me")).status_code == 401
        assert (await enter(client, key)).status_code == 401
        await client.aclose()


@pytest.mark.security(136)
async def test_login_against_removal(
    app: FastAPI, browser: httpx.AsyncClient, passkeys: Passkeys, ada: User
) -> None:
    """No session of a passkey outlives its removal, which ends all others."""
    key = SoftwareAuthenticator(ORIGIN, counts=False)
    passkey = (await add(browser, key)).json()["id"]
    clients, logins = [new_client(app) for _ in range(N)], []
    for client in clients:
        ceremony = await begin(client, "/login/passkey")
        body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
        logins.append(client.post("/auth/login/passkey", json=body))
    answers, _ = await asyncio.gather(asyncio.gather(*logins), passkeys.remove(ada, passkey))
    assert set(statuses(answers)) <= {200, 401}
    assert await Session.count() == 0
    for client in clients:
        await client.aclose()


@pytest.mark.security(136)
async def test_a_passkey_removed_between(
    browser: httpx.AsyncClient, key: SoftwareAuthenticator, passkeys: Passkeys, ada: User
) -> None:
    """After the signature was checked, and before a session is issued: none is."""
    passkey = (await add(browser, key)).json()["id"]
    ceremony = await passkeys.begin_login()
    found = await passkeys.identify(Assertion(key.get(ceremony.options), ceremony.challenge))
    await found.recheck()
    await passkeys.remove(ada, passkey)
    with pytest.raises(InvalidCredentials):
        await found.recheck()


@pytest.mark.security(137)
async def test_enrolment_against_a_new_password(
    app: FastAPI, browser: httpx.AsyncClient, passkeys: Passkeys, ada: User
) -> None:
    """A thief's passkey is there before the password changes, or never."""
    bodies = []
    for _ in range(N):
        ceremony = await begin(browser, "/passkeys")
        credential = SoftwareAuthenticator(ORIGIN).create(ceremony["options"])
        bodies.append({"challenge": ceremony["challenge"], "credential": credential})
    change = passkeys.users.set_password(ada, "another horse battery")
    posts = [browser.post("/auth/passkeys", json=body) for body in bodies]
    answers, _ = await asyncio.gather(asyncio.gather(*posts[: N // 2]), change)
    late = [(await post).status_code for post in posts[N // 2 :]]
    assert set(late) == {401}
    assert set(statuses(answers)) <= {201, 401, 422}
    assert await Passkey.count() == statuses(answers)[201] <= 1
    async with new_client(app) as client:
        for body in bodies:
            answer = await client.post("/auth/login/passkey", json=body)
            assert answer.status_code in {401, 422}


@pytest.mark.security(136)
@pytest.mark.parametrize("counts_as_mfa", [True, False])
async def test_no_second_step_after_a_removal(
    users: Users[User], totp: TOTP, ada: User, clock: FrozenClock, *, counts_as_mfa: bool
) -> None:
    """Nor a challenge, where a passkey is one factor and a code must follow."""
    passkeys = Passkeys(users, **SITE, counts_as_mfa=counts_as_mfa)
    login, key = Login(users, factors=[totp, passkeys]), SoftwareAuthenticator(ORIGIN)
    await totp.confirm(ada, totp_code((await totp.begin(ada)).uri, clock.now))
    ceremony = await passkeys.begin(ada, None)
    made = Assertion(key.create(ceremony.options), ceremony.challenge)
    row, _ = await passkeys.add(ada, made)
    ceremony = await passkeys.begin_login()
    found = await passkeys.identify(Assertion(key.get(ceremony.options), ceremony.challenge))
    await passkeys.remove(ada, row.id)

    async def go_on() -> None:
        outcome = await login.enter(found.user, found.factor, ClientInfo(), found.recheck)
        assert isinstance(outcome, Proof)
        await users.uphold(outcome)

    with pytest.raises(InvalidCredentials):
        await go_on()


@pytest.mark.security(135)
async def test_everything_and_the_end_of_the_user(
    database: Any, users: Users[User], passkeys: Passkeys
) -> None:
    """24 at once add, rename, use and remove passkeys while the user is deleted: no deadlock."""
    for _ in range(1 if isinstance(database, SQLiteEngine) else 4):
        ada = await users.create("ada", PASSWORD)
        key = SoftwareAuthenticator(ORIGIN, counts=False)
        made, signed = [], []
        ceremony = await passkeys.begin(ada, None)
        first = Assertion(key.create(ceremony.options), ceremony.challenge)
        row, _ = await passkeys.add(ada, first)
        for _ in range(6):
            ceremony = await passkeys.begin(ada, None)
            new = SoftwareAuthenticator(ORIGIN).create(ceremony.options)
            made.append(Assertion(new, ceremony.challenge))
            ceremony = await passkeys.begin_login()
            signed.append(Assertion(key.get(ceremony.options), ceremony.challenge))

        async def delete(user: User = ada) -> None:
            async with transaction(User):
                await users.lock(user.id)
                await User.delete().where(User.id == user.id)

        calls: list[Any] = [
            *(passkeys.add(ada, one) for one in made),
            *(passkeys.identify(one) for one in signed),
            *(passkeys.rename(ada, row.id, f"name {number}") for number in range(5)),
            *(passkeys.remove(ada, row.id) for _ in range(3)),
            *(passkeys.begin(ada, None) for _ in range(3)),
        ]
        calls.insert(12, delete())
        async with store():
            results = await asyncio.gather(*calls, return_exceptions=True)
        for result in results:
            assert isinstance(result, AuthError) or not isinstance(result, Exception), result
        assert await Passkey.count() == 0
