"""Logging in by e-mail: the address, the link, the code, and another browser."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import ConfigurationError, EmailLogin, User, Users
from piccolo_api_fastapi.mail import SignInByEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import reaches_no_sql
from tests.pages.browsing import Browser, Page
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import Parts, code_of, enrol, log_in

EMAIL, CODE, LINK = "/account/login/email", "/account/login/email/code", "/account/login-by-email"
COOKIE = "__Host-email-login"
HELD = "__Host-mailed-link-email_login_link"

SiteOf = Callable[[str], FastAPI]


async def ask(browser: Browser, email: str = "ada@example.com", next: str = "") -> Page:  # noqa: A002 - as in addresses
    """Ask for a log-in, from the page to log in."""
    await browser.open(f"/account/login{f'?next={next}' if next else ''}")
    [way] = [it["href"] for it in browser.page.tags("a") if it["href"].startswith(EMAIL)]
    await browser.open(way)
    return await browser.submit(EMAIL, email=email)


def mailed(outbox: Outbox) -> SignInByEmail:
    """The last mail."""
    return outbox.last(SignInByEmail)


def path_of(outbox: Outbox) -> str:
    """The path of the link in the last mail, with all that follows."""
    return mailed(outbox).link.removeprefix("https://testserver")


def wrong(code: str) -> str:
    """Another code."""
    return f"{(int(code) + 1) % 10**6:06}"


async def test_by_code(browser: Browser, outbox: Outbox, ada: User) -> None:
    """The code that is mailed logs in, and the user goes on to where they wanted to."""
    page = await ask(browser, next="/home?x=1")
    assert (page.status, page.title) == (202, TEXTS["email_login_code.title"])
    assert page.message == TEXTS["done.login_mailed"]
    assert page.said("strong") == "ada@example.com"
    code = mailed(outbox).code
    page = await browser.submit(CODE, code=wrong(code))
    assert page.status == 401
    assert page.errors == [TEXTS["email_login_code.error.invalid_ticket"]]
    assert page.said("strong") == "ada@example.com"
    assert code not in page.text
    page = await browser.submit(CODE, code=f" {code[:3]} {code[3:]} ")
    assert page.url == "/home?x=1"
    assert COOKIE not in browser.client.cookies
    page = await browser.send(CODE, email="ada@example.com", code=code)
    assert page.errors == [TEXTS["email_login_code.error.invalid_ticket"]]


async def test_again(browser: Browser, outbox: Outbox, ada: User, clock: FrozenClock) -> None:
    """A user can have the mail sent again, and keeps where they wanted to go."""
    await ask(browser, next="/home")
    first = mailed(outbox)
    clock.advance(timedelta(minutes=5))
    page = await browser.submit(EMAIL)
    assert (page.status, page.message) == (202, TEXTS["done.login_mailed"])
    assert mailed(outbox) is not first
    assert (await browser.submit(CODE, code=mailed(outbox).code)).path == "/home"


async def test_strangers(browser: Browser, outbox: Outbox, ada: User) -> None:
    """For an address that nobody has, the page is the same, and no mail is sent."""
    known = await ask(browser)
    count = len(outbox.messages)
    page = await ask(Browser(browser.client._transport.app), "eve@example.com")  # type: ignore[attr-defined]
    assert page.text == known.text.replace("ada@example.com", "eve@example.com")
    assert len(outbox.messages) == count
    page = await ask(browser, "nobody")
    assert (page.status, page.title) == (422, TEXTS["email_login.title"])
    assert page.errors == [TEXTS["error.email_invalid"]]
    assert page.value("email") == "nobody"


async def test_code_without_address(browser: Browser, outbox: Outbox, ada: User) -> None:
    """A user who closed the page can type the address and the code."""
    await ask(browser)
    code = mailed(outbox).code
    await browser.open(f"{EMAIL}?next=/home")
    [way] = [it["href"] for it in browser.page.tags("a") if it["href"].startswith(CODE)]
    page = await browser.open(way)
    assert [form.action for form in page.forms] == [CODE]
    page = await browser.submit(CODE, email="nobody", code=code)
    assert (page.status, page.errors) == (422, [TEXTS["error.email_invalid"]])
    assert page.value("email") == "nobody"
    page = await browser.submit(CODE, email="ada@example.com", code=code)
    assert page.path == "/home"


async def test_link_in_the_same_browser(browser: Browser, outbox: Outbox, ada: User) -> None:
    """Opening the link does nothing. The button logs in the browser that asked, once."""
    await ask(browser)
    path, _, secret = path_of(outbox).partition("#token=")
    assert path == LINK
    for _ in range(2):
        page = await browser.open(path)
        assert (page.status, page.title) == (200, TEXTS["email_login_link.title"])
        assert page.value("token") is None
        [field] = [it for it in page.tags("input") if it["name"] == "token"]
        assert "data-fragment" in field
    page = await browser.submit(path, token=secret)
    assert page.path == "/"
    assert (await browser.open("/home")).text == '{"username":"ada"}'
    page = await browser.send(path, token=secret)
    assert (page.status, page.title) == (401, TEXTS["email_login.title"])
    assert page.errors == [TEXTS["error.invalid_ticket"]]
    assert secret not in page.text


async def test_link_in_another_browser(
    browser: Browser, app: FastAPI, outbox: Outbox, ada: User
) -> None:
    """Another browser says where the code is to be typed, and is not logged in."""
    await ask(browser)
    other, (path, _, secret) = Browser(app), path_of(outbox).partition("#token=")
    await other.open(path)
    page = await other.submit(path, token=secret)
    assert (page.status, page.title) == (200, TEXTS["email_login_elsewhere.title"])
    assert secret not in page.text
    assert not other.client.cookies
    assert (await other.open("/home")).path == "/account/login"
    assert (await browser.submit(CODE, code=mailed(outbox).code)).path == "/"
    await other.open(path)
    page = await other.submit(path, token=secret)
    assert page.errors == [TEXTS["error.invalid_ticket"]]


async def test_link_in_the_query(other_site: SiteOf, outbox: Outbox, ada: User) -> None:
    """The secret leaves the address, and is in no page; without a script, the button logs in."""
    app = other_site("links in the query")
    browser, other = Browser(app), Browser(app)
    await ask(browser)
    link, secret = path_of(outbox), path_of(outbox).partition("token=")[2]
    page = await other.open(link)
    assert page.url == LINK
    assert secret not in page.text
    page = await other.submit(LINK)
    assert page.title == TEXTS["email_login_elsewhere.title"]
    assert HELD not in other.client.cookies
    page = await browser.open(link)
    assert HELD in browser.client.cookies
    page = await browser.submit(LINK)
    assert page.path == "/"
    assert HELD not in browser.client.cookies
    assert (await browser.open("/home")).text == '{"username":"ada"}'


async def test_second_factor(
    browser: Browser, app: FastAPI, outbox: Outbox, ada: User, clock: FrozenClock
) -> None:
    """The second step follows a code and a link as it follows a password."""
    await log_in(browser)
    phone, _ = await enrol(browser, clock)
    for by_link in (False, True):
        clock.advance(timedelta(minutes=5))
        visitor = Browser(app)
        await ask(visitor, next="/strong")
        if by_link:
            path, _, secret = path_of(outbox).partition("#token=")
            await visitor.open(path)
            page = await visitor.submit(path, token=secret)
        else:
            page = await visitor.submit(CODE, code=mailed(outbox).code)
        assert page.title == TEXTS["login_mfa.title"]
        page = await visitor.submit("/account/login/mfa", code=code_of(phone, clock))
        assert page.path == ("/" if by_link else "/strong")
        assert (await visitor.open("/strong")).status == 200


async def test_enrolment(other_site: SiteOf, outbox: Outbox, ada: User) -> None:
    """A user who must have a second factor sets one up."""
    browser = Browser(other_site("enrolment required"))
    await ask(browser)
    page = await browser.submit(CODE, code=mailed(outbox).code)
    assert page.path == "/account/mfa/totp"


async def test_refusal(other_site: SiteOf, outbox: Outbox, ada: User) -> None:
    """A hook that refuses is heard."""
    browser = Browser(other_site("hook"))
    await ask(browser)
    path, _, secret = path_of(outbox).partition("#token=")
    await browser.open(path)
    page = await browser.submit(path, token=secret)
    assert (page.status, page.errors) == (403, [TEXTS["error.login_refused"]])


async def test_a_session_that_ended(browser: Browser, outbox: Outbox, ada: User) -> None:
    """A cookie of old keeps nobody from the pages, nor from the link."""
    cookies = browser.client.cookies
    await ask(browser)
    cookies.set("__Host-session", "sess_old", domain="testserver", path="/")
    for path in (EMAIL, CODE, LINK):
        assert (await browser.open(path)).path == path
    await browser.submit(LINK, token=path_of(outbox).partition("#token=")[2])
    assert (await browser.open("/home")).text == '{"username":"ada"}'


async def test_signed_in(browser: Browser, ada: User) -> None:
    """A user who is logged in goes on; forms lead back to their beginnings."""
    for path in (EMAIL, CODE):
        assert (await browser.open(path)).path == path
    await log_in(browser)
    for path in (EMAIL, CODE):
        assert (await browser.open(f"{path}?next=/home")).path == "/home"


@reaches_no_sql
async def test_other_sites(browser: Browser) -> None:
    """A form that another site sends is refused."""
    for path in (EMAIL, CODE, LINK):
        headers = {"sec-fetch-site": "cross-site"}
        response = await browser.client.post(path, data={"email": "x"}, headers=headers)
        assert response.status_code == 403
        assert not browser.client.cookies


@reaches_no_sql
def test_configuration(users: Users[User], outbox: Outbox) -> None:
    """The links must lead to the pages of the same accounts."""
    parts = Parts(users)
    others = Parts(users, parts.session)
    for accounts in (None, others.accounts):
        with pytest.raises(ConfigurationError, match="email_login"):
            parts.pages(accounts=accounts, email_login=EmailLogin(parts.accounts))
