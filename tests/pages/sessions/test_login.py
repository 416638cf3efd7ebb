"""Logging in and out by forms."""

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import User
from piccolo_api_fastapi.schemes.sessions import Session
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD
from tests.pages.browsing import Browser
from tests.pages.conftest import code_of, enrol, log_in


async def test_log_in_and_out(browser: Browser, ada: User) -> None:
    """A wrong password keeps the name, the right one leads back, and the session ends."""
    page = await browser.open("/home?x=1&y=%22")
    assert ("/account/login?next=%2Fhome%3Fx%3D1%26y%3D%2522", "Log in") == (page.url, page.title)
    page = await browser.submit("/account/login", username="ada", password="wrong one")
    assert (401, "ada", None) == (page.status, page.value("username"), page.value("password"))
    assert page.errors == ["The username or the password is wrong."]
    assert "wrong one" not in page.text
    assert "WWW-Authenticate" in page.headers
    page = await browser.submit("/account/login", password=PASSWORD)
    assert (page.url, page.text) == ("/home?x=1&y=%22", '{"username":"ada"}')
    page = await browser.open("/account/logout")
    assert page.title == "Log out"
    page = await browser.submit("/account/logout")
    assert (page.path, page.message) == ("/account/login", "You are logged out.")
    assert await Session.count() == 0
    page = await browser.open("/account")
    assert page.path == "/account/login"
