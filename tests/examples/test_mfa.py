"""The page of the example, used by a person with a phone and a browser."""

import os
from pathlib import Path
from typing import Any

import pytest
from pyotp import totp as pyotp_totp

from examples.mfa.app import app, users
from piccolo_api_fastapi import TOTPSecret, User
from tests.conftest import PASSWORD, new_client
from tests.integration.browser import browsing, needs_chromium
from tests.integration.serving import serving

SUBMIT = """(() => {
    const form = document.querySelector("#%s form")
    form.elements.%s.value = %r
    form.requestSubmit()
})()"""


@pytest.mark.slow
@needs_chromium
@pytest.mark.security(72)
@pytest.mark.security(73)
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_a_person_enrols(database: Any, tmp_path: Path) -> None:
    """They log in, scan, confirm, note the codes, log out, and come in by a code, twice."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    with serving(app) as address:
        own = address.replace("127.0.0.1", "localhost")
        async with browsing(own, tmp_path) as page:

            async def shown(section: str) -> None:
                await page.wait(f"document.querySelector('#{section}.shown')")

            async def submit(section: str, field: str, value: str) -> None:
                await page.run(SUBMIT % (section, field, value))

            async def click(button: str) -> None:
                await page.run(f"document.getElementById('{button}').click()")

            await shown("login")
            await submit("login", "password", PASSWORD)
            await shown("home")
            await click("begin")
            await shown("enrol")
            secret = await page.run("document.getElementById('secret').textContent")
            assert await page.run("document.querySelectorAll('#qr svg path').length") == 2
            if picture := os.environ.get("MFA_PICTURE"):
                await page.picture(Path(picture))
            phone = pyotp_totp.TOTP(secret)
            first_code = phone.now()
            await submit("enrol", "code", first_code)
            await shown("recovery")
            codes = await page.run(
                "[...document.querySelectorAll('#codes li')].map((code) => code.textContent)"
            )
            assert len(codes) == 10
            await click("done")
            await shown("home")
            await click("vault")
            await page.wait("document.getElementById('gold').textContent.includes('gold')")
            await click("logout")
            await shown("login")
            await submit("login", "password", PASSWORD)
            await shown("second")
            await submit("second", "code", first_code)  # used up by the confirmation
            await page.wait("document.getElementById('error').textContent")
            await submit("second", "code", codes[0])
            await shown("home")
            state = await page.run("document.getElementById('state').textContent")
            assert "9 recovery codes left" in state
            await TOTPSecret.update({TOTPSecret.last_step: -1}, force=True)  # half a minute later
            await click("logout")
            await shown("login")
            await submit("login", "password", PASSWORD)
            await shown("second")
            await submit("second", "code", phone.now())
            await shown("home")
            await click("remove")
            await page.wait("!document.getElementById('begin').hidden")
    assert await TOTPSecret.count() == 0


async def test_the_vault(database: Any, ada: User) -> None:
    """Without a second factor the vault stays shut, and says what to do."""
    client = new_client(app)
    credentials = {"username": "ada", "password": PASSWORD}
    answer = await client.post("/auth/login", json=credentials)
    cookie = answer.headers["set-cookie"].partition(";")[0]
    answer = await client.get("/vault", headers={"Cookie": cookie})
    assert (answer.status_code, answer.json()["acr_values"]) == (401, "mfa")
