"""What links in mail lead to: new passwords and addresses; secrets in the fragment or the query."""

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI, Request

from piccolo_api_fastapi import Cookie, SessionAuth, User, Users
from piccolo_api_fastapi.mail import (
    ConfirmEmail,
    EmailChanged,
    LinkMessage,
    ResetPassword,
    VerifyEmail,
)
from piccolo_api_fastapi.pages.forms import Form
from piccolo_api_fastapi.pages.links import BY_LINK, LinkCookie
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import PASSWORD, reaches_no_sql
from tests.pages.browsing import Browser, Page
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import NEW, Parts, log_in

Site = Callable[[str], FastAPI]
COOKIE = "__Host-mailed-link-reset_password"
PAGES = ("verify-email", "reset-password", "change-email", "undo-email")


@pytest.fixture
def querying(other_site: Site) -> Browser:
    """A browser of a site whose links have their secrets in the query."""
    return Browser(other_site("links in the query"))


def path_to(outbox: Outbox, kind: type[LinkMessage]) -> str:
    """The path, with all that follows, of the last link of a kind."""
    links = [message.link for message in outbox.messages if isinstance(message, kind)]
    return links[-1].removeprefix("https://testserver")


async def forget(browser: Browser, outbox: Outbox) -> str:
    """Ask for a link, and return it."""
    await browser.open("/account/forgot-password")
    page = await browser.submit("/account/forgot-password", email="ada@example.com")
    assert page.message.startswith("If there is an account")
    return path_to(outbox, ResetPassword)


async def test_reset_by_fragment(browser: Browser, outbox: Outbox, ada: User) -> None:
    """The secret is typed or set by the script; after a weak password it need not be again."""
    path, _, secret = (await forget(browser, outbox)).partition("#token=")
    page = await browser.open(path)
    assert page.value("token") is None
    page = await browser.submit(path, token=secret, password="short")
    assert (page.status, page.errors) == (422, [TEXTS["error.password_too_short"]])
    assert [it["type"] for it in page.tags("input") if it["name"] == "token"] == ["hidden"]
    assert page.text.count(secret) == 1
    page = await browser.submit(path, password=NEW)
    assert (page.path, page.message) == (
        "/account/login",
        TEXTS["done.reset_password"],
    )
    assert (await log_in(browser, password=NEW)).path == "/"
    page = await browser.send(path, token=secret, password=NEW)
    assert (page.status, page.title) == (401, TEXTS["forgot_password.title"])
    assert secret not in page.text


async def test_reset_by_query(querying: Browser, outbox: Outbox, ada: User) -> None:
    """Without a script: the secret moves from the address into a cookie, and GET spends nothing."""
    link = await forget(querying, outbox)
    secret = link.partition("?token=")[2]
    for _ in range(3):
        scanner = await Browser(querying.client._transport.app).client.get(link)  # type: ignore[attr-defined]
        assert scanner.status_code == 303
    response = await querying.client.get(link)
    assert response.headers["location"] == "/account/reset-password"
    assert response.headers["referrer-policy"] == "no-referrer"
    assert response.headers["cache-control"] == "no-store"
    cookie = response.headers["set-cookie"].lower()
    for part in ("httponly", "samesite=lax", "secure", "path=/", COOKIE.lower()):
        assert part in cookie
    page = await querying.open("/account/reset-password")
    assert secret not in page.text
    page = await querying.submit("/account/reset-password", password="short")
    assert page.status == 422
    page = await querying.submit("/account/reset-password", password=NEW)
    assert page.path == "/account/login"
    assert COOKIE not in querying.client.cookies
    assert (await log_in(querying, password=NEW)).path == "/"


async def test_used_link(querying: Browser, outbox: Outbox, ada: User) -> None:
    """A link that was used leads to where to ask for another one, and its cookie is deleted."""
    link = await forget(querying, outbox)
    await querying.open(link)
    await querying.submit("/account/reset-password", password=NEW)
    await querying.open(link)
    page = await querying.submit("/account/reset-password", password=f"{NEW} 2")
    assert (page.status, page.title) == (401, TEXTS["forgot_password.title"])
    assert COOKIE not in querying.client.cookies
    page = await querying.send("/account/reset-password", _by_link="1", password=NEW)
    assert page.status in {401, 422}


