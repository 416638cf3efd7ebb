"""Every flow, by a person with a browser."""

import re
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi.mail import ResetPassword, VerifyEmail
from tests.integration.browser import Chromium, needs_chromium
from tests.pages.in_chromium.conftest import visiting
from tests.pages.in_chromium.site import Visitor, open_site

OLD, NEW, NEWEST = "a horse, a staple", "two horses, a staple", "three horses, a staple"


async def _register(ada: Visitor) -> None:
    await ada.go("/register?next=/home?x=1")
    await ada.submit("/register", email="ada@example.com", password=OLD, username="ada")
    assert "we have sent you a message" in await ada.said()
    code = (await ada.site.mailed(VerifyEmail)).code
    await ada.submit("/verify-email", code=code)
    assert await ada.said() == "Your address is confirmed."
    await ada.submit("/login", username="ada", password=OLD)
    assert await ada.here() == "/home?x=1"


async def _enrol(ada: Visitor) -> tuple[str, list[str]]:
    """Set up an app; return its secret, and the recovery codes."""
    await ada.go("/mfa")
    await ada.follow("/mfa/totp")
    await ada.submit("/mfa/totp")
    secret = (await ada.text(".secret")).replace(" ", "")
    await ada.submit("/mfa/totp/confirm", code=ada.site.code_of(secret))
    assert await ada.said() == "The app is set up."
    return secret, list(await ada.texts(".codes li"))


async def _log_in(ada: Visitor, password: str, method: str, code: str) -> None:
    await ada.submit("/login", username="ada", password=password)
    assert await ada.text("h1") == "Second step"
    await ada.submit("/login/mfa", code=code, method=method)
    assert await ada.text("#who") == "ada"


async def _use_api_token(ada: Visitor) -> None:
    await ada.go("/api-tokens")
    await ada.submit("/api-tokens", name="backup")
    secret = await ada.page.run("document.querySelector('#field-token').value")
    await ada.follow("/api-tokens")
    async with httpx.AsyncClient(base_url=ada.site.address) as script:
        headers = {"Authorization": f"Bearer {secret}"}
        assert (await script.get("/token", headers=headers)).json() == "ada"
        button = "form[action$='/revoke'] button"
        async with ada.page.loading():
            await ada.page.click(button)
        assert await ada.said() == "The token is revoked."
        assert (await script.get("/token", headers=headers)).status_code == 401


async def _change_password(ada: Visitor, other: Visitor) -> None:
    await ada.go("/password")
    await ada.submit("/password", current_password=OLD, new_password=NEW)
    assert await ada.said() == "The password is changed."
    await other.go(f"{ada.site.address}/home/x")
    assert await other.here() == "/account/login?next=%2Fhome%2Fx"


async def _end_other_session(ada: Visitor, other: Visitor, code: str) -> None:
    await _log_in(other, NEW, "recovery_code", code)
    await ada.go("/sessions")
    assert len(await ada.texts(".rows li")) == 2
    async with ada.page.loading():
        await ada.page.click("form[action$='/end'] button")
    assert len(await ada.texts(".rows li")) == 1
    await other.go(f"{ada.site.address}/home")
    assert "Log in" in await other.title()


async def _reset(ada: Visitor, link: str) -> None:
    await ada.go(link)
    assert "token" not in await ada.page.run("location.href")
    await ada.submit("/reset-password", password=NEWEST)
    assert await ada.said() == "The password is changed. Log in with the new one."


@needs_chromium
@pytest.mark.slow
@pytest.mark.parametrize("javascript", [False, True])
async def test_walk(chromium: Chromium, database_of_any_loop: Any, *, javascript: bool) -> None:
    """
    A person registers, verifies, logs in, enrols, uses codes, tokens and sessions, changes and
    resets the password, and closes the account; with JavaScript or without.
    """
    links = "fragment" if javascript else "query"
    with open_site(links=links) as site:
        visit = visiting(chromium, site)
        async with visit(javascript=javascript) as ada, visit(javascript=javascript) as other:
            await _register(ada)
            secret, codes = await _enrol(ada)
            await ada.go("/logout")
            await ada.submit("/logout")
            await _log_in(ada, OLD, "totp", site.code_of(secret))
            await other.go("/login")
            await _log_in(other, OLD, "recovery_code", codes[0])
            await ada.go("/mfa")
            assert "9 recovery codes are left" in await ada.text()
            await ada.go("/mfa/recovery-codes")
            await ada.submit("/mfa/recovery-codes")
            codes = list(await ada.texts(".codes li"))
            await other.go("/login")
            await _log_in(other, OLD, "recovery_code", codes[0])
            await _change_password(ada, other)
            await _end_other_session(ada, other, codes[1])
            await _use_api_token(ada)
            await ada.submit("/logout")
            await ada.go("/forgot-password")
            await ada.submit("/forgot-password", email="ada@example.com")
            await _reset(ada, (await site.mailed(ResetPassword)).link)
            await _log_in(ada, NEWEST, "recovery_code", codes[2])
            await ada.go("/close")
            await ada.submit("/close", current_password=NEWEST, _sure=True)
            assert await ada.said() == "Your account is deleted."
        assert not re.search("token=tkt", str([entry[1:3] for entry in site.log[-5:]]))
