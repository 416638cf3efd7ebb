"""Who adds, lists, renames and removes passkeys, and what becomes of everything else."""

import asyncio
import itertools
from contextlib import suppress
from datetime import timedelta
from typing import Any
from uuid import uuid4

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AuthEvent,
    Passkey,
    Passkeys,
    TokenAuth,
    User,
    Users,
)
from piccolo_api_fastapi.errors import PasskeyLimitReached, PasskeyRefused
from piccolo_api_fastapi.login.mfa.second_factor import Assertion
from piccolo_api_fastapi.testing import (
    FrozenClock,
    SoftwareAuthenticator,
    race,
)
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client

from .conftest import ORIGIN, add, begin, challenge, enter


async def changes(client: httpx.AsyncClient, passkey: str) -> list[httpx.Response]:
    """What is answered to each change."""
    empty = {"challenge": "tkt_none", "credential": SoftwareAuthenticator(ORIGIN).create(FIRST)}
    return [
        await client.post("/auth/passkeys/options"),
        await client.post("/auth/passkeys", json=empty),
        await client.patch(f"/auth/passkeys/{passkey}", json={"name": "mine"}),
        await client.delete(f"/auth/passkeys/{passkey}"),
    ]


FIRST = {
    "challenge": "AAAA",
    "rp": {"id": "testserver.example"},
    "user": {"id": "AAAA", "name": "ada", "displayName": "ada"},
}


