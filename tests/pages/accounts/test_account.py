"""The page of the account, passwords, and closing it."""

from fastapi import FastAPI

from piccolo_api_fastapi import User
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import PASSWORD
from tests.pages.browsing import Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import NEW, log_in


async def test_profile(browser: Browser, ada: User) -> None:
    """A user changes what the application lets users change."""
    await log_in(browser)
    page = await browser.open("/account")
    assert (page.title, page.said("who")) == (TEXTS["account.title"], "ada")
    page = await browser.submit("/account", first_name='<Ada> "A"')
    assert (page.url, page.message) == (
        "/account?done=profile_changed",
        TEXTS["done.profile_changed"],
    )
    assert page.value("first_name") == '<Ada> "A"'
    page = await browser.submit("/account", first_name="x" * 300)
    assert (page.status, page.value("first_name")) == (422, "x" * 300)
    assert page.said("who") == "ada"
    page = await browser.submit("/account", first_name="")
    assert page.value("first_name") is None
    page = await browser.send("/account", admin="true")
    assert page.status == 422


async def test_password(browser: Browser, app: FastAPI, ada: User, outbox: Outbox) -> None:
    """A new password needs the present one, and ends the other sessions."""
    other = Browser(app)
    await log_in(other)
    await log_in(browser)
    page = await browser.open("/account/password")
    assert page.value("_username") == "ada"
    page = await browser.submit("/account/password", current_password="wrong one", new_password=NEW)
    assert (page.status, page.errors) == (401, [TEXTS["error.invalid_credentials"]])
    page = await browser.submit(
        "/account/password", current_password=PASSWORD, new_password="short"
    )
    assert (page.status, page.errors) == (422, [TEXTS["error.password_too_short"]])
    assert "field-new_password" in page.text
    page = await browser.submit("/account/password", current_password=PASSWORD, new_password=NEW)
    assert (page.path, page.message) == ("/account", TEXTS["done.changed_password"])
    assert (await browser.open("/home")).path == "/home"
    assert (await other.open("/home")).path == "/account/login"
    assert (await other.open("/.well-known/change-password")).url == (
        "/account/login?next=%2Faccount%2Fpassword"
    )


async def test_close(browser: Browser, ada: User, outbox: Outbox) -> None:
    """The account is deleted, with a password."""
    await log_in(browser)
    page = await browser.open("/account/close")
    assert "_sure" in page.forms[-1].names
    page = await browser.submit("/account/close", current_password="wrong one", _sure="on")
    assert (page.status, page.title) == (401, TEXTS["close.title"])
    page = await browser.submit("/account/close", current_password=PASSWORD, _sure="on")
    assert (page.path, page.message) == ("/account/login", TEXTS["done.account_closed"])
    assert await User.count() == 0


async def test_verified_only(browser: Browser, ada: User, users: object) -> None:
    """Who must have a verified address is led to where to verify it, and back."""
    await log_in(browser)
    page = await browser.open("/verified?x=1")
    assert page.url == "/account/verify-email?next=%2Fverified%3Fx%3D1"
    assert page.value("next") == "/verified?x=1"
