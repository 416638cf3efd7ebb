"""Setting up an authenticator app, replacing it and its recovery codes, and removing it."""

from datetime import timedelta
from urllib.parse import unquote

import pytest
from fastapi import FastAPI
from pyotp import totp as pyotp_totp

from piccolo_api_fastapi import User, Users
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD
from tests.pages.browsing import Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import code_of, enrol, log_in


async def test_life_of_an_app(browser: Browser, ada: User, clock: FrozenClock) -> None:
    """Begin, a wrong code, confirm, new codes, another app, remove."""
    await log_in(browser)
    page = await browser.open("/account/mfa")
    assert TEXTS["mfa.no_app"] in page.text
    await browser.open("/account/mfa/totp?next=/home")
    page = await browser.submit("/account/mfa/totp")
    assert page.title == TEXTS["totp_scan.title"]
    assert len(page.said("secret").split()) == 8
    assert [it["role"] for it in page.tags("div") if it.get("class") == "qr"] == ["img"]
    secret = page.said("secret").replace(" ", "")
    page = await browser.submit("/account/mfa/totp/confirm", code="000000")
    assert (page.status, page.title) == (422, TEXTS["totp_again.title"])
    assert secret not in page.text
    page = await browser.submit(
        "/account/mfa/totp/confirm", code=code_of(pyotp_totp.TOTP(secret), clock)
    )
    codes = page.said("codes").split()
    assert (page.title, len(codes)) == (TEXTS["recovery_codes.title"], 10)
    [file] = [it for it in page.tags("a") if "download" in it]
    assert unquote(file["href"].partition(",")[2]).split() == codes
    assert [it["href"] for it in page.tags("a")][-1] == "/home"
    page = await browser.open("/account/mfa")
    assert "10 recovery codes are left." in page.text
    await browser.open("/account/mfa/recovery-codes")
    page = await browser.submit("/account/mfa/recovery-codes")
    assert not set(codes) & set(page.said("codes").split())
    page = await browser.open("/account/mfa/totp")
    assert TEXTS["totp.replaces"] in page.text
    await enrol(browser, clock)
    await browser.open("/account/mfa")
    page = await browser.submit("/account/mfa/totp/remove")
    assert (page.path, page.message) == ("/account/mfa", TEXTS["done.totp_removed"])
    await browser.submit("/account/logout")
    assert (await log_in(browser)).path == "/"


async def test_step_up_keeps_next(browser: Browser, ada: User, clock: FrozenClock) -> None:
    """Who has to present a factor on the way goes on to the same place."""
    await log_in(browser)
    await browser.open("/account/mfa/totp?next=/home")
    clock.advance(timedelta(hours=1))
    page = await browser.submit("/account/mfa/totp")
    assert page.path == "/account/reauthenticate"
    page = await browser.submit("/account/reauthenticate", password=PASSWORD)
    assert (page.url, page.value("next")) == ("/account/mfa/totp?next=%2Fhome", "/home")


async def test_expired_enrolment(browser: Browser, ada: User, clock: FrozenClock) -> None:
    """A confirmation without an enrolment that goes on is an error, with a way to start again."""
    await log_in(browser)
    page = await browser.send("/account/mfa/totp/confirm", code="123456")
    assert page.status in {404, 409, 422}
    assert "/account/mfa/totp" in [form.action for form in page.forms]


@pytest.mark.parametrize("action", ["remove", "recovery-codes"])
async def test_step_up(browser: Browser, ada: User, clock: FrozenClock, action: str) -> None:
    """After a while, changes need a factor again; the way back is the page that began."""
    await log_in(browser)
    phone, _ = await enrol(browser, clock)
    clock.advance(timedelta(hours=1))
    start = "/account/mfa" if action == "remove" else "/account/mfa/recovery-codes"
    page = await browser.open(start)
    form = "/account/mfa/totp/remove" if action == "remove" else start
    page = await browser.submit(form)
    assert page.path == "/account/reauthenticate"
    assert page.value("next") == start
    page = await browser.submit("/account/reauthenticate", code=code_of(phone, clock))
    assert page.path == start
    page = await browser.submit(form)
    assert page.status == 200


async def test_hostile_names(users: Users[User], app: FastAPI, clock: FrozenClock) -> None:
    """The picture has nothing of the user's name in it but the code."""
    await users.create("eve", PASSWORD, email="eve@example.com")
    browser = Browser(app)
    await log_in(browser, "eve")
    await browser.open("/account/mfa/totp")
    page = await browser.submit("/account/mfa/totp")
    picture = page.text.partition("<svg")[2].partition("</svg>")[0]
    assert "eve" not in picture
    assert "style=" not in picture
