"""What is written elsewhere: logs, events, `repr`, errors. No challenge and no credential."""

import logging
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent, Passkey, Passkeys, User
from piccolo_api_fastapi.login.mfa.passkeys.schemas import CreationOut, PasskeyIn, PasskeyLoginIn
from piccolo_api_fastapi.login.mfa.second_factor import Assertion
from piccolo_api_fastapi.login.schemas import CeremonyOut, CredentialIn, OptionsOut
from piccolo_api_fastapi.testing import SoftwareAuthenticator
from tests.conftest import new_client

from .conftest import ORIGIN, add, begin, challenge, enter, second_step

pytestmark = pytest.mark.security(139)


HANDLE = "userHandle"
"""It is stored, and no secret."""


def secrets_of(ceremony: dict[str, Any], credential: dict[str, Any]) -> set[str]:
    """What nobody else may read."""
    response = credential["response"]
    return {
        ceremony["challenge"],
        ceremony["options"]["challenge"],
        *(text for name, text in response.items() if isinstance(text, str) and name != HANDLE),
    }


async def test_logs_and_events(
    app: FastAPI,
    browser: httpx.AsyncClient,
    key: SoftwareAuthenticator,
    events: list[AuthEvent],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Whether it is right or wrong, of each ceremony."""
    caplog.set_level(logging.DEBUG)
    secrets: set[str] = set()
    await add(browser, key)
    async with new_client(app) as client:
        for changes in (
            {},
            {"origin": "https://evil.test"},
            {"sign_count": 1},
            {"signature": b"x"},
        ):
            for way, asking in (("/login/passkey", client), ("/reauthenticate", browser)):
                ceremony = await begin(asking, way)
                credential = key.get(ceremony["options"], **changes)
                secrets |= secrets_of(ceremony, credential)
                body = {"challenge": ceremony["challenge"], "credential": credential}
                answer = await asking.post(f"/auth{way}", json=body)
                if answer.status_code >= 400:
                    assert not [one for one in secrets if one in answer.text]
            token = (await challenge(client))["challenge"]
            await second_step(client, key, token, **changes)
            secrets.add(token)
        for changes in ({"origin": "https://evil.test"}, {}):
            ceremony = await begin(browser, "/passkeys")
            credential = SoftwareAuthenticator(ORIGIN).create(ceremony["options"], **changes)
            secrets |= secrets_of(ceremony, credential)
            body = {"challenge": ceremony["challenge"], "credential": credential}
            answer = await browser.post("/auth/passkeys", json=body)
            body = {**body, "name": ""}
            wrong = await browser.post("/auth/passkeys", json=body)
            assert wrong.status_code == 422
            assert not [one for one in secrets if one in wrong.text]
    written = caplog.text + repr(events) + "".join(str(event.data) for event in events)
    own = {secret for secret in secrets if len(secret) > 8}
    assert len(own) > 30
    assert not [secret for secret in own if secret in written]
    assert {"authn_passkey_added", "authn_passkey_clone_suspected"} <= {one.name for one in events}


async def test_repr(passkeys: Passkeys, ada: User, key: SoftwareAuthenticator) -> None:
    """Of everything that carries one, in tracebacks and debuggers."""
    ceremony = await passkeys.begin(ada, None)
    made = key.create(ceremony.options)
    registration = {"challenge": ceremony.challenge, "credential": made}
    checked = await passkeys.check(ada, Assertion(made, ceremony.challenge))
    row, _ = await passkeys.enrol(ada, checked)
    signing = await passkeys.begin_login()
    signed = key.get(signing.options)
    assertion = {"challenge": signing.challenge, "credential": signed}
    bodies: list[Any] = [
        ceremony,
        signing,
        checked,
        row,
        Assertion(signed, signing.challenge),
        PasskeyIn.model_validate(registration),
        PasskeyIn.model_validate(registration).presented,
        PasskeyLoginIn.model_validate(assertion),
        CredentialIn.model_validate(assertion),
        CreationOut.of(ceremony),
        OptionsOut(options=signing.options),
        CeremonyOut(
            challenge=signing.challenge, options=signing.options, expires_in=signing.expires_in
        ),
        passkeys,
        passkeys.party,
        await Passkey.objects().first(),
    ]
    shown = "\n".join([*map(repr, bodies), *map(str, bodies)])
    for begun, credential in ((ceremony, made), (signing, signed)):
        parts = {"challenge": begun.challenge, "options": dict(begun.options)}
        for secret in secrets_of(parts, credential):
            assert secret not in shown


async def test_errors_of_a_response_that_is_malformed(
    app: FastAPI, browser: httpx.AsyncClient, key: SoftwareAuthenticator
) -> None:
    """A 422 says where, and repeats nothing."""
    await add(browser, key)
    async with new_client(app) as client:
        ceremony = await begin(client, "/login/passkey")
        credential = key.get(ceremony["options"])
        credential["type"] = "c4n4ry-type"
        credential["response"]["signature"] = ["c4n4ry-signature"]
        body = {"challenge": ceremony["challenge"], "credential": credential, "c4n4ry": 1}
        answer = await client.post("/auth/login/passkey", json=body)
        assert answer.status_code == 422
        assert "c4n4ry-" not in answer.text
        assert not [one for one in secrets_of(ceremony, credential) if one in answer.text]
        assert (await enter(client, key)).status_code == 200
