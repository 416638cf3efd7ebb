"""Responses that nobody makes: mutated, of other types, too long. Never a 500."""

import json
import random
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from copy import deepcopy
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import Passkey, Passkeys, User
from piccolo_api_fastapi.login.mfa.passkeys.relying_party import (
    RelyingParty,
    Unproved,
    challenge_of,
    encoded,
)
from piccolo_api_fastapi.testing import SoftwareAuthenticator
from tests.conftest import new_client, reaches_no_sql
from tests.test_bad_input import check_form

from .conftest import ORIGIN, add, begin, challenge

pytestmark = pytest.mark.security(131)

ODD: list[Any] = [
    None,
    0,
    -1.5,
    2**70,
    True,
    [],
    ["a"],
    {},
    {"a": None},
    "",
    "A",
    "\x00",
    "\ud800",
    "\udfff" * 3,
    "f\u00fcr \u4e2d\U0001f600",
    "=" * 4,
    "A" * 100_000,
]
"""In place of each member: null, numbers, lists, lone surrogates, texts of all lengths."""


def paths(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each member of JSON, at whatever depth."""
    yield path
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from paths(inner, (*path, name))
    elif isinstance(value, list):
        for at, inner in enumerate(value):
            yield from paths(inner, (*path, at))


def replaced(body: dict[str, Any], path: tuple[Any, ...], odd: Any) -> Any:
    """A copy of a body with another value at the end of a path."""
    if not path:
        return odd
    changed: Any = deepcopy(body)
    inner = changed
    for step in path[:-1]:
        inner = inner[step]
    inner[path[-1]] = odd
    return changed


async def post(client: httpx.AsyncClient, path: str, body: Any) -> httpx.Response:
    """Post JSON as it is, lone surrogates included."""
    content = json.dumps(body).encode()
    headers = {"Content-Type": "application/json"}
    return await client.post(f"/auth{path}", content=content, headers=headers)


async def check_members(
    client: httpx.AsyncClient, path: str, body: dict[str, Any], right: set[int]
) -> None:
    """
    Every member in turn is something else; what changes nothing that counts may pass.

    Args:
        client: Posts the bodies.
        path: The route.
        body: A body whose challenge is used up.
        right: The statuses of what is well-formed.
    """
    for at in paths(body):
        for odd in ODD:
            answer = await post(client, path, replaced(body, at, odd))
            assert answer.status_code in {400, 401, 413, 422, *right}, (at, odd, answer.text)
            if answer.status_code not in right:
                assert "A" * 200 not in answer.text
                check_form(answer)


@pytest.mark.slow
@pytest.mark.usefixtures("unlimited")
@reaches_no_sql
@pytest.mark.parametrize("path", ["/login/passkey", "/token/passkey"])
async def test_members_of_a_login(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, path: str
) -> None:
    """Whatever they are, it is a 401, a 413 or a 422."""
    await add(browser, key)
    async with new_client(app) as client:
        ceremony = await begin(client, path)
        credential = key.get(ceremony["options"])
        credential["clientExtensionResults"] = {"prf": {"results": [1]}}
        body = {"challenge": ceremony["challenge"] + "x", "credential": credential}
        await check_members(client, path, body, set())


@pytest.mark.slow
@pytest.mark.usefixtures("unlimited")
async def test_members_with_fresh_challenges(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """Behind a challenge that is valid: what is looked up, compared and stored takes anything."""
    await add(browser, key)
    async with new_client(app) as client:
        body = {
            "challenge": "",
            "credential": key.get((await begin(client, "/login/passkey"))["options"]),
        }
        for at in paths(body["credential"]):
            for odd in ODD[:-1]:
                ceremony = await begin(client, "/login/passkey")
                fresh = {
                    "challenge": ceremony["challenge"],
                    "credential": key.get(ceremony["options"]),
                }
                changed = replaced(fresh, ("credential", *at), odd)
                answer = await post(client, "/login/passkey", changed)
                assert answer.status_code in {200, 401, 422}, (at, odd, answer.text)


@pytest.mark.slow
@pytest.mark.usefixtures("unlimited")
async def test_members_of_an_enrolment(browser: httpx.AsyncClient) -> None:
    """What passes has changed nothing that counts, and is stored."""
    first = SoftwareAuthenticator(ORIGIN)
    sample = first.create((await begin(browser, "/passkeys"))["options"])
    for at in paths({"credential": sample, "name": "phone", "challenge": ""}):
        for odd in ODD:
            key = SoftwareAuthenticator(ORIGIN, algorithm="EdDSA")
            ceremony = await begin(browser, "/passkeys")
            credential = key.create(ceremony["options"])
            body = {"credential": credential, "name": "phone", "challenge": ceremony["challenge"]}
            answer = await post(browser, "/passkeys", replaced(body, at, odd))
            assert answer.status_code in {201, 413, 422}, (at, odd, answer.text)
            if answer.status_code == 201:
                await Passkey.delete(force=True)


@pytest.mark.usefixtures("unlimited")
@reaches_no_sql
async def test_members_of_the_other_routes(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator, ada: User
) -> None:
    """Second step, step-up, their options, and names."""
    passkey = (await add(browser, key)).json()["id"]
    ceremony = await begin(browser, "/reauthenticate")
    again = {"challenge": ceremony["challenge"], "credential": key.get(ceremony["options"])}
    assert (await post(browser, "/reauthenticate", again)).status_code == 204
    await check_members(browser, "/reauthenticate", {**again, "method": "passkey"}, set())
    await check_members(browser, "/reauthenticate/options", {"method": "passkey"}, {200})
    async with new_client(app) as client:
        token = (await challenge(client))["challenge"]
        body = {"challenge": token + "x", "method": "passkey"}
        await check_members(client, "/login/mfa/options", body, set())
        body = {**again, "challenge": token + "x", "method": "passkey"}
        await check_members(client, "/login/mfa", body, set())
    for odd in [*ODD, " ", "a\nb", "\u202eabc", "a\x7f", "x" * 65]:
        content = json.dumps({"name": odd}).encode()
        headers = {"Content-Type": "application/json"}
        answer = await browser.patch(f"/auth/passkeys/{passkey}", content=content, headers=headers)
        is_name = odd in ("A", "f\u00fcr \u4e2d\U0001f600", "====")
        assert answer.status_code == (200 if is_name else 413 if len(content) > 16_384 else 422)


def _flip(data: bytes, chance: random.Random) -> bytes:
    """Change, cut, repeat or insert some bytes."""
    changed = bytearray(data)
    for _ in range(chance.choice([1, 1, 2, 5])):
        at = chance.randrange(len(changed) + 1)
        kind = chance.randrange(4)
        if kind == 0 and at < len(changed):
            changed[at] ^= 1 << chance.randrange(8)
        elif kind == 1:
            del changed[at : at + chance.randrange(1, 9)]
        elif kind == 2:
            changed[at:at] = changed[at : at + chance.randrange(1, 40)]
        else:
            changed[at:at] = chance.randbytes(chance.randrange(1, 4))
    return bytes(changed)


def _mutated(credential: dict[str, Any], chance: random.Random) -> dict[str, Any]:
    """A response one of whose members has other bytes."""
    changed = deepcopy(credential)
    members = [
        (changed["response"], name)
        for name in ("clientDataJSON", "authenticatorData", "signature", "attestationObject")
        if name in changed["response"]
    ]
    members.append((changed, "rawId"))
    where, name = chance.choice(members)
    text = where[name]
    data = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    where[name] = urlsafe_b64encode(_flip(data, chance)).rstrip(b"=").decode()
    if name == "rawId":
        changed["id"] = where[name]
    return changed


PARTY = RelyingParty("testserver.example", "Movies", (ORIGIN,))


@pytest.mark.slow
@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA"])
def test_ten_thousand_mutations(algorithm: Any) -> None:
    """Each proves nothing or, if nothing that is signed was changed, the same as before."""
    chance = random.Random(20_261_127)  # noqa: S311 - to repeat it
    token = "tkt_of_the_test"
    options = {"challenge": encoded(challenge_of(token)), "rpId": PARTY.id}
    user = {"id": "AAAA", "name": "ada", "displayName": "ada"}
    key = SoftwareAuthenticator(ORIGIN, algorithm=algorithm)
    created = key.create({**options, "rp": {"id": PARTY.id}, "user": user})
    made = PARTY.verify_registration(created, token, verifies=True)
    assertion = key.get(options)
    refused = 0
    for _ in range(5_000):
        try:
            new = PARTY.verify_registration(_mutated(created, chance), token, verifies=True)
            assert new.credential_id == created["id"]
        except Unproved:
            refused += 1
        try:
            mutated = _mutated(assertion, chance)
            signed = PARTY.verify_assertion(mutated, token, made.public_key, verifies=True)
            assert signed.sign_count == 2
            same = mutated["response"]
            for name in ("clientDataJSON", "authenticatorData"):
                assert same[name] == assertion["response"][name]
        except Unproved:
            refused += 1
    assert refused > 7_000


@pytest.mark.slow
@pytest.mark.usefixtures("unlimited")
async def test_mutations_by_http(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    passkeys: Passkeys,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Through the whole application, on both databases."""
    monkeypatch.setattr(passkeys, "max_per_user", None)
    chance = random.Random(42)  # noqa: S311 - to repeat it
    await add(browser, key)
    async with new_client(app) as client:
        for _ in range(200):
            ceremony = await begin(client, "/login/passkey")
            credential = key.get(ceremony["options"])
            mutated = _mutated(credential, chance)
            body = {"challenge": ceremony["challenge"], "credential": mutated}
            answer = await client.post("/auth/login/passkey", json=body)
            assert answer.status_code in ({200} if mutated == credential else {401, 422}), mutated
            ceremony = await begin(browser, "/passkeys")
            credential = _mutated(SoftwareAuthenticator(ORIGIN).create(ceremony["options"]), chance)
            body = {"challenge": ceremony["challenge"], "credential": credential}
            answer = await browser.post("/auth/passkeys", json=body)
            assert answer.status_code in {201, 422}, credential
