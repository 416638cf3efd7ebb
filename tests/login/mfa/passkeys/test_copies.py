"""Counters: a copy of a passkey is found out, and the stored number only grows."""

import asyncio
from dataclasses import replace

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent, Passkey
from piccolo_api_fastapi.testing import SoftwareAuthenticator
from tests.conftest import new_client

from .conftest import ORIGIN, add, begin, challenge, enter, second_step


async def stored() -> int:
    """The counter of the only passkey."""
    [row] = await Passkey.select(Passkey.sign_count)
    return int(row["sign_count"])


def suspected(events: list[AuthEvent]) -> list[AuthEvent]:
    """The events about copies."""
    return [event for event in events if event.name == "authn_passkey_clone_suspected"]


@pytest.mark.security(130)
async def test_a_copy(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, events: list[AuthEvent]
) -> None:
    """It signs a number that was seen before: refused on every way, told, and nothing moves."""
    await add(browser, key)
    copy = SoftwareAuthenticator(ORIGIN, credentials=[replace(key.credentials[0])])
    async with new_client(app) as client:
        for _ in range(3):
            assert (await enter(client, key)).status_code == 200
    assert await stored() == 4
    async with new_client(app) as thief:
        answer = await enter(thief, copy)
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
        answer = await second_step(thief, copy, (await challenge(thief))["challenge"])
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code")
        assert (await enter(thief, copy, sign_count=0)).status_code == 401
        assert (await thief.get("/me")).status_code == 401
    assert (await enter(browser, copy, "/reauthenticate", sign_count=4)).status_code == 401
    assert await stored() == 4
    told = suspected(events)
    assert [event.data["name"] for event in told] == ["My phone"] * 4
    assert {event.user for event in told} != {None}
    assert (await enter(browser, key, "/reauthenticate")).status_code == 204


@pytest.mark.security(130)
async def test_one_that_does_not_count(
    app: FastAPI, browser: httpx.AsyncClient, events: list[AuthEvent]
) -> None:
    """Zero after zero is right for ever; once it has counted, zero is behind."""
    key = SoftwareAuthenticator(ORIGIN, counts=False)
    await add(browser, key)
    async with new_client(app) as client:
        for _ in range(2):
            assert (await enter(client, key)).status_code == 200
        assert await stored() == 0
        assert (await enter(client, key, sign_count=2**32 - 1)).status_code == 200
        assert (await enter(client, key)).status_code == 401
    assert await stored() == 2**32 - 1
    assert len(suspected(events)) == 1


@pytest.mark.security(130)
@pytest.mark.usefixtures("unlimited")
async def test_many_at_once(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, events: list[AuthEvent]
) -> None:
    """24 signatures at once move the counter only forward, to the highest."""
    await add(browser, key)
    async with new_client(app) as client:
        bodies = []
        for _ in range(24):
            ceremony = await begin(client, "/login/passkey")
            credential = key.get(ceremony["options"])
            bodies.append({"challenge": ceremony["challenge"], "credential": credential})
        seen: list[int] = []

        async def watch() -> None:
            while len(seen) < 2 or seen[-1] != 25:
                seen.append(await stored())

        watching = asyncio.create_task(watch())
        posts = [client.post("/auth/login/passkey", json=body) for body in reversed(bodies)]
        statuses = [answer.status_code for answer in await asyncio.gather(*posts)]
        await asyncio.wait_for(watching, 30)
    assert set(statuses) <= {200, 401}
    assert len(suspected(events)) == statuses.count(401)
    assert statuses.count(200) >= 1
    assert sorted(seen) == seen
    assert await stored() == 25
