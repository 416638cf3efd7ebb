"""What tests of the pages of log-ins with providers have in common."""

from collections.abc import Callable
from functools import lru_cache
from urllib.parse import parse_qs, urlsplit

from fastapi import FastAPI

from piccolo_api_fastapi import (
    OIDC,
    User,
    Users,
)
from tests.accounts.social.hostile import ISSUER, Provider
from tests.pages.browsing import Browser, Page
from tests.pages.conftest import Parts, company

BEGIN = "/account/login/oauth/company"
CALLBACK = "/account/oauth/company/callback"
LINKED = "/account/linked-accounts"
CONFIRM = f"{LINKED}/confirm"
ADA = {"sub": "248289761001", "email": "ada@example.com", "email_verified": True}


def refresh_of(page: Page) -> str:
    """The address to which a page sends the browser on."""
    [content] = [it["content"] for it in page.tags("meta") if it.get("http-equiv") == "refresh"]
    delay, _, url = content.partition("; url=")
    assert delay == "0"
    return url


def query_of(url: str) -> dict[str, str]:
    """The parameters of an address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(url).query).items()}


async def come_back(browser: Browser, provider: Provider, page: Page) -> Page:
    """Consent at the provider that a page leads to, and come back."""
    url = refresh_of(page)
    assert url.startswith(f"{ISSUER}/authorize?")
    given, path = provider.authorize(url), urlsplit(query_of(url)["redirect_uri"]).path
    headers = {"sec-fetch-site": "cross-site"}
    return await browser.open(path, params=given, headers=headers)


async def use(browser: Browser, provider: Provider, next: str = "", name: str = "company") -> Page:  # noqa: A002 - as in addresses
    """Log in with the provider, from the page to log in."""
    await browser.open(f"/account/login{f'?next={next}' if next else ''}")
    page = await browser.press(f"/login/oauth/{name}")
    assert page.status == 200, page.text
    return await come_back(browser, provider, page)


async def link(browser: Browser, provider: Provider, name: str = "company") -> Page:
    """Link an account, from the page with the linked ones."""
    await browser.open(LINKED)
    return await come_back(browser, provider, await browser.press(f"/{name}/link"))


async def verify(users: Users[User]) -> None:
    """Let `ada` have proved her address."""
    [ada] = await User.objects().where(User.username == "ada")
    parts = Parts(users)
    async with User._meta.db.transaction():
        await parts.accounts.mailboxes.verification.mark_verified(ada.id, "ada@example.com")


class Posting(OIDC):
    """A provider that lets the browser send a form, as Apple does."""

    posts_callback = True


@lru_cache
def variant(users: Users[User], name: str) -> tuple[Parts, FastAPI]:
    """A site that differs from the usual one."""
    parts = VARIANTS[name](users)
    return parts, parts.app()


VARIANTS: dict[str, Callable[[Users[User]], Parts]] = {
    "no sign-up": lambda users: Parts(users, social={"sign_up": False}),
    "never linked": lambda users: Parts(users, social={"linking": "never"}),
    "posts": lambda users: Parts(users, social={"providers": [company(kind=Posting)]}),
    "own errors": lambda users: Parts(
        users, social={"paths": {"mfa": "/app/mfa", "error": "/app/error"}}
    ),
}
