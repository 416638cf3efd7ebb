"""Logging in by e-mail and with a provider, by a person with a browser."""

import re
from typing import Any

import pytest

from piccolo_api_fastapi.mail import SignInByEmail
from tests.conftest import PASSWORD
from tests.integration.browser import Chromium, needs_chromium
from tests.pages.in_chromium.conftest import visiting
from tests.pages.in_chromium.further_logins import BEGIN, answer
from tests.pages.in_chromium.site import Visitor, open_site

pytestmark = [
    needs_chromium,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
    pytest.mark.parametrize(
        "javascript", [False, pytest.param(True, marks=pytest.mark.slow)], ids=["plain", "script"]
    ),
]


async def _ask(visitor: Visitor) -> SignInByEmail:
    """Ask for a log-in from a guarded page, and return the mail."""
    await visitor.go(f"{visitor.site.address}/home/x")
    await visitor.follow("/login/email")
    await visitor.submit("/login/email", email="ada@example.com")
    assert await visitor.said()
    return await visitor.site.mailed(SignInByEmail)


@pytest.mark.slow
async def test_by_email(chromium: Chromium, database_of_any_loop: Any, *, javascript: bool) -> None:
    """
    A link logs in the browser that asked, and no other one, in which the user is told to type the
    code where they began. To open a link does nothing.
    """
    with open_site(links="fragment" if javascript else "query") as site:
        await site.users.create("ada", PASSWORD, email="ada@example.com")
        visit = visiting(chromium, site)
        async with visit(javascript=javascript) as ada, visit(javascript=javascript) as phone:
            mail = await _ask(ada)
            await phone.go(mail.link)
            assert "token" not in await phone.page.run("location.href")
            await phone.submit("/login-by-email")
            assert "different browser" in await phone.text()
            await ada.submit("/login/email/code", code=mail.code)
            assert await ada.here() == "/home/x"
            await ada.go("/logout")
            await ada.submit("/logout")
            mail = await _ask(ada)
            async with visit(javascript=javascript, beside=ada) as tab:
                for path in (mail.link, "/login", mail.link):
                    await tab.go(path)
                assert await tab.text("h1") == "Log in by e-mail"
                await tab.submit("/login-by-email")
                assert await tab.text("#who") == "ada"
            for visitor in (ada, phone):
                assert not [it for it in visitor.page.complaints if "Failed to load" not in it]
        referers = [entry[2] for entry in site.log]
        assert not re.search("token=tkt", str(referers))


@pytest.mark.slow
async def test_with_a_provider(
    chromium: Chromium, database_of_any_loop: Any, *, javascript: bool
) -> None:
    """
    A button leads to the provider, which sends the browser on to a third origin: the policy of the
    pages stops neither. The second step is shown without a script.
    """
    with open_site() as site:
        site.company.knows("grace@example.com")
        visit = visiting(chromium, site)
        async with visit(javascript=javascript) as grace, visit(javascript=javascript) as other:
            await grace.go(f"{site.address}/home/x")
            await answer(grace, BEGIN)
            assert await grace.here() == "/home/x"
            assert await grace.text("#who") == "grace@example.com"
            await grace.go("/linked-accounts")
            assert "grace@example.com" in await grace.text(".rows")
            await grace.go("/mfa/totp")
            await grace.submit("/mfa/totp")
            secret = (await grace.text(".secret")).replace(" ", "")
            await grace.submit("/mfa/totp/confirm", code=site.code_of(secret))
            await other.go(f"{site.address}/home/x")
            await answer(other, BEGIN)
            assert await other.text("h1") == "Second step"
            await other.submit("/login/mfa", code=site.code_of(secret))
            assert await other.here() == "/home/x"
            for visitor in (grace, other):
                assert not [it for it in visitor.page.complaints if "Failed to load" not in it]
