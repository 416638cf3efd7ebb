"""Logging in and out by forms."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from pyotp import totp as pyotp_totp

from piccolo_api_fastapi import Login, Pages, SecondFactor, SessionAuth, User, Users
from piccolo_api_fastapi.mail import SignInCode
from piccolo_api_fastapi.pages.sessions import _names
from piccolo_api_fastapi.schemes.sessions import Session
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, reaches_no_sql
from tests.pages.browsing import Browser, Page
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import Parts, code_of, enrol, log_in

Site = Callable[[str], FastAPI]


async def test_log_in_and_out(browser: Browser, ada: User) -> None:
    """A wrong password keeps the name, the right one leads back, and the session ends."""
    page = await browser.open("/home?x=1&y=%22")
    assert page.url == "/account/login?next=%2Fhome%3Fx%3D1%26y%3D%2522"
    assert page.title == TEXTS["login.title"]
    page = await browser.submit("/account/login", username="ada", password="wrong one")
    assert (page.status, page.value("username"), page.value("password")) == (401, "ada", None)
    assert page.errors == [TEXTS["login.error.invalid_credentials"]]
    assert "wrong one" not in page.text
    assert "WWW-Authenticate" in page.headers
    page = await browser.submit("/account/login", password=PASSWORD)
    assert (page.url, page.text) == ("/home?x=1&y=%22", '{"username":"ada"}')
    page = await browser.open("/account/logout")
    assert page.title == TEXTS["logout.title"]
    page = await browser.submit("/account/logout")
    assert (page.path, page.message) == ("/account/login", TEXTS["done.logged_out"])
    assert await Session.count() == 0
    page = await browser.open("/account")
    assert page.path == "/account/login"


async def test_second_factor(browser: Browser, ada: User, clock: FrozenClock, app: FastAPI) -> None:
    """The code of the app or a recovery code completes the login and leads to where it began."""
    await log_in(browser)
    phone, codes = await enrol(browser, clock)
    other = Browser(app)
    await other.open("/home?x=1")
    page = await other.submit("/account/login", username="ada", password=PASSWORD)
    assert (page.status, page.title, page.path) == (200, TEXTS["login_mfa.title"], "/account/login")
    challenge = page.value("challenge")
    assert page.text.count(str(challenge)) == 1
    page = await other.submit("/account/login/mfa", code="000000")
    assert (page.status, page.errors) == (401, [TEXTS["error.invalid_code"]])
    assert (page.value("challenge"), page.value("code")) == (challenge, None)
    page = await other.submit("/account/login/mfa", code=f" {code_of(phone, clock)} ")
    assert page.url == "/home?x=1"
    third = Browser(app)
    await log_in(third)
    page = await third.submit("/account/login/mfa", code=codes[0], method="recovery_code")
    assert page.path == "/"
    page = await third.open("/account/mfa")
    assert "9 recovery codes are left." in page.text


async def test_code_by_mail(ada: User, outbox: Outbox, other_site: Site) -> None:
    """The page sends a code, says that it did, and takes it."""
    browser = Browser(other_site("codes by mail"))
    page = await log_in(browser)
    assert "E-mail" not in page.said("legend")
    page = await browser.submit("/account/login/mfa/send")
    assert (page.title, page.message) == (TEXTS["login_mfa.title"], TEXTS["done.code_sent"])
    assert page.status == 200
    page = await browser.submit("/account/login/mfa/send")
    assert page.status == 200
    code = outbox.last(SignInCode).code
    page = await browser.submit("/account/login/mfa", code=code)
    assert page.path == "/"


@pytest.mark.parametrize("action", ["mfa", "mfa/send"])
async def test_dead_challenge(ada: User, clock: FrozenClock, action: str, other_site: Site) -> None:
    """An expired challenge leads back to the first step, with a reason."""
    browser = Browser(other_site("codes by mail"))
    await browser.open("/account/login?next=/home")
    await browser.submit("/account/login", username="ada", password=PASSWORD)
    clock.advance(timedelta(hours=1))
    typed = {"code": "123456"} if action == "mfa" else {}
    page = await browser.submit(f"/account/login/{action}", **typed)
    assert (page.status, page.title, page.value("next")) == (401, TEXTS["login.title"], "/home")
    assert page.errors[0].startswith("This link or code is invalid")


async def test_enrolment(ada: User, clock: FrozenClock, other_site: Site) -> None:
    """Who must have a second factor sets one up first, and goes on afterwards."""
    browser = Browser(other_site("enrolment required"))
    await browser.open("/home")
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert page.url == "/account/mfa/totp?next=%2Fhome"
    for path in ("/home", "/account", "/account/sessions"):
        page = await browser.open(path)
        assert page.path == "/account/mfa/totp"
    assert (await browser.open("/account/login")).title == TEXTS["login.title"]
    await browser.open("/account/mfa/totp?next=/home")
    page = await browser.submit("/account/mfa/totp")
    phone = pyotp_totp.TOTP(page.said("secret").replace(" ", ""))
    page = await browser.submit("/account/mfa/totp/confirm", code=code_of(phone, clock))
    assert [it["href"] for it in page.tags("a")][-1] == "/home"
    assert (await browser.open("/home")).text == '{"username":"ada"}'


async def test_signed_in(browser: Browser, ada: User) -> None:
    """The pages for who is not signed in send on who is."""
    await log_in(browser)
    for path in ("/account/login", "/account/register"):
        assert (await browser.open(f"{path}?next=/home")).path == "/home"
        assert (await browser.open(path)).path == "/"
        assert (await browser.open(f"{path}?next={path}")).path == "/"


@pytest.mark.parametrize("make_dead", ["deleted", "malformed", "long", "planted"])
async def test_dead_cookie(browser: Browser, ada: User, make_dead: str) -> None:
    """The page to log in clears a cookie that is of no use, and does not lead in circles."""
    await log_in(browser)
    if make_dead == "deleted":
        await Session.delete(force=True)
    else:
        sent = {
            "malformed": "__Host-session=nonsense",
            "long": f"__Host-session=x; y={'x' * 17_000}",
            "planted": "__host-session=x",
        }
        browser.client.headers["cookie"] = sent[make_dead]
        browser.client.cookies.clear()
    response = await browser.client.get("/account")
    assert response.headers["location"] == "/account/login?next=%2Faccount"
    response = await browser.client.get("/account/login")
    assert response.status_code == 200
    assert response.headers["set-cookie"].startswith("__Host-session=; Max-Age=0")
    page = await browser.open("/home")
    assert page.path == "/account/login"


@pytest.mark.security(31)
@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"origin": "https://evil.example.com"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "https://testserver"}, 303),
        ({}, 303),
    ],
)
async def test_login_csrf(app: FastAPI, ada: User, headers: dict[str, str], status: int) -> None:
    """Another site can't log a browser in; the answer is the page."""
    browser = Browser(app)
    del browser.client.headers["sec-fetch-site"]
    form = {"username": "ada", "password": PASSWORD}
    response = await browser.client.post("/account/login", data=form, headers=headers)
    assert response.status_code == status
    assert ("set-cookie" in response.headers) is (status == 303)
    if status == 403:
        page = Page(response)
        page.check()
        assert page.errors == [TEXTS["error.cross_site_request"]]


