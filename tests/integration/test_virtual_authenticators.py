"""Chromium's virtual authenticator, beside which the one in software is alike."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import HTMLResponse
from webauthn import verify_authentication_response, verify_registration_response
from webauthn.helpers import bytes_to_base64url

from piccolo_api_fastapi.testing import SoftwareAuthenticator

from .browser import Page, browsing, needs_chromium
from .serving import serving
from .virtual_authenticators import (
    add_authenticator,
    add_credential,
    credentials_of,
    remove_credential,
    set_presence,
    set_user_verified,
)

pytestmark = [needs_chromium, pytest.mark.slow]

CHALLENGE = b"a challenge of the server"
CREATION: dict[str, Any] = {
    "challenge": bytes_to_base64url(CHALLENGE),
    "rp": {"id": "localhost", "name": "Movies"},
    "user": {"id": bytes_to_base64url(b"handle"), "name": "ada", "displayName": "Ada"},
    "pubKeyCredParams": [{"type": "public-key", "alg": -7}],
    "authenticatorSelection": {"residentKey": "required", "userVerification": "required"},
    "extensions": {"credProps": True},
}
REQUEST = {"challenge": bytes_to_base64url(CHALLENGE), "rpId": "localhost", "timeout": 2000}

CEREMONY = """
navigator.credentials.%s({publicKey: PublicKeyCredential.parse%sOptionsFromJSON(%s)})
    .then(credential => credential.toJSON(), error => error.name)
"""


@asynccontextmanager
async def shown(profile: Path) -> AsyncIterator[tuple[Page, str]]:
    """Within it, an empty page is shown by a browser; the page and its origin."""
    app = FastAPI()

    @app.get("/")
    async def home() -> HTMLResponse:
        return HTMLResponse("<!doctype html><title>Movies</title>")

    with serving(app) as address:
        origin = address.replace("127.0.0.1", "localhost")
        async with browsing(f"{origin}/", profile) as page:
            yield page, origin


async def create(page: Page, **options: Any) -> Any:
    """Create a passkey; its JSON or the name of an error."""
    return await page.run(CEREMONY % ("create", "Creation", json.dumps(CREATION | options)))


async def get(page: Page, **options: Any) -> Any:
    """Sign in; the JSON of the assertion or the name of an error."""
    return await page.run(CEREMONY % ("get", "Request", json.dumps(REQUEST | options)))


def members_of(value: Any) -> Any:
    """The names of the members of JSON, and those below them."""
    return {name: members_of(below) for name, below in value.items()} if type(value) is dict else ""


async def test_both_authenticators_answer_alike(tmp_path: Path) -> None:
    """The library accepts the browser's passkey; the one in software has the same members."""
    async with shown(tmp_path) as (page, origin):
        await add_authenticator(page)
        created, assertion = await create(page), await get(page)
    key = SoftwareAuthenticator(origin)
    made, signed = key.create(CREATION), key.get(REQUEST)
    expected: dict[str, Any] = {
        "expected_challenge": CHALLENGE,
        "expected_rp_id": "localhost",
        "expected_origin": origin,
    }
    for registration, answer in ((created, assertion), (made, signed)):
        verified = verify_registration_response(credential=registration, **expected)
        again = verify_authentication_response(
            credential=answer,
            credential_public_key=verified.credential_public_key,
            credential_current_sign_count=verified.sign_count,
            **expected,
        )
        assert (verified.sign_count, again.new_sign_count) == (1, 2)
        assert verified.user_verified
        assert again.user_verified
    assert members_of(made) == members_of(created)
    assert members_of(signed) == members_of(assertion)
    assert made["response"]["transports"] == created["response"]["transports"]


async def test_the_authenticator_is_told(tmp_path: Path) -> None:
    """A credential is cloned and removed, the user is not verified, and nobody touches it."""
    async with shown(tmp_path) as (page, _):
        key = await add_authenticator(page)
        created = await create(page)
        excluded = [{"type": "public-key", "id": created["id"]}]
        assert await create(page, excludeCredentials=excluded) == "InvalidStateError"

        (stored,) = await credentials_of(page, key)
        await remove_credential(page, key, stored["credentialId"])
        assert await credentials_of(page, key) == []
        await add_credential(page, key, stored | {"signCount": 0})
        assert (await get(page))["id"] == created["id"]
        assert [one["signCount"] for one in await credentials_of(page, key)] == [1]

        await set_user_verified(page, key, is_verified=False)
        assert await get(page, userVerification="required") == "NotAllowedError"
        await set_user_verified(page, key, is_verified=True)
        await set_presence(page, key, is_automatic=False)
        assert await get(page, timeout=100) == "NotAllowedError"
        await set_presence(page, key, is_automatic=True)
        assert (await get(page))["id"] == created["id"]
