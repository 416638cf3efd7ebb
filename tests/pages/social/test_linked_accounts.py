"""Linking and unlinking accounts at providers, and links that wait to be confirmed."""

from datetime import timedelta
from uuid import uuid4

from fastapi import FastAPI

from piccolo_api_fastapi import (
    OAuthAccount,
    User,
    Users,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.social.hostile import Provider
from tests.conftest import PASSWORD
from tests.pages.browsing import Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import Parts, log_in
from tests.pages.social.providing import ADA, CONFIRM, LINKED, come_back, link, use, variant, verify


async def test_link_and_unlink(
    browser: Browser, ada: User, provider: Provider, clock: FrozenClock
) -> None:
    """A user links an account, sees it, and unlinks it, each after a factor."""
    await log_in(browser)
    page = await browser.open(LINKED)
    assert LINKED in [it["href"] for it in page.tags("a")]
    assert TEXTS["linked_accounts.none"] in page.text
    clock.advance(timedelta(minutes=6))
    page = await browser.press("/company/link")
    assert page.path == "/account/reauthenticate"
    page = await browser.submit("/account/reauthenticate", password=PASSWORD)
    assert page.path == LINKED
    page = await come_back(browser, provider, await browser.press("/company/link"))
    assert (page.path, page.message) == (LINKED, TEXTS["done.oauth_linked"])
    assert page.said("strong") == "Example Inc."
    assert page.said("account") == "ada@example.com"
    assert [it.action for it in page.forms if it.action.endswith("/link")] == [
        f"{LINKED}/other/link"
    ]
    [unlink] = [it.action for it in page.forms if it.action.endswith("/unlink")]
    clock.advance(timedelta(minutes=6))
    page = await browser.submit(unlink)
    assert page.path == "/account/reauthenticate"
    page = await browser.submit("/account/reauthenticate", password=PASSWORD)
    assert page.path == LINKED
    page = await browser.submit(unlink)
    assert (page.path, page.message) == (LINKED, TEXTS["done.oauth_unlinked"])
    assert await OAuthAccount.count() == 0
    page = await browser.send(unlink)
    assert page.message == TEXTS["done.oauth_unlinked"], "a second click is no error"


async def test_last_way_in(browser: Browser, provider: Provider) -> None:
    """A user without a password can't unlink the only account."""
    await use(browser, provider)
    await browser.open(LINKED)
    page = await browser.press("/unlink")
    assert (page.status, page.title) == (409, TEXTS["linked_accounts.title"])
    assert page.errors == [TEXTS["linked_accounts.error.last_way_in"]]
    assert page.said("strong") == "Example Inc."


async def test_provider_of_old(
    browser: Browser, ada: User, provider: Provider, parts: Parts
) -> None:
    """An account at a provider that is no longer there can be unlinked."""
    await log_in(browser)
    await link(browser, provider)
    await OAuthAccount.update({OAuthAccount.provider: "former"}, force=True)
    page = await browser.open(LINKED)
    assert page.said("strong") == "former"
    assert (await browser.press("/unlink")).message == TEXTS["done.oauth_unlinked"]


async def test_confirm(browser: Browser, ada: User, users: Users[User], provider: Provider) -> None:
    """A user whose address is known logs in as usual, and confirms the link."""
    await verify(users)
    page = await use(browser, provider)
    assert (page.status, page.title) == (409, TEXTS["oauth_callback.title"])
    assert page.errors == [TEXTS["error.account_exists"]]
    assert TEXTS["oauth_callback.exists"] in page.text
    [way] = [it["href"] for it in page.tags("a") if "next=" in it["href"]]
    await browser.open(way)
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert (page.path, page.title) == (CONFIRM, TEXTS["confirm_link.title"])
    page = await browser.submit(CONFIRM)
    assert (page.path, page.message) == (LINKED, TEXTS["done.oauth_linked"])
    assert page.said("account") == "ada@example.com"
    page = await browser.open(CONFIRM)
    assert not [it for it in page.forms if it.action == CONFIRM]
    assert TEXTS["confirm_link.nothing"] in page.text


async def test_confirm_late(
    browser: Browser, ada: User, users: Users[User], provider: Provider, clock: FrozenClock
) -> None:
    """A link waits for ten minutes, and for a recent factor."""
    await verify(users)
    await use(browser, provider)
    await log_in(browser)
    clock.advance(timedelta(minutes=6))
    await browser.open(CONFIRM)
    page = await browser.submit(CONFIRM)
    assert page.path == "/account/reauthenticate"
    page = await browser.submit("/account/reauthenticate", password=PASSWORD)
    assert page.path == CONFIRM
    clock.advance(timedelta(minutes=5))
    await browser.open("/account/reauthenticate")
    await browser.submit("/account/reauthenticate", password=PASSWORD)
    await browser.open(CONFIRM)
    page = await browser.submit(CONFIRM)
    assert page.status == 400
    assert page.errors == [TEXTS["error.login_flow_unknown"]]
    assert await OAuthAccount.count() == 0


async def test_confirm_needs_a_user(browser: Browser) -> None:
    """Who is not logged in comes to the page by logging in."""
    page = await browser.open(CONFIRM)
    assert page.url.startswith("/account/login?next=%2Faccount%2Flinked-accounts%2Fconfirm")


async def test_already_linked(
    browser: Browser, app: FastAPI, ada: User, provider: Provider
) -> None:
    """The page of the error leads a user who is logged in back to their accounts."""
    provider.claims = {"sub": "1", "email": "eve@example.com", "email_verified": True}
    await use(Browser(app), provider)
    await log_in(browser)
    page = await link(browser, provider)
    assert (page.status, page.errors) == (409, [TEXTS["error.already_linked"]])
    assert [it["href"] for it in page.tags("a")][-1] == LINKED


async def test_never_linked(users: Users[User], ada: User, outbox: Outbox) -> None:
    """Where nothing waits to be confirmed, the user is shown how to link an account."""
    parts, app = variant(users, "never linked")
    await verify(users)
    parts.provider.claims = dict(ADA)
    browser = Browser(app)
    page = await use(browser, parts.provider)
    assert page.errors == [TEXTS["error.account_exists"]]
    [way] = [it["href"] for it in page.tags("a") if "next=" in it["href"]]
    await browser.open(way)
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    assert TEXTS["confirm_link.nothing"] in page.text
    assert LINKED in [it["href"] for it in page.tags("a")]
    page = await link(browser, parts.provider)
    assert page.message == TEXTS["done.oauth_linked"]


async def test_other_sites_signed_in(browser: Browser, ada: User) -> None:
    """A form that another site sends links and unlinks nothing."""
    await log_in(browser)
    for path in (f"{LINKED}/company/link", CONFIRM, f"{LINKED}/{uuid4()}/unlink"):
        response = await browser.client.post(path, headers={"sec-fetch-site": "cross-site"})
        assert response.status_code == 403, path
