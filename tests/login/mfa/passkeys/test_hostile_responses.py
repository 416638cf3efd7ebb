"""Responses that a browser of this site never sends: refused with one answer, nothing written."""

from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent, Passkey, Passkeys, Session, User
from piccolo_api_fastapi.errors import PasskeyRefused
from piccolo_api_fastapi.login.mfa.second_factor import Assertion
from piccolo_api_fastapi.testing import SoftwareAuthenticator
from tests.conftest import log_in, new_client

from .conftest import ORIGIN, add, begin, challenge, enter, second_step

CLIENT: list[dict[str, Any]] = [
    {"type": "webauthn.other"},
    {"type": "payment.get"},
    {"challenge": "A" * 43},
    {"challenge": ""},
    {"origin": "https://other.example"},
    {"origin": "https://testserver.example.evil.test"},
    {"origin": "https://sub.testserver.example"},
    {"origin": "https://testserver.example:8443"},
    {"origin": "https://testserver.example/"},
    {"origin": "http://testserver.example"},
    {"origin": None},
    {"client_data": b"{}"},
    {"client_data": b"[]"},
    {"client_data": b"\xff"},
    {"rp_id": "evil.test"},
    {"rp_id": "sub.testserver.example"},
    {"flags": 0x04},
]
"""What is wrong with either kind of response: type, challenge, origin, RP ID, presence."""

FRAMES: list[dict[str, Any]] = [
    {"cross_origin": True},
    {"cross_origin": 1},
    {"cross_origin": "false"},
    {"top_origin": "https://evil.test"},
    {"top_origin": ORIGIN},
    {"cross_origin": True, "top_origin": ORIGIN},
]
"""Pages in frames, which the library would let in."""

REGISTRATIONS: list[dict[str, Any]] = [
    *CLIENT[:-1],
    {"type": "webauthn.get"},
    {"flags": 0x44},
    {"flags": 0x41},
    {"algorithm_id": -36},
    {"algorithm_id": -65535},
    {"attestation_format": "packed"},
    {"attestation_format": "unheard-of"},
    {"attestation_statement": {"alg": -7, "sig": b"forged"}},
]

ASSERTIONS: list[dict[str, Any]] = [
    *CLIENT,
    {"type": "webauthn.create"},
    {"signature": b"forged"},
    {"signature": b""},
]

STRUCTURE: list[dict[str, Any]] = [
    {"credential_id": b""},
    {"credential_id": b"i" * 1024},
    {"extra": b"\x00"},
    {"is_backed_up": True},
]
"""Ids that are too long or empty, leftover bytes, synced without being able to."""


def _names(changes: dict[str, Any]) -> str:
    return " ".join(f"{name}={str(value)[:24]}" for name, value in changes.items())


def _made(key: SoftwareAuthenticator, options: Any, changes: dict[str, Any]) -> dict[str, Any]:
    """What a browser makes; some changes are settings of the authenticator."""
    values = dict(changes)
    own = {name: values.pop(name) for name in ("algorithm", "is_backed_up") if name in values}
    return SoftwareAuthenticator(ORIGIN, **own).create(options, **values)


def _signed(key: SoftwareAuthenticator, options: Any, changes: dict[str, Any]) -> dict[str, Any]:
    values = dict(changes)
    before, key.is_backed_up = key.is_backed_up, values.pop("is_backed_up", False)
    try:
        return key.get(options, **values)
    finally:
        key.is_backed_up = before


async def _sessions() -> int:
    return int(await Session.count())


@pytest.mark.security(121)
@pytest.mark.security(122)
@pytest.mark.security(129)
@pytest.mark.parametrize("changes", [*REGISTRATIONS, *FRAMES, *STRUCTURE], ids=_names)
async def test_registrations(
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    events: list[AuthEvent],
    changes: dict[str, Any],
) -> None:
    """A 422 that says no more, and no passkey; the challenge is used up all the same."""
    ceremony = await begin(browser, "/passkeys")
    body = {
        "challenge": ceremony["challenge"],
        "credential": _made(key, ceremony["options"], changes),
    }
    answer = await browser.post("/auth/passkeys", json=body)
    assert answer.status_code == 422, answer.text
    if answer.json()["code"] != "passkey_refused":  # the empty id is no id to begin with
        assert changes["credential_id"] in {b"", b"i" * 1024}
        return
    assert await Passkey.count() == 0
    assert not [event for event in events if "passkey" in event.name]
    body["credential"] = key.create(ceremony["options"])
    assert (await browser.post("/auth/passkeys", json=body)).status_code == 422
    assert (await add(browser, key)).status_code == 201


