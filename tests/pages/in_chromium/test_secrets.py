"""Secrets are shown once, and leave no trace in addresses; password managers find the fields."""

from typing import Any

import pytest

from piccolo_api_fastapi.mail import ConfirmEmail, ResetPassword
from piccolo_api_fastapi.testing import no_rate_limits
from tests.conftest import PASSWORD
from tests.integration.browser import needs_chromium
from tests.pages.in_chromium.conftest import Visit
from tests.pages.in_chromium.gallery import create_users, gallery
from tests.pages.in_chromium.site import Site, Visitor

pytestmark = [
    needs_chromium,
    pytest.mark.slow,
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

NEW = "two horses, a staple"


async def _html(visitor: Visitor) -> str:
    return str(await visitor.page.run("document.documentElement.outerHTML"))


async def _shown(visitor: Visitor, site: Site) -> list[str]:
    """Show secrets, each once in its page; return them."""
    await visitor.go("/api-tokens")
    await visitor.submit("/api-tokens", name="backup")
    token = await visitor.page.run("document.querySelector('#field-token').value")
    assert (await _html(visitor)).count(token) == 1
    await visitor.follow("/api-tokens")
    assert token not in await _html(visitor)
    await visitor.go("/mfa/totp")
    await visitor.submit("/mfa/totp")
    secret = await visitor.text(".secret")
    plain = secret.replace(" ", "")
    html = await _html(visitor)
    assert (html.count(secret), html.count(plain)) == (1, 0)
    await visitor.submit("/mfa/totp/confirm", code=site.code_of(plain))
    codes = list(await visitor.texts(".codes li"))
    assert len(codes) == 10
    listed = await visitor.page.run("document.querySelector('.codes').outerHTML")
    assert [listed.count(code) for code in codes] == [1] * 10
    await visitor.follow("/mfa")
    html = await _html(visitor)
    assert not any(code in html for code in codes)
    return [token, secret, plain, *codes]


@pytest.mark.security(115)
async def test_traces(visit: Visit, site: Site) -> None:
    """No secret is in the access log, in a `Referer`, in the history or in a later page."""
    await site.users.create("ada", PASSWORD, email="ada@example.com")
    secrets = [PASSWORD, NEW]
    async with visit() as visitor:
        await visitor.log_in("ada", PASSWORD)
        secrets += await _shown(visitor, site)
        await visitor.go("/email")
        await visitor.submit("/email", email="new@example.com", current_password=PASSWORD)
        link = (await site.mailed(ConfirmEmail)).link
        await visitor.go(link)
        await visitor.submit("/change-email")
        assert await visitor.said() == "Your account uses the new address."
        secrets.append(link.rpartition("=")[2])
        await visitor.submit("/logout")
        await visitor.go("/forgot-password")
        await visitor.submit("/forgot-password", email="new@example.com")
        link = (await site.mailed(ResetPassword)).link
        await visitor.go(link)
        await visitor.submit("/reset-password", password=NEW)
        secrets.append(link.rpartition("=")[2])
        await visitor.log_in("ada", NEW)
        challenge = await visitor.page.run("document.querySelector('[name=challenge]').value")
        history = await visitor.page.call("Page.getNavigationHistory")
        addresses = [entry["url"] for entry in history["entries"]]
    written = str([entry[1:3] for entry in site.log]) + str(addresses)
    assert [secret for secret in (*secrets, challenge) if secret in written] == []


async def test_values_are_not_kept(visit: Visit, site: Site) -> None:
    """After an error the name is kept; passwords, codes and tokens never are."""
    async with visit(javascript=False) as visitor:
        await visitor.go("/register")
        await visitor.submit_unchecked(
            "/register", email="ada@example.com", username="ada", password="short"
        )
        values = await visitor.page.run(
            "[...document.forms[0].elements].map((one) => one.name + '=' + one.value)"
        )
        assert {"email=ada@example.com", "username=ada", "password="} <= set(values)
        await visitor.go("/verify-email")
        await visitor.submit_unchecked("/verify-email", email="ada@example.com", code="123456")
        await visitor.go("/reset-password")
        await visitor.submit_unchecked("/reset-password", token="tkt_secret", password="short")
        assert "tkt_secret" not in await visitor.text("body")


PASSWORD_FORM = """[...document.forms].filter((form) => form.querySelector("[type=password]"))
    .map((form) => [...form.elements].map((one) => one.autocomplete).filter(Boolean))"""

CONTRACT: dict[str, list[str]] = {
    "/login": ["username webauthn", "current-password"],
    "/register": ["email", "new-password", "username", "given-name", "family-name"],
    "/reset-password": ["off", "new-password"],
    "/password": ["username", "current-password", "new-password"],
    "/email": ["username", "email", "current-password"],
    "/close": ["username", "current-password"],
    "/reauthenticate": ["username", "current-password"],
}
"""What the inputs of each form with a password say to password managers."""


async def test_password_managers(visit: Visit, site: Site) -> None:
    """
    Each form with a password has one name and its password fields by their tokens, pasting is
    not prevented, and a success is a navigation to a page without the form.
    """
    await site.users.create("ada", PASSWORD, email="ada@example.com")
    found: dict[str, Any] = {}
    async with visit(javascript=False) as visitor:
        for path in CONTRACT:
            if path == "/password":
                await visitor.log_in("ada", PASSWORD)
                assert not await visitor.page.run("document.querySelector('[type=password]')")
            await visitor.go(path)
            (found[path],) = await visitor.page.run(PASSWORD_FORM)
        names = "document.querySelector('.visually-hidden[name=_username]').value"
        assert await visitor.page.run(names) == "ada"
        await visitor.go("/password")
        await visitor.submit("/password", current_password=PASSWORD, new_password=NEW)
        assert not await visitor.page.run("document.querySelector('[type=password]')")
        await visitor.go(f"{site.address}/.well-known/change-password")
        assert await visitor.here() == "/account/password"
        await visitor.go(f"{site.address}/.well-known/nothing")
        assert site.log[-1][3] == 404
    assert found == CONTRACT


async def test_tab_order(visit: Visit, site: Site) -> None:
    """The Tab key goes through each page in the order in which it is read, and skips nothing."""
    await create_users(site)
    focused = "[...document.querySelectorAll('*')].indexOf(document.activeElement)"
    shown = """[...document.querySelectorAll("a[href], button, input:not([type=hidden]), select")]
        .filter((one) => one.checkVisibility() && one.tabIndex >= 0 && one.type !== "radio")
        .map((one) => [...document.querySelectorAll("*")].indexOf(one))"""
    with no_rate_limits():
        async with visit() as visitor:
            async for state in gallery(visitor):
                expected = await visitor.page.run(shown)
                await visitor.page.run("document.body.tabIndex = -1; document.body.focus()")
                order = []
                for _ in expected:
                    await visitor.page.press("Tab")
                    order.append(await visitor.page.run(focused))
                assert order == expected, state
                if state == "account":
                    break
