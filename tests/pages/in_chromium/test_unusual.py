"""What people do besides: go back, reload, click twice, use two tabs, and come too late."""

from datetime import timedelta

import pytest

from piccolo_api_fastapi import APIToken, User
from piccolo_api_fastapi.mail import ResetPassword, VerifyEmail
from tests.conftest import PASSWORD
from tests.integration.browser import needs_chromium
from tests.pages.in_chromium.conftest import Visit
from tests.pages.in_chromium.site import Site, Visitor

pytestmark = [
    needs_chromium,
    pytest.mark.slow,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

NEW = "two horses, a staple"


async def _back(visitor: Visitor) -> None:
    history = await visitor.page.call("Page.getNavigationHistory")
    before = history["entries"][history["currentIndex"] - 1]
    await visitor.page.call("Page.navigateToHistoryEntry", entryId=before["id"])


async def test_back_after_logout(visit: Visit, site: Site) -> None:
    """The page before is asked for again, so that nobody reads it after the log-out."""
    await site.users.create("ada", PASSWORD, email="ada@example.com")
    async with visit() as visitor:
        await visitor.log_in("ada", PASSWORD)
        await visitor.go("/email")
        assert "ada@example.com" in await visitor.text()
        await visitor.submit("/logout")
        assert await visitor.said() == "You are logged out."
        await _back(visitor)
        await visitor.page.wait("document.title.startsWith('Log in')")
        assert "ada@example.com" not in await visitor.text("body")


async def test_reload(visit: Visit, site: Site) -> None:
    """After a success, a reload asks for a page; after a refusal, it is refused again."""
    await site.users.create("ada", PASSWORD, email="ada@example.com")
    async with visit() as visitor:
        await visitor.log_in("ada", PASSWORD)
        await visitor.go("")
        await visitor.submit("", first_name="Ada")
        site.log.clear()
        async with visitor.page.loading():
            await visitor.page.call("Page.reload")
        assert {entry[0] for entry in site.log} == {"GET"}
        assert await visitor.page.run("document.querySelector('[name=first_name]').value") == "Ada"


async def test_double_click(visit: Visit, site: Site) -> None:
    """Two clicks register one account, set one password and make one session."""
    async with visit() as visitor:
        await visitor.go("/register")
        form = await visitor.fill("/register", email="ada@example.com", password=PASSWORD)
        async with visitor.page.loading():
            await visitor.page.click(f"{form} button:not([type=button])", times=2)
        await visitor.page.wait("document.title.startsWith('Confirm')")
        code = (await site.mailed(VerifyEmail)).code  # what is registered after the response
        assert await User.count() == 1
        form = await visitor.fill("/verify-email", code=code)
        async with visitor.page.loading():
            await visitor.page.click(f"{form} button", times=2)
        await visitor.page.wait("document.title.startsWith('Log in')")
        assert await visitor.said() == "Your address is confirmed."
        await visitor.log_in("ada@example.com", PASSWORD)
        await visitor.go("/sessions")
        assert len(await visitor.texts(".rows li")) == 1


async def test_two_tabs(visit: Visit, site: Site) -> None:
    """Two tabs at different steps do not disturb one another."""
    await site.users.create("ada", PASSWORD, email="ada@example.com")
    async with visit() as one, visit(beside=one) as other:
        await one.go("/login?next=/home/one")
        await other.go("/login?next=/home/other")
        await one.submit("/login", username="ada", password=PASSWORD)
        await other.submit("/login", username="ada", password=PASSWORD)
        assert (await one.here(), await other.here()) == ("/home/one", "/home/other")
        await one.go("/mfa/totp")
        await other.go("/mfa/totp")
        await one.submit("/mfa/totp")
        await other.submit("/mfa/totp")  # its secret replaces the other
        old, new = [(await tab.text(".secret")).replace(" ", "") for tab in (one, other)]
        await one.submit("/mfa/totp/confirm", code=site.code_of(old))
        assert await one.title() == "Error: Enter the next code – Movie club"
        await other.submit("/mfa/totp/confirm", code=site.code_of(new))
        assert await other.said() == "The app is set up."
        await one.submit("/logout")
        await other.follow("/mfa")
        assert await other.here() == "/account/login?next=%2Faccount%2Fmfa"


async def test_expired_challenge(visit: Visit, site: Site) -> None:
    """A code that comes after the challenge has expired leads to the beginning, with a reason."""
    await site.users.create("mfa", PASSWORD, email="mfa@example.com")
    async with visit() as visitor:
        await visitor.log_in("mfa", PASSWORD)
        site.clock.advance(timedelta(hours=1))
        await visitor.submit("/login/mfa", code="000000")
        assert (await visitor.title()).startswith("Error: ")
        assert await visitor.page.run(
            '!!document.querySelector(\'a[href$="/login"], form[action$="/login"]\')'
        )


async def test_session_ended_meanwhile(visit: Visit, site: Site) -> None:
    """Each form leads to the log-in and back to its page, which a form in vain does not change."""
    await site.users.create("ada", PASSWORD, email="ada@example.com")
    forms: dict[str, dict[str, str | bool]] = {
        "": {"first_name": "x"},
        "/password": {"current_password": PASSWORD, "new_password": NEW},
        "/email": {"email": "new@example.com", "current_password": PASSWORD},
        "/mfa/totp": {},
        "/api-tokens": {"name": "backup"},
        "/close": {"current_password": PASSWORD, "_sure": True},
    }
    async with visit() as visitor:
        for action, fields in forms.items():
            await visitor.log_in("ada", PASSWORD)
            await visitor.go(action)
            await visitor.page.call("Network.clearBrowserCookies")
            await visitor.submit(action, **fields)
            assert await visitor.text("h1") == "Log in", action
            await visitor.submit("/login", username="ada", password=PASSWORD)
            assert await visitor.here() == f"/account{action}"
            await visitor.submit("/logout")
    assert await APIToken.count() == 0
    assert await User.count() == 1


async def test_used_link(visit: Visit, site: Site) -> None:
    """The second click on a mailed link says that it was used, and offers another."""
    await site.users.create("ada", PASSWORD, email="ada@example.com")
    async with visit() as visitor:
        await visitor.go("/forgot-password")
        await visitor.submit("/forgot-password", email="ada@example.com")
        link = (await site.mailed(ResetPassword)).link
        for password in (NEW, PASSWORD):
            await visitor.go(link)
            assert "#" not in await visitor.page.run("location.href")
            assert not await visitor.page.run(
                "document.querySelector('[name=token]').checkVisibility()"
            )
            await visitor.submit("/reset-password", password=password)
            await visitor.page.wait("document.querySelector('h1')")
        assert await visitor.title() == "Error: Forgotten your password? – Movie club"
        assert "was used before" in await visitor.text(".errors")


async def test_script(visit: Visit, site: Site) -> None:
    """The script shows and hides a password, and copies what is shown once."""
    await site.users.create("ada", PASSWORD)
    async with visit() as visitor:
        await visitor.go("/login")
        button = "[name=password] + button"
        await visitor.page.type("[name=password]", PASSWORD)
        for kind, label in (("text", "Hide password"), ("password", "Show password")):
            await visitor.page.click(button)
            assert await visitor.page.run("document.forms[0].elements.password.type") == kind
            assert await visitor.page.run(f"document.querySelector('{button}').ariaLabel") == label
        await visitor.page.click(button)
        await visitor.submit("/login", username="ada", password=PASSWORD)
        await visitor.page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="navigator.clipboard.writeText = async (text) => { window.copied = text }",
        )
        await visitor.go("/api-tokens")
        await visitor.submit("/api-tokens", name="backup")
        await visitor.page.click(".copy")
        await visitor.page.wait("window.copied")
        assert await visitor.page.run(
            "window.copied === document.querySelector('#field-token').value"
        )
        assert await visitor.text(".copy") == "Copied."