async def test_verify_by_query(querying: Browser, outbox: Outbox) -> None:
    """A new address is verified by one press."""
    await querying.open("/account/register")
    await querying.submit("/account/register", email="ada@example.com", password=PASSWORD)
    page = await querying.open(path_to(outbox, VerifyEmail))
    assert [form.names for form in page.forms] == [
        ["_by_link", "token"],
        ["email", "code"],
        ["email"],
    ]
    page = await querying.submit("/account/verify-email")
    assert (page.path, page.message) == ("/account/login", TEXTS["done.verified"])


@pytest.mark.parametrize("style", ["fragment", "query"])
async def test_change_of_address(
    browser: Browser, querying: Browser, outbox: Outbox, ada: User, style: str
) -> None:
    """The new address counts once its link is opened, and the former one can take it back."""
    used = browser if style == "fragment" else querying
    await log_in(used)
    await used.open("/account/email")
    page = await used.submit(
        "/account/email", email="lovelace@example.com", current_password="wrong one"
    )
    assert (page.status, page.value("email")) == (401, "lovelace@example.com")
    page = await used.submit("/account/email", current_password=PASSWORD)
    assert (page.path, page.message) == (
        "/account/email",
        TEXTS["done.confirm_address"],
    )
    page = await press_link(used, path_to(outbox, ConfirmEmail))
    assert (page.path, page.message) == ("/account", TEXTS["done.changed_email"])
    assert "lovelace@example.com" in page.said("dd")
    page = await press_link(used, path_to(outbox, EmailChanged))
    assert (page.path, page.message) == (
        "/account/login",
        TEXTS["done.undone_email"],
    )
    [row] = await User.select(User.email)
    assert row["email"] == "ada@example.com"
    page = await press_link(used, path_to(outbox, EmailChanged))
    assert (page.status, page.title) == (401, TEXTS["undo_email.title"])


async def press_link(browser: Browser, link: str) -> Page:
    """Open a link and send its form, with the secret that a person pastes if need be."""
    path, mark, secret = link.partition("#token=")
    await browser.open(link if not mark else path)
    return await browser.submit(path.partition("?")[0], **({"token": secret} if mark else {}))


@reaches_no_sql
@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize(
    "token", ["x" * 257, "a\nb", "\u00e9", "a\x00", "", "%0d%0aSet-Cookie:a=b"]
)
async def test_odd_secrets(querying: Browser, page: str, token: str) -> None:
    """What can be no secret of ours stays where it is, and harms nobody."""
    response = await querying.client.get(f"/account/{page}", params={"token": token})
    assert response.status_code == (303 if token.startswith("%") else 200)
    if response.status_code == 303:
        assert response.headers["location"] == f"/account/{page}"
        assert len(response.headers.get_list("set-cookie")) == 1
    else:
        assert "set-cookie" not in response.headers


@pytest.mark.parametrize("secret", ['a"b', "a;b", "a,b c", "a=b", "\\073"])
def test_secrets_survive_the_cookie(secret: str) -> None:
    """A secret comes out of the cookie as it went in, even if it is no token of ours."""
    cookie = LinkCookie("undo_email", secure=True)
    request = Request(
        {
            "type": "http",
            "path": "/",
            "headers": [],
            "query_string": urlencode({"token": secret}).encode(),
        }
    )
    response: Any = cookie.moved(request)
    value = response.headers["set-cookie"].partition(";")[0]
    request = Request({"type": "http", "headers": [(b"cookie", f"a=b; {value}".encode())]})
    form = Form({BY_LINK: str(cookie.held(request))}, {})
    assert cookie.with_secret(form, request).fields["token"] == secret


@reaches_no_sql
async def test_insecure_cookie(users: Users[User], outbox: Outbox) -> None:
    """Where the cookie of the session is sent over plain http, so is that of a link."""
    session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
    browser = Browser(Parts(users, session, links="query").app())
    response = await browser.client.get("http://localhost/account/undo-email?token=x")
    cookie = response.headers["set-cookie"].lower()
    assert cookie.startswith("mailed-link-undo_email=x;")
    assert "secure" not in cookie


# Attacks: a link that somebody else has made a browser open.


@reaches_no_sql
@pytest.mark.security(117)
@pytest.mark.parametrize("page", PAGES)
async def test_no_cookie_by_fragment(browser: Browser, page: str) -> None:
    """Where links have fragments, a secret in the query is ignored, and so is a cookie."""
    response = await browser.client.get(f"/account/{page}?token=tkt_planted")
    assert (response.status_code, "set-cookie" in response.headers) == (200, False)
    names = {"reset": "reset_password", "undo": "undo_email"}
    name = names.get(page.partition("-")[0], page.replace("-", "_"))
    browser.client.cookies.set(f"__Host-mailed-link-{name}", "tkt_planted")
    shown = await browser.open(f"/account/{page}")
    assert BY_LINK not in shown.text
    page_shown = await browser.send(f"/account/{page}", {BY_LINK: "x"}, password=NEW)
    assert page_shown.status == 422


