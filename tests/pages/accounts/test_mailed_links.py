"""What links in mail lead to: new passwords and addresses; secrets in the fragment or the query."""

from collections.abc import Callable

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import User
from piccolo_api_fastapi.mail import (
    ConfirmEmail,
    EmailChanged,
    LinkMessage,
    ResetPassword,
    VerifyEmail,
)
from piccolo_api_fastapi.testing import Outbox
from tests.conftest import PASSWORD, reaches_no_sql
from tests.pages.browsing import Browser, Page
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import NEW, log_in

Site = Callable[[str], FastAPI]
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
    for part in ("httponly", "samesite=lax", "secure", "path=/account/reset-password"):
        assert part in cookie
    page = await querying.open("/account/reset-password")
    assert secret not in page.text
    page = await querying.submit("/account/reset-password", password="short")
    assert page.status == 422
    page = await querying.submit("/account/reset-password", password=NEW)
    assert page.path == "/account/login"
    assert "mailed-link" not in querying.client.cookies
    assert (await log_in(querying, password=NEW)).path == "/"


async def test_used_link(querying: Browser, outbox: Outbox, ada: User) -> None:
    """A link that was used leads to where to ask for another one, and its cookie is deleted."""
    link = await forget(querying, outbox)
    await querying.open(link)
    await querying.submit("/account/reset-password", password=NEW)
    await querying.open(link)
    page = await querying.submit("/account/reset-password", password=f"{NEW} 2")
    assert (page.status, page.title) == (401, TEXTS["forgot_password.title"])
    assert "mailed-link" not in querying.client.cookies
    page = await querying.send("/account/reset-password", _by_link="1", password=NEW)
    assert page.status in {401, 422}


async def test_verify_by_query(querying: Browser, outbox: Outbox) -> None:
    """A new address is verified by one press."""
    await querying.open("/account/register")
    await querying.submit("/account/register", email="ada@example.com", password=PASSWORD)
    page = await querying.open(path_to(outbox, VerifyEmail))
    assert [form.names for form in page.forms] == [["_by_link"]]
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
async def test_odd_secrets(browser: Browser, page: str, token: str) -> None:
    """What can be no secret of ours stays where it is, and harms nobody."""
    response = await browser.client.get(f"/account/{page}", params={"token": token})
    assert response.status_code == (303 if token.startswith("%") else 200)
    if response.status_code == 303:
        assert response.headers["location"] == f"/account/{page}"
        assert len(response.headers.get_list("set-cookie")) == 1
    else:
        assert "set-cookie" not in response.headers


@reaches_no_sql
@pytest.mark.parametrize("secret", ['a"b', "a;b", "a,b c", "a=b", "\\073"])
async def test_secrets_survive_the_cookie(browser: Browser, secret: str) -> None:
    """A secret comes out of the cookie as it went in, even if it is no token of ours."""
    await browser.open("/account/undo-email", params={"token": secret})
    page = await browser.submit("/account/undo-email")
    assert page.status == 401
    assert "mailed-link" not in browser.client.cookies


@reaches_no_sql
async def test_insecure_host(browser: Browser) -> None:
    """Over plain http, as on a developer's machine, the cookie is not marked as secure."""
    response = await browser.client.get("http://localhost/account/undo-email?token=x")
    assert "secure" not in response.headers["set-cookie"].lower()