@pytest.mark.security(134)
async def test_a_fresh_factor(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """Each change needs the second factor, within five minutes; a password will not do."""
    passkey = (await add(browser, key)).json()["id"]
    clock.advance(timedelta(minutes=5))
    for _ in range(2):
        for answer in await changes(browser, passkey):
            assert answer.status_code == 401
            assert answer.json()["code"] == "insufficient_user_authentication"
            assert 'acr_values="mfa"' in answer.headers["WWW-Authenticate"]
        again = await browser.post("/auth/reauthenticate", json={"password": PASSWORD})
        assert again.status_code == 204
    assert (await browser.get("/auth/passkeys")).status_code == 200
    assert (await enter(browser, key, "/reauthenticate")).status_code == 204
    assert [answer.status_code for answer in await changes(browser, passkey)] == [
        200,
        422,
        200,
        204,
    ]
    assert await Passkey.count() == 0


@pytest.mark.security(134)
async def test_the_first_one(browser: httpx.AsyncClient, clock: FrozenClock) -> None:
    """It needs the password, presented within five minutes."""
    clock.advance(timedelta(minutes=5))
    for answer in await changes(browser, str(uuid4())):
        assert answer.status_code == 401
        assert answer.json()["code"] == "insufficient_user_authentication"
    await browser.post("/auth/reauthenticate", json={"password": PASSWORD})
    assert (await add(browser, SoftwareAuthenticator(ORIGIN))).status_code == 201


@pytest.mark.security(134)
async def test_apps(app: FastAPI, ada: User, clock: FrozenClock) -> None:
    """An app presents a factor for the change itself: the log-in before will not do."""
    key = SoftwareAuthenticator(ORIGIN)
    async with new_client(app) as client:
        client.headers.update(bearer((await get_tokens(client))["access_token"]))
        for answer in await changes(client, str(uuid4())):
            assert answer.status_code == 401
        again = await client.post("/auth/reauthenticate", json={"password": PASSWORD})
        assert again.status_code == 204
        added = await add(client, key)
        assert added.status_code == 201, added.text
        passkey = added.json()["id"]
        assert (await client.get("/me")).json() == "ada"
        again = await client.post("/auth/reauthenticate", json={"password": PASSWORD})
        assert (await client.delete(f"/auth/passkeys/{passkey}")).status_code == 401
        assert (await enter(client, key, "/reauthenticate")).status_code == 204
        assert (await client.delete(f"/auth/passkeys/{passkey}")).status_code == 204


async def test_many_changes_of_an_app(app: FastAPI, passkeys: Passkeys, ada: User) -> None:
    """A factor that was presented for a change is good for one of 24 at once."""
    keys = [SoftwareAuthenticator(ORIGIN) for _ in range(4)]
    for key in keys:
        begun = await passkeys.begin(ada, None)
        await passkeys.add(ada, Assertion(key.create(begun.options), begun.challenge))
    others = itertools.cycle([row["id"] for row in await Passkey.select(Passkey.id)][1:])
    async with new_client(app) as client:
        tokens = (await enter(client, keys[0], "/token/passkey")).json()
        client.headers.update(bearer(tokens["access_token"]))
        assert (await enter(client, keys[0], "/reauthenticate")).status_code == 204
        answers: list[Any] = await race(lambda: client.delete(f"/auth/passkeys/{next(others)}"))
    assert sum(answer.status_code == 204 for answer in answers) == 1
    assert await Passkey.count() == 3


@pytest.mark.security(134)
async def test_machines(
    app: FastAPI, users: Users[User], ada: User, key: SoftwareAuthenticator
) -> None:
    """An API token, whatever its scopes, reads and changes no passkeys; nor does nobody."""
    tokens = TokenAuth(users)
    secret = (await tokens.create(ada, "report", scopes=["account"])).secret
    async with new_client(app) as machine:
        for answer in await changes(machine, str(uuid4())):
            assert answer.status_code == 401
        machine.headers.update(bearer(secret))
        for answer in [*await changes(machine, str(uuid4())), await machine.get("/auth/passkeys")]:
            assert answer.status_code == 403
            assert answer.json()["code"] == "credential_not_allowed"


async def test_list_and_rename(
    app: FastAPI,
    browser: httpx.AsyncClient,
    clock: FrozenClock,
    events: list[AuthEvent],
    grace: User,
) -> None:
    """The oldest first; a name has its spaces taken off, and another's passkey is not found."""
    first = (await add(browser, SoftwareAuthenticator(ORIGIN), "Phone")).json()
    clock.advance(timedelta(minutes=1))
    second = (await add(browser, SoftwareAuthenticator(ORIGIN, is_backup_eligible=True))).json()
    assert len(first.pop("recovery_codes")) == 10
    assert second.pop("recovery_codes") == []
    assert (await browser.get("/auth/passkeys")).json() == [first, second]
    url = f"/auth/passkeys/{first['id']}"
    answer = await browser.patch(url, json={"name": "  Old phone "})
    assert answer.json() == first | {"name": "Old phone"}
    assert [event.data["name"] for event in events if event.name == "authn_passkey_renamed"] == [
        "Old phone"
    ]
    async with new_client(app) as other:
        await log_in(other, "grace")
        assert (await other.get("/auth/passkeys")).json() == []
        for answer in (await other.patch(url, json={"name": "x"}), await other.delete(url)):
            assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert (await browser.delete(f"/auth/passkeys/{uuid4()}")).status_code == 404
    assert (await browser.delete("/auth/passkeys/1")).status_code == 422
    assert await Passkey.count() == 2


async def test_without_a_name(browser: httpx.AsyncClient, key: SoftwareAuthenticator) -> None:
    """It is called a passkey."""
    ceremony = await begin(browser, "/passkeys")
    body = {"challenge": ceremony["challenge"], "credential": key.create(ceremony["options"])}
    assert (await browser.post("/auth/passkeys", json=body)).json()["name"] == "Passkey"


async def test_codes_are_none(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """A passkey is never typed: a code for it is wrong, and has no options for another factor."""
    await add(browser, key)
    body = {"code": "123456", "method": "passkey"}
    answer = await browser.post("/auth/reauthenticate", json=body)
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
    for method in ("recovery_code", "totp", "none"):
        answer = await browser.post("/auth/reauthenticate/options", json={"method": method})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
    async with new_client(app) as client:
        token = (await challenge(client))["challenge"]
        body = {"challenge": token, "code": "123456", "method": "passkey"}
        answer = await client.post("/auth/login/mfa", json=body)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")


async def test_no_more_than_some(
    browser: httpx.AsyncClient, passkeys: Passkeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user has at most `max_per_user` passkeys: another is refused before it is made."""
    monkeypatch.setattr(passkeys, "max_per_user", 2)
    first, last = [await add(browser, SoftwareAuthenticator(ORIGIN)) for _ in range(2)]
    assert first.status_code == last.status_code == 201
    refused = await browser.post("/auth/passkeys/options")
    assert (refused.status_code, refused.json()["code"]) == (409, "passkey_limit_reached")
    assert (await browser.delete(f"/auth/passkeys/{last.json()['id']}")).status_code == 204
    assert (await add(browser, SoftwareAuthenticator(ORIGIN))).status_code == 201
    monkeypatch.setattr(passkeys, "max_per_user", None)
    assert (await add(browser, SoftwareAuthenticator(ORIGIN))).status_code == 201


async def test_the_last_slot(
    browser: httpx.AsyncClient, passkeys: Passkeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that was begun while there was room, and finished when there is none, is refused."""
    assert (await add(browser, SoftwareAuthenticator(ORIGIN))).status_code == 201
    ceremony = await begin(browser, "/passkeys")
    monkeypatch.setattr(passkeys, "max_per_user", 1)
    credential = SoftwareAuthenticator(ORIGIN).create(ceremony["options"])
    body = {"challenge": ceremony["challenge"], "credential": credential}
    refused = await browser.post("/auth/passkeys", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "passkey_limit_reached")
    assert await Passkey.count() == 1


async def test_many_enrolments_at_once(
    app: FastAPI, users: Users[User], ada: User, monkeypatch: pytest.MonkeyPatch, passkeys: Passkeys
) -> None:
    """Of 24 that are begun and finished at once, no more are stored than there may be."""
    monkeypatch.setattr(passkeys, "max_per_user", 3)

    async def enrol() -> None:
        for _ in range(4):  # each that is stored ends the challenges of the others
            key = SoftwareAuthenticator(ORIGIN)
            with suppress(PasskeyRefused, PasskeyLimitReached):
                begun = await passkeys.begin(ada, None)
                made = Assertion(key.create(begun.options), begun.challenge)
                await passkeys.add(ada, made)

    await asyncio.gather(*(enrol() for _ in range(24)))
    assert await Passkey.count() == 3