async def test_hook(ada: User, other_site: Site) -> None:
    """A login that a hook refuses is a 403."""
    browser = Browser(other_site("hook"))
    page = await log_in(browser)
    assert page.status == 403
    assert page.errors
    assert "<today>" not in page.text


def test_unknown_factor(users: Users[User], outbox: Outbox) -> None:
    """A factor without a text of its own is called by its name."""
    names = _names(Parts(users, mails_codes=True).login)
    assert names["factor.email_code"] == "Email code"
    assert names["hint.email_code"] == "The code of: Email code"
    assert names["send.email_code"] == "Send me a code: Email code"


async def test_without_accounts(users: Users[User], ada: User) -> None:
    """The smallest site has a page to log in, without links to what it lacks."""
    session = SessionAuth(users)
    pages = Pages(session)
    app = FastAPI()
    app.include_router(pages.router)
    pages.install(app)
    browser = Browser(app)
    page = await log_in(browser)
    assert page.path == "/"
    page = await browser.open("/account/sessions")
    assert TEXTS["sessions.current"] in page.text
    await browser.submit("/account/sessions/end-others")
    page = await browser.submit("/account/logout")
    assert [it["href"] for it in page.tags("a")] == ["#main", "/"]
    assert (await browser.open("/account/register")).status == 404
    assert (await browser.open("/.well-known/change-password")).status == 404
    assert (await browser.send("/account/login/mfa", code="1")).status == 404


@reaches_no_sql
@pytest.mark.parametrize("methods", ["", "zzz", "zzz bar", "totp zzz", "{{ 1 }}", "\u2028"])
@pytest.mark.parametrize("action", ["mfa", "mfa/send"])
async def test_forged_methods(browser: Browser, methods: str, action: str) -> None:
    """Names of factors that a form makes up are left out."""
    page = await browser.send(f"/account/login/{action}", challenge="x" * 300, _methods=methods)
    assert page.status == 422
    assert "zzz" not in page.text


class Pager(SecondFactor):
    """A factor of an application's own."""

    name, amr = "pager", ("otp",)

    def __init__(self, users: Users[Any]) -> None:
        self.users = users

    async def is_enrolled(self, user: Any) -> bool:
        """Ada has it."""
        return bool(user.username == "ada")

    def accepts(self, code: str) -> bool:
        """It takes any code."""
        return bool(code)

    async def verify(self, user: Any, code: str) -> None:
        """It is right, too."""


async def test_factor_of_the_application(users: Users[User], ada: User) -> None:
    """A factor without texts, which is the only one, is asked for by its name."""
    session = SessionAuth(users)
    app = FastAPI()
    app.include_router(Pages(session, Login(users, factors=[Pager(users)])).router)
    browser = Browser(app)
    page = await log_in(browser)
    assert "The code of: Pager" in page.text
    assert (await browser.submit("/account/login/mfa", code="1")).path == "/"


async def test_which_factor(
    users: Users[User], ada: User, clock: FrozenClock, outbox: Outbox, other_site: Site
) -> None:
    """The factor whose code was sent, or that was chosen, stays chosen."""
    app = other_site("codes by mail")
    browser, other = Browser(app), Browser(app)
    await log_in(browser)
    await browser.submit("/account/login/mfa/send")
    await browser.submit("/account/login/mfa", code=outbox.last(SignInCode).code)
    await enrol(browser, clock)
    clock.advance(timedelta(hours=1))
    page = await log_in(other)
    assert _chosen(page) == "totp"
    page = await other.submit("/account/login/mfa", code="aaaa-bbbb", method="recovery_code")
    assert (page.status, _chosen(page)) == (401, "recovery_code")
    page = await other.submit("/account/login/mfa/send")
    assert (page.message, _chosen(page)) == (TEXTS["done.code_sent"], "email_code")
    page = await other.submit("/account/login/mfa", code="000000")
    assert (page.status, _chosen(page)) == (401, "email_code")
    page = await other.submit("/account/login/mfa", code=outbox.last(SignInCode).code)
    assert page.path == "/"


def _chosen(page: Page) -> str:
    [radio] = [it for it in page.tags("input") if it["type"] == "radio" and "checked" in it]
    return radio["value"]
