"""Challenges: each is for one ceremony, channel, user and session, once, for five minutes."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent, Passkey, Passkeys, Session, Ticket, User, Users
from piccolo_api_fastapi.login.limits import CHALLENGES
from piccolo_api_fastapi.login.mfa.passkeys.relying_party import challenge_of
from piccolo_api_fastapi.testing import FrozenClock, SoftwareAuthenticator
from tests.conftest import PASSWORD, get_tokens, log_in, new_client, reaches_no_sql

from .conftest import ORIGIN, add, begin, challenge, enter, second_step

WAYS = ["/login/passkey", "/token/passkey", "/reauthenticate", "/passkeys", "/login/mfa"]
"""The routes that take a challenge of their own."""


async def options_of(
    way: str, browser: httpx.AsyncClient, client: httpx.AsyncClient
) -> tuple[str, dict[str, Any]]:
    """A challenge of one of the ways, and its options."""
    if way == "/login/mfa":
        token = (await challenge(client))["challenge"]
        body = {"challenge": token, "method": "passkey"}
        answer = await client.post("/auth/login/mfa/options", json=body)
        return token, answer.json()["options"]
    signed_in = way in {"/reauthenticate", "/passkeys"}
    ceremony = await begin(browser if signed_in else client, way)
    return ceremony["challenge"], ceremony["options"]


@pytest.mark.security(123)
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("way", WAYS)
async def test_another_ceremony(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, way: str
) -> None:
    """None passes where it was not made for; cookies and tokens are apart."""
    await add(browser, key)
    async with new_client(app) as client:
        for other in set(WAYS) - {way}:
            token, options = await options_of(way, browser, client)
            signs = way != "/passkeys"
            request = options if signs else {"challenge": options["challenge"], "rpId": None}
            if other == "/passkeys":
                user = {"id": "AAAA", "name": "ada", "displayName": "ada"}
                creation = {"challenge": options["challenge"], "rp": {}, "user": user}
                credential = SoftwareAuthenticator(ORIGIN).create(creation)
            else:
                credential = key.get(request)
            body = {"challenge": token, "credential": credential}
            to = browser if other in {"/reauthenticate", "/passkeys"} else client
            answer = await to.post(f"/auth{other}", json=body)
            assert answer.status_code in {400, 401, 422}, (way, other)
            assert "token" not in answer.json()
        assert (await client.get("/me")).status_code == 401
    assert await Passkey.count() == 1


@pytest.mark.security(123)
async def test_used_twice(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    events: list[AuthEvent],
) -> None:
    """The second time it is refused, even if the first time was; and it is no sign of a copy."""
    ceremony = await begin(browser, "/passkeys")
    body = {"challenge": ceremony["challenge"], "credential": key.create(ceremony["options"])}
    assert (await browser.post("/auth/passkeys", json=body)).status_code == 201
    assert (await browser.post("/auth/passkeys", json=body)).status_code == 422
    async with new_client(app) as client:
        for way in WAYS[:2]:
            ceremony = await begin(client, way)
            body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
            assert (await client.post(f"/auth{way}", json=body)).status_code == 200
            assert (await client.post(f"/auth{way}", json=body)).status_code in {400, 401}
            ceremony = await begin(client, way)
            refused = key.get(ceremony["options"], origin="https://evil.test")
            body = {"challenge": ceremony["challenge"], "credential": refused}
            assert (await client.post(f"/auth{way}", json=body)).status_code in {400, 401}
            body["credential"] = key.get(ceremony["options"])
            assert (await client.post(f"/auth{way}", json=body)).status_code in {400, 401}
        step = await challenge(client)
        token, client_key = step["challenge"], {"challenge": step["challenge"], "method": "passkey"}
        options = (await client.post("/auth/login/mfa/options", json=client_key)).json()["options"]
        body = {"challenge": token, "credential": key.get(options)}
        assert (await client.post("/auth/login/mfa", json=body)).status_code == 200
        assert (await client.post("/auth/login/mfa", json=body)).status_code == 401
    assert "authn_passkey_clone_suspected" not in {event.name for event in events}


@pytest.mark.security(123)
async def test_after_five_minutes(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, clock: FrozenClock
) -> None:
    """At 299 seconds it is valid, at 300 it is not."""
    await add(browser, key)
    async with new_client(app) as client:
        for seconds, status in ((299, 200), (300, 401)):
            ceremony = await begin(client, "/login/passkey")
            assert ceremony["expires_in"] == 300
            assert ceremony["options"]["timeout"] == 300_000
            clock.advance(timedelta(seconds=seconds))
            body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
            answer = await client.post("/auth/login/passkey", json=body)
            assert answer.status_code == status
    assert (await enter(browser, key, "/reauthenticate")).status_code == 204
    for way, body in (("/reauthenticate", {}), ("/passkeys", {})):
        ceremony = await begin(browser, way, **body)
        made = key.get if way == "/reauthenticate" else SoftwareAuthenticator(ORIGIN).create
        clock.advance(timedelta(seconds=300))
        if way == "/passkeys":
            assert (await enter(browser, key, "/reauthenticate")).status_code == 204
        late = {"challenge": ceremony["challenge"], "credential": made(ceremony["options"])}
        answer = await browser.post(f"/auth{way}", json=late)
        assert answer.status_code in {401, 422}
        assert (await enter(browser, key, "/reauthenticate")).status_code == 204
    assert await Passkey.count() == 1


@pytest.mark.security(123)
async def test_another_user_or_session(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, grace: User
) -> None:
    """Those of who is signed in are for that session, not for another one or for an app."""
    await add(browser, key)
    own = SoftwareAuthenticator(ORIGIN)
    async with new_client(app) as other, new_client(app) as second:
        await log_in(other, "grace")
        await second_step(second, key, (await challenge(second))["challenge"])
        for thief in (other, second):
            ceremony = await begin(browser, "/passkeys")
            made = SoftwareAuthenticator(ORIGIN).create(ceremony["options"])
            body = {"challenge": ceremony["challenge"], "credential": made}
            assert (await thief.post("/auth/passkeys", json=body)).status_code == 422
            ceremony = await begin(browser, "/reauthenticate")
            body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
            answer = await thief.post("/auth/reauthenticate", json=body)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
        assert (await add(other, own)).status_code == 201
    assert await Passkey.count() == 2


@pytest.mark.security(124)
async def test_headers_decide_nothing(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """Whatever a request says of where it came from, the origins of the configuration count."""
    await add(browser, key)
    evil = "https://evil.test"
    headers = {
        "Origin": evil,
        "Host": "evil.test",
        "X-Forwarded-Host": "evil.test",
        "X-Forwarded-Proto": "https",
        "Forwarded": "host=evil.test;proto=https",
        "Referer": f"{evil}/",
    }
    async with new_client(app) as client:
        for way in WAYS[:2]:
            for sent in (*({name: value} for name, value in headers.items()), headers):
                asked = await client.post(f"/auth{way}/options", json={}, headers=sent)
                if asked.status_code == 200:  # not refused as sent by another site
                    assert asked.json()["options"]["rpId"] == "testserver.example"
                ceremony = await begin(client, way)
                credential = key.get(ceremony["options"], origin=evil)
                body = {"challenge": ceremony["challenge"], "credential": credential}
                answer = await client.post(f"/auth{way}", json=body, headers=sent)
                assert answer.status_code in {400, 401, 403}
    assert await Session.count() == 1


@pytest.mark.security(132)
async def test_options_name_nobody(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """They differ in the challenge alone, and nothing that is sent along changes them."""
    await add(browser, key)
    seen = []
    async with new_client(app) as client:
        for asking in (client, browser):
            for sent in ({}, {"username": "ada"}, {"username": "nobody"}, {"email": "a@b.c"}):
                answer = await asking.post("/auth/login/passkey/options", json=sent)
                assert answer.status_code == 200
                options = answer.json()["options"]
                assert len(options.pop("challenge")) == 43
                assert not options.get("allowCredentials")
                assert options["userVerification"] == "required"
                seen.append(options)
        assert all(options == seen[0] for options in seen)
        ceremony = await begin(client, "/login/passkey")
        body = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
        answer = await client.post("/auth/login/passkey", json={**body, "username": "ada"})
        assert answer.status_code == 422
        step = await challenge(client)
        answer = await client.post(
            "/auth/login/mfa/options", json={"challenge": step["challenge"], "method": "passkey"}
        )
        [known] = answer.json()["options"]["allowCredentials"]
        assert known["transports"] == ["internal"]


@pytest.mark.security(139)
async def test_a_dump_completes_nothing(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, passkeys: Passkeys
) -> None:
    """No stored value is a challenge, in either form, or can be presented as one."""
    await add(browser, key)
    async with new_client(app) as client:
        ceremony = await begin(client, "/login/passkey")
        token, options = ceremony["challenge"], ceremony["options"]
        rows: list[dict[str, Any]] = []
        for table in (Ticket, Passkey, Session, passkeys._owners):
            rows += await table.select()
        dump = [str(value) for row in rows for value in row.values()]
        text = "\n".join(dump)
        assert token not in text
        assert options["challenge"] not in text
        assert challenge_of(token).hex() not in text
        credential = key.get(options)
        for stored in dump:
            body = {"challenge": stored, "credential": credential}
            answer = await client.post("/auth/login/passkey", json=body)
            assert answer.status_code in {401, 429}
        assert (await client.get("/me")).status_code == 401


@reaches_no_sql
async def test_the_handle(users: Users[User], passkeys: Passkeys) -> None:
    """It is random, the same for all passkeys of a user, and says nothing of them."""
    ada = await users.create("ada", PASSWORD, email="ada@example.com")
    bob = await users.create("bob", PASSWORD)
    handles = [(await passkeys.begin(user, 1)).options["user"]["id"] for user in (ada, ada, bob)]
    assert handles[0] == handles[1] != handles[2]
    assert {len(handle) for handle in handles} == {43}
    shown = (await passkeys.begin(bob, 1)).options["user"]
    assert (shown["name"], shown["displayName"]) == ("bob", "bob")


@pytest.mark.parametrize("way", ["/reauthenticate", "/passkeys"])
async def test_too_many(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, way: str
) -> None:
    """A session gets 20 challenges in five minutes, and those of another do not count for it."""
    await add(browser, key)
    [session] = await Session.objects()
    await CHALLENGES.hit(f"credential {session.id}", cost=18)
    await begin(browser, way)
    count = await Ticket.count()
    answer = await browser.post(f"/auth{way}/options", json={})
    assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
    assert int(answer.headers["retry-after"]) <= 300
    assert await Ticket.count() == count
    async with new_client(app) as client:
        await enter(client, key)
        await begin(client, way)


async def test_apps_are_apart(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, ada: User
) -> None:
    """The challenge of a step-up of an app is not for the browser."""
    async with new_client(app) as phone:
        tokens = await get_tokens(phone)
        phone.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        phone.cookies.clear()
        answer = await phone.post("/auth/reauthenticate/options", json={})
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
        assert (await phone.post("/auth/passkeys/options", json={})).status_code == 401