@pytest.mark.security(117)
async def test_planted_link(
    querying: Browser, outbox: Outbox, ada: User, users: Users[User]
) -> None:
    """A link of somebody else, opened meanwhile, does not take the place of one's own."""
    await users.create("eve", PASSWORD, email="eve@example.com")
    await querying.open("/account/forgot-password")
    await querying.submit("/account/forgot-password", email="eve@example.com")
    planted = path_to(outbox, ResetPassword)
    await querying.open(await forget(querying, outbox))
    own = querying.page
    await querying.client.get(planted)
    for password in ("short", NEW):
        querying.page = own
        page = await querying.submit("/account/reset-password", password=password)
        assert page.status == 401
        assert planted.partition("?token=")[2] not in page.text
        digest = own.value(BY_LINK)
        assert digest is not None
        assert digest not in page.text
    assert COOKIE in querying.client.cookies
    for name in ("ada", "eve"):
        assert (await log_in(Browser(querying.client._transport.app), name)).path == "/"  # type: ignore[attr-defined]


@pytest.mark.security(117)
async def test_fragment_wins(querying: Browser, outbox: Outbox, ada: User) -> None:
    """The secret that a script or a person puts into the form is used, not that of the cookie."""
    secret = (await forget(querying, outbox)).partition("?token=")[2]
    await querying.open("/account/reset-password?token=tkt_planted")
    page = await querying.submit("/account/reset-password", token=secret, password="short")
    assert (page.status, page.value("token")) == (422, secret)
    page = await querying.submit("/account/reset-password", password=NEW)
    assert page.path == "/account/login"
    await querying.open("/account/verify-email?token=tkt_planted")
    form = querying.page.forms[1]
    assert form.names == ["email", "code"]


@reaches_no_sql
@pytest.mark.security(117)
@pytest.mark.parametrize(
    "cookies",
    [
        f"{COOKIE}=tkt_own; {COOKIE}=tkt_planted",
        f"{COOKIE.lower()}=tkt_planted",
        "mailed-link-reset_password=tkt_planted",
        f"{COOKIE}=",
        f"{COOKIE}=x; y={'x' * 17_000}",
    ],
    ids=range(5),
)
async def test_planted_cookies(querying: Browser, cookies: str) -> None:
    """Neither a sibling domain's cookie is believed, nor one of two."""
    querying.client.headers["cookie"] = cookies
    page = await querying.open("/account/reset-password")
    assert (page.status, BY_LINK in page.text) == (200, False)
    page = await querying.send("/account/reset-password", {BY_LINK: "x"}, password=NEW)
    assert page.status == 401
    assert "tkt_" not in page.text


@pytest.mark.parametrize("page", ["verify-email", "change-email", "undo-email"])
async def test_dead_link(querying: Browser, page: str) -> None:
    """A link that is of no use any more is not offered again."""
    await querying.open(f"/account/{page}?token=tkt_used")
    shown = await querying.submit(f"/account/{page}")
    assert (shown.status, shown.errors) == (401, [TEXTS["error.invalid_ticket"]])
    assert BY_LINK not in shown.text
    assert len(shown.forms) > 1 or len(list(shown.tags("a"))) > 2
    assert not querying.client.cookies


@pytest.mark.parametrize("style", ["fragment", "query"])
@pytest.mark.parametrize("page", ["verify-email", "change-email", "undo-email"])
async def test_limited_link(browser: Browser, querying: Browser, page: str, style: str) -> None:
    """Who has to wait need not look for the link again."""
    used, path = (browser if style == "fragment" else querying), f"/account/{page}"
    for _ in range(50):
        await used.open(path if style == "fragment" else f"{path}?token=tkt_x")
        typed = {"token": "tkt_x"} if style == "fragment" else {}
        shown = await used.send(path, typed or {BY_LINK: str(used.page.value(BY_LINK))})
        if shown.status == 429:
            break
    shown = used.page
    assert shown.status == 429
    if style == "fragment":
        assert shown.value("token") == "tkt_x"
    else:
        assert shown.value(BY_LINK)
        assert "tkt_x" not in shown.text
