"""Ending sessions, and presenting a factor again."""

from datetime import timedelta
from uuid import uuid4

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import User, Users
from piccolo_api_fastapi.schemes.api_tokens import APIToken
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD
from tests.pages.browsing import Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import code_of, enrol, forms_of, log_in, path_of

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"


async def test_sessions(browser: Browser, app: FastAPI, ada: User) -> None:
    """The list says which browsers are logged in, and ends them one by one."""
    other = Browser(app, **{"user-agent": FIREFOX})
    third = Browser(app, **{"user-agent": "<script>alert(1)</script>"})
    for one in (other, third, browser):
        await log_in(one)
    page = await browser.open("/account/sessions")
    assert "Firefox, Linux" in page.said("rows")
    assert "<script>alert" not in page.text
    assert len([form for form in page.forms if form.action.endswith("/end")]) == 2
    assert TEXTS["sessions.current"] in page.said("tag")
    page = await browser.press("/end")
    assert (page.path, page.message) == ("/account/sessions", TEXTS["done.session_ended"])
    ended = [one for one in (other, third) if (await one.open("/home")).path == "/account/login"]
    assert len(ended) == 1
    page = await browser.submit("/account/sessions/end-others")
    assert page.message == TEXTS["done.others_ended"]
    assert (await other.open("/home")).path == (await third.open("/home")).path == "/account/login"
    assert (await browser.open("/home")).path == "/home"


async def test_end_everything(browser: Browser, ada: User) -> None:
    """The box ends the API tokens, too."""
    await log_in(browser)
    await browser.open("/account/api-tokens")
    await browser.submit("/account/api-tokens", name="script")
    assert await APIToken.count() == 1
    await browser.open("/account/sessions")
    page = await browser.submit("/account/sessions/end-others")
    assert await APIToken.count() == 1
    page = await browser.submit("/account/sessions/end-others", everything="true")
    assert page.message == TEXTS["done.others_ended"]
    assert await APIToken.count() == 0
    page = await browser.send("/account/sessions/end-others", everything="perhaps")
    assert (page.status, page.title) == (422, TEXTS["sessions.title"])


async def test_sessions_of_others(browser: Browser, app: FastAPI, ada: User, grace: User) -> None:
    """A session that is not one's own, or none, is not ended. To end one twice is no error."""
    other = Browser(app)
    await log_in(other, "grace")
    await log_in(browser)
    [theirs] = (await other.client.get("/auth/sessions", headers={"accept": "*/*"})).json()
    for number in (theirs["id"], uuid4()):
        page = await browser.send(f"/account/sessions/{number}/end")
        assert (page.status, page.title) == (200, TEXTS["sessions.title"])
        assert page.message == TEXTS["done.session_ended"]
    page = await browser.send("/account/sessions/seven/end")
    assert page.status == 422
    assert (await other.open("/home")).path == "/home"


async def test_reauthenticate(browser: Browser, ada: User, clock: FrozenClock) -> None:
    """Step-up asks for the password, and leads back."""
    await log_in(browser)
    assert (await browser.open("/fresh?x=1")).path == "/fresh"
    clock.advance(timedelta(minutes=6))
    page = await browser.open("/fresh?x=1")
    assert page.url == "/account/reauthenticate?next=%2Ffresh%3Fx%3D1"
    page = await browser.submit("/account/reauthenticate", password="wrong one")
    assert (page.status, page.errors) == (401, [TEXTS["error.invalid_credentials"]])
    page = await browser.submit("/account/reauthenticate", password=PASSWORD)
    assert page.url == "/fresh?x=1"
    page = await browser.send("/account/reauthenticate", password=PASSWORD, code="1")
    assert page.status == 422


async def test_second_factor_again(browser: Browser, ada: User, clock: FrozenClock) -> None:
    """Where a second factor is needed, the page asks for its code alone, also after an error."""
    await log_in(browser)
    phone, _ = await enrol(browser, clock)
    await browser.submit("/account/logout")
    await log_in(browser)
    await browser.submit("/account/login/mfa", code=code_of(phone, clock))
    assert (await browser.open("/strong")).path == "/strong"
    clock.advance(timedelta(hours=1))
    page = await browser.open("/account/reauthenticate?acr=mfa&next=/home")
    assert TEXTS["login_mfa.hint"] in page.text
    assert "e-mail" not in page.text  # no factor of this site is a code by e-mail
    assert [form.names for form in page.forms[1:]] == FORMS
    page = await browser.submit("/account/reauthenticate", code="000000")
    assert (page.status, page.errors) == (401, [TEXTS["error.invalid_code"]])
    assert [form.names for form in page.forms[1:]] == FORMS
    page = await browser.submit("/account/reauthenticate", code=code_of(phone, clock))
    assert page.path == "/home"


FORMS = [["_acr", "challenge", "credential", "next"], ["_acr", "code", "next"]]
"""The fields of the forms of a page that asks for a second factor; a script shows the first."""


async def test_no_second_factor(browser: Browser, ada: User) -> None:
    """Who has no second factor is asked for it, and has a way to set one up."""
    await log_in(browser)
    page = await browser.open("/strong")
    assert page.url == "/account/reauthenticate?next=%2Fstrong&acr=mfa"
    assert [form.names for form in page.forms[1:]] == FORMS[:1]
    assert "/account/mfa/totp?next=/strong" in [it["href"] for it in page.tags("a")]
    page = await browser.send("/account/reauthenticate", code="123456", _acr="mfa")
    assert page.status == 401
    assert "/account/mfa" in [it["href"] for it in page.tags("a")]


async def test_acr_of_the_address(browser: Browser, ada: User) -> None:
    """What the address says is escaped, and decides nothing but what is shown."""
    await log_in(browser)
    page = await browser.open('/account/reauthenticate?acr="><script>alert(1)</script>')
    assert "<script>alert" not in page.text
    page = await browser.open("/account/reauthenticate?acr=password")
    assert "password" in page.forms[1].names


@pytest.mark.security(27)
async def test_cross_site(browser: Browser, app: FastAPI, users: Users[User], ada: User) -> None:
    """Another site can't send any of the forms, even with the cookie."""
    await log_in(browser)
    cross = {"sec-fetch-site": "cross-site"}
    count = 0
    for route in forms_of(app):
        path = path_of(route)
        response = await browser.client.post(path, data={"username": "x"}, headers=cross)
        assert response.status_code == 403, path
        assert response.headers["content-type"] == "text/html; charset=utf-8", path
        count += 1
    assert count > 20
    assert (await browser.open("/home")).path == "/home"
