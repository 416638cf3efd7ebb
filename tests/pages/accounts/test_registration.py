"""Registering, with and without mail, and verifying the address."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import User
from piccolo_api_fastapi.mail import VerifyEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD
from tests.pages.browsing import Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import log_in

Site = Callable[[str], FastAPI]
CHECK_MAIL = TEXTS["done.check_mail"]


async def test_without_mail(other_site: Site, database: object) -> None:
    """A user registers, is told so at the page to log in, and comes back to where it began."""
    browser = Browser(other_site("no mail"))
    await browser.open("/account/login?next=/home%3Fx=1")
    page = await browser.open([it["href"] for it in browser.page.tags("a")][-1])
    assert (page.title, page.value("next")) == ("Register", "/home?x=1")
    page = await browser.submit("/account/register", username="ada", password="short")
    assert (page.status, page.value("username")) == (422, "ada")
    assert page.errors == [TEXTS["error.password_too_short"]]
    [described] = [it for it in page.tags("input") if it["name"] == "password"]
    assert described["aria-invalid"] == "true"
    assert described["aria-describedby"] == "field-password-hint field-password-error"
    page = await browser.submit("/account/register", password=PASSWORD)
    assert (page.path, page.message) == ("/account/login", TEXTS["done.registered"])
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert page.url == "/home?x=1"
    other = Browser(other_site("no mail"))
    await other.open("/account/register")
    page = await other.submit("/account/register", username="ADA", password=PASSWORD)
    assert (page.status, page.errors) == (409, [TEXTS["error.identity_taken"]])
    assert (await other.open("/account/verify-email")).status == 404


async def test_by_code(browser: Browser, outbox: Outbox) -> None:
    """The code of the mail verifies the address, without a script."""
    await browser.open("/account/register?next=/home")
    page = await browser.submit(
        "/account/register",
        email="ada@example.com",
        password=PASSWORD,
        first_name="Ada <b>",
    )
    assert (page.status, page.title, page.message) == (202, TEXTS["verify_email.title"], CHECK_MAIL)
    assert (page.value("email"), page.value("next")) == ("ada@example.com", "/home")
    page = await browser.submit("/account/verify-email", code="000000")
    assert (page.status, page.value("email")) == (401, "ada@example.com")
    page = await browser.submit("/account/verify-email/request", email="ada@example.com")
    assert (page.status, page.message, page.value("next")) == (202, CHECK_MAIL, "/home")
    page = await browser.submit("/account/verify-email", code=outbox.last(VerifyEmail).code)
    assert (page.path, page.message) == ("/account/login", TEXTS["done.verified"])
    page = await browser.submit("/account/login", username="ada@example.com", password=PASSWORD)
    assert page.path == "/home"
    page = await browser.open("/account")
    assert "ada@example.com" in page.said("dd")
    assert page.value("first_name") == "Ada <b>"


async def test_by_link(browser: Browser, outbox: Outbox) -> None:
    """The secret of a link verifies it as well; the address has it in its fragment."""
    await browser.open("/account/register")
    await browser.submit("/account/register", email="ada@example.com", password=PASSWORD)
    message = outbox.last(VerifyEmail)
    path, _, secret = message.link.partition("#token=")
    page = await browser.open(path.removeprefix("https://testserver"))
    assert page.title == TEXTS["verify_email.title"]
    form = page.forms[-1]
    assert "token" in form.names
    page = await browser.send(form.action, token=secret)
    assert (page.path, page.message) == ("/account/login", TEXTS["done.verified"])
    page = await browser.send(form.action, token=secret)
    assert page.status == 401
    assert secret not in page.text


async def test_known_address(browser: Browser, outbox: Outbox, ada: User) -> None:
    """A known address and an unknown one get the same page, byte by byte."""
    pages = []
    for email in ("ada@example.com", "eve@example.com"):
        await browser.open("/account/register")
        page = await browser.submit("/account/register", email=email, password=PASSWORD)
        pages.append((page.status, page.text.replace(email, "…"), page.headers["content-type"]))
    assert pages[0] == pages[1]
    pages = []
    for email in ("ada@example.com", "bob@example.com"):
        await browser.open("/account/forgot-password")
        page = await browser.submit("/account/forgot-password", email=email)
        pages.append((page.status, page.text, page.url))
    assert pages[0] == pages[1]


async def test_unverified_login(browser: Browser, outbox: Outbox, clock: FrozenClock) -> None:
    """Who has not verified the address can't log in, and learns nothing else from the page."""
    await browser.open("/account/register")
    await browser.submit("/account/register", email="ada@example.com", password=PASSWORD)
    page = await log_in(browser, "ada@example.com")
    assert (page.status, page.title) in {
        (401, TEXTS["login.title"]),
        (200, TEXTS["verify_email.title"]),
    }
    clock.advance(timedelta(days=3))
    await browser.open("/account/verify-email")
    page = await browser.submit(
        "/account/verify-email", email="ada@example.com", code=outbox.last(VerifyEmail).code
    )
    assert page.status == 401


@pytest.mark.parametrize("email", ["nonsense", "", "a" * 300 + "@example.com", "a@b\u0000.com"])
async def test_bad_address(browser: Browser, email: str) -> None:
    """An address that is none is told by its field, where there is one."""
    page = await browser.send("/account/register", email=email, password=PASSWORD, username="")
    assert (page.status, page.title) == (422, "Register")
    page = await browser.send("/account/verify-email/request", email=email)
    assert (page.status, page.title) == (422, TEXTS["verify_email.title"])