@pytest.mark.security(121)
@pytest.mark.security(122)
@pytest.mark.security(129)
@pytest.mark.usefixtures("unlimited")
async def test_assertions(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """Each gets the 401 of a wrong password: the same bytes and headers, and no session."""
    await add(browser, key)
    [before] = await Passkey.select()
    sessions = await _sessions()
    async with new_client(app) as client:
        wrong = await log_in(client, "nobody", "wrong password")
        for changes in [*ASSERTIONS, *FRAMES, *STRUCTURE[2:], {"credential_id": b"x" * 32}]:
            ceremony = await begin(client, "/login/passkey")
            credential = _signed(key, ceremony["options"], changes)
            body = {"challenge": ceremony["challenge"], "credential": credential}
            if changes.get("signature") == b"":
                credential["response"]["signature"] = "AA"
            answer = await client.post("/auth/login/passkey", json=body)
            assert (answer.status_code, answer.content) == (401, wrong.content), changes
            assert answer.headers == wrong.headers
    assert await Passkey.select() == [before]
    assert await _sessions() == sessions


@pytest.mark.slow
@pytest.mark.security(121)
@pytest.mark.security(122)
@pytest.mark.usefixtures("unlimited")
async def test_second_factors(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """After a password it is the 401 of a wrong code, and so it is for a step-up."""
    await add(browser, key)
    [before] = await Passkey.select()
    async with new_client(app) as client:
        for changes in [*ASSERTIONS[:-1], *FRAMES]:
            step = await challenge(client)
            answer = await second_step(client, key, step["challenge"], **changes)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code"), changes
            answer = await enter(browser, key, "/reauthenticate", **changes)
            assert (answer.status_code, answer.json()["code"]) == (401, "invalid_code"), changes
        assert (await client.get("/me")).status_code == 401
    assert await Passkey.select() == [before]


@pytest.mark.security(121)
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
async def test_every_algorithm_that_is_offered(
    app: FastAPI, browser: httpx.AsyncClient, algorithm: Any
) -> None:
    """The three of the options, and no other."""
    ceremony = await begin(browser, "/passkeys")
    offered = [one["alg"] for one in ceremony["options"]["pubKeyCredParams"]]
    assert offered == [-8, -7, -257]
    key = SoftwareAuthenticator(ORIGIN, algorithm=algorithm)
    assert (await add(browser, key)).status_code == 201
    async with new_client(app) as client:
        assert (await enter(client, key)).status_code == 200


@pytest.mark.security(129)
async def test_longest_id(app: FastAPI, browser: httpx.AsyncClient) -> None:
    """1,023 bytes are an id; an id that is not the one that was signed for is none."""
    key = SoftwareAuthenticator(ORIGIN)
    assert (await add(browser, key, credential_id=b"i" * 1023)).status_code == 201
    async with new_client(app) as client:
        assert (await enter(client, key)).status_code == 200
    other = SoftwareAuthenticator(ORIGIN)
    ceremony = await begin(browser, "/passkeys")
    credential = other.create(ceremony["options"])
    credential["id"] = credential["rawId"] = "AAAA"
    body = {"challenge": ceremony["challenge"], "credential": credential}
    assert (await browser.post("/auth/passkeys", json=body)).status_code == 422
    assert await Passkey.count() == 1


@pytest.mark.security(129)
async def test_backups(app: FastAPI, browser: httpx.AsyncClient) -> None:
    """Whether it can be synced never changes; whether it is synced is stored with each use."""
    key = SoftwareAuthenticator(ORIGIN, is_backup_eligible=True, counts=False)
    assert (await add(browser, key)).json()["synced"] is False
    async with new_client(app) as client:
        for flags in (0x05, 0x15):  # not eligible; neither, but synced
            assert (await enter(client, key, flags=flags)).status_code == 401
        for is_synced in (True, False):
            key.is_backed_up = is_synced
            assert (await enter(client, key)).status_code == 200
            [row] = (await client.get("/auth/passkeys")).json()
            assert row["synced"] is is_synced


async def test_what_a_newer_browser_says(browser: httpx.AsyncClient) -> None:
    """Values of the attachment and transports that nobody knows yet count as missing."""
    key = SoftwareAuthenticator(ORIGIN)
    ceremony = await begin(browser, "/passkeys")
    credential = key.create(ceremony["options"])
    credential["authenticatorAttachment"] = "implant"
    credential["response"]["transports"] = ["internal", "tele-pathy", "<b>", "A", "x" * 17]
    credential["clientExtensionResults"] = {"credProps": {"rk": "maybe"}, "prf": {}}
    body = {"challenge": ceremony["challenge"], "credential": credential}
    answer = await browser.post("/auth/passkeys", json=body)
    assert answer.status_code == 201, answer.text
    assert answer.json()["transports"] == ["internal", "tele-pathy"]
    [row] = await Passkey.select(Passkey.is_discoverable)
    assert row["is_discoverable"] is None


@pytest.mark.security(129)
@pytest.mark.parametrize("length", [0, 1024])
async def test_ids_without_the_routes(passkeys: Passkeys, ada: User, length: int) -> None:
    """Applications that call the object itself are as safe as the routes, which cap the text."""
    ceremony = await passkeys.begin(ada, None)
    made = SoftwareAuthenticator(ORIGIN).create(ceremony.options, credential_id=b"i" * length)
    with pytest.raises(PasskeyRefused):
        await passkeys.add(ada, Assertion(made, ceremony.challenge))
    assert await Passkey.count() == 0
