"""The pages to log in by e-mail and with providers, in each of their states."""

import asyncio
from collections.abc import AsyncIterator

from piccolo_api_fastapi.mail import SignInByEmail
from tests.conftest import PASSWORD
from tests.pages.in_chromium.site import Visitor

BEGIN = "/login/oauth/company"


async def by_email(visitor: Visitor) -> AsyncIterator[str]:
    """Log in by e-mail, without success."""
    await visitor.go("/login/email?next=/home/x")
    yield "email_login"
    await visitor.submit_unchecked("/login/email", email="nobody")
    yield "email_login, wrong address"
    await visitor.submit("/login/email", email="ada@example.com")
    yield "email_login_code"
    await visitor.submit("/login/email/code", code="000000")
    yield "email_login_code, wrong code"
    await visitor.go("/login/email/code")
    yield "email_login_code, without an address"
    await visitor.go("/login-by-email")
    yield "email_login_link"
    await visitor.submit("/login-by-email", token="wrong")
    yield "email_login, wrong link"
    await visitor.follow("/login")
    link = (await visitor.site.mailed(SignInByEmail)).link
    await visitor.go(link)
    yield "email_login_link, by link"
    await visitor.page.call("Network.clearBrowserCookies")
    # Without a script, the secret is typed.
    is_typed = await visitor.page.run("document.querySelector('[name=token]').checkVisibility()")
    typed = {"token": link.partition("token=")[2]} if is_typed else {}
    await visitor.submit("/login-by-email", **typed)
    yield "email_login_elsewhere"


async def answer(visitor: Visitor, action: str, reply: str = "yes") -> None:
    """
    Go to the provider by a form, say yes or no there, and come back.

    Args:
        visitor: The visitor.
        action: The action of the form.
        reply: What they say.
    """
    await visitor.submit(action)
    await visitor.page.wait(f"document.querySelector('#{reply}')")
    assert await visitor.page.run("location.origin") == visitor.site.company.third
    visitor.page.requests.clear()
    async with visitor.page.loading():
        await visitor.page.click(f"#{reply}")


async def by_provider(visitor: Visitor) -> AsyncIterator[str]:
    """Log in with a provider, and link an account. The users are those of the gallery."""
    company = visitor.site.company
    company.knows("keys@example.com")
    company.is_silent = True
    await visitor.page.call("Network.clearBrowserCookies")
    await visitor.go("/login")
    await visitor.submit(BEGIN)
    while "/provider/authorize" not in visitor.page.documents[-1]["url"]:
        await asyncio.sleep(0.02)
        await visitor.page.run("document.title")
    visitor.page.documents.pop()
    visitor.page.requests.clear()
    company.is_silent = False
    yield "oauth_begun"
    await visitor.go("/login")
    await answer(visitor, BEGIN, "no")
    yield "oauth_callback, refused"
    await visitor.go("/login")
    await answer(visitor, BEGIN)
    yield "oauth_callback, account exists"
    await visitor.follow("/login")
    await visitor.submit("/login", username="keys", password=PASSWORD)
    yield "confirm_link"
    await visitor.submit("/linked-accounts/confirm")
    yield "linked_accounts, one"
    await visitor.go("/linked-accounts/confirm")
    yield "confirm_link, nothing"
    await visitor.go("/linked-accounts")
    async with visitor.page.loading():
        await visitor.page.click("form[action$='/unlink'] button")
    yield "linked_accounts"
    await answer(visitor, "/linked-accounts/company/link")
    yield "linked_accounts, linked by its button"
