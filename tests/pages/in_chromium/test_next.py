"""`next` never leads a browser off the site, and other sites can neither send forms nor frame."""

from itertools import product
from urllib.parse import quote

import pytest

from piccolo_api_fastapi import User
from piccolo_api_fastapi.mail import SignInCode, VerifyEmail
from piccolo_api_fastapi.testing import no_rate_limits
from tests.conftest import PASSWORD
from tests.integration.browser import needs_chromium
from tests.pages.in_chromium.conftest import Visit
from tests.pages.in_chromium.site import Site, Visitor

pytestmark = [
    needs_chromium,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

REFUSED = (
    "//evil.test",
    "/\\evil.test",
    "///evil.test",
    "https://evil.test",
    "javascript:alert(1)",
    "/\t/evil.test",
    "\\/evil.test",
    "http:evil.test",
    "/home\\..\\..\\evil.test",
    "/home\r\nLocation: https://evil.test",
    "evil.test",
    "data:text/html,x",
    "/home\u3002test",
)

KEPT = ("/home/%5Ce", "/home/%09/e", "/home?b=//c", "/home/%0d%0a", "/home/x?y=1&z=%2F#there")

GENERATED = [
    "".join(parts)
    for parts in product(
        ("", "/", "//", "\\", "/\\", "/.", "/%2f", "/%5c", "\t/", " /", "/@"),
        ("/", "\\", "", "@", ";", "\t"),
        ("evil.test", "evil.test/home", "user@evil.test"),
    )
]
"""Beginnings that some browser or server has taken for another host."""


def _hosts(visitor: Visitor) -> set[str]:
    return {
        request["request"]["url"].partition("//")[2].partition("/")[0]
        for request in visitor.page.requests
        if request["request"]["url"].startswith("http")
    }


@pytest.mark.security(106)
async def test_after_login(visit: Visit, site: Site) -> None:
    """Each address is a path of the site or the default, however strange it is."""
    await site.users.create("ada", PASSWORD)
    with no_rate_limits():
        async with visit() as visitor:
            for wanted in (*REFUSED, *KEPT):
                await visitor.page.call("Network.clearBrowserCookies")
                await visitor.go(f"/login?next={quote(wanted)}")
                await visitor.submit("/login", username="ada", password=PASSWORD)
                here = await visitor.page.run("location.href")
                expected = wanted if wanted in KEPT else "/home"
                assert here == f"{site.address}{expected}", wanted
            assert _hosts(visitor) == {site.address.partition("//")[2]}


@pytest.mark.security(106)
async def test_generated(visit: Visit, site: Site) -> None:
    """A signed-in browser is sent on at once, and 198 generated addresses keep it here."""
    await site.users.create("ada", PASSWORD)
    async with visit() as visitor:
        await visitor.log_in("ada", PASSWORD)
        for wanted in GENERATED:
            await visitor.page.open(f"{site.address}/account/login?next={quote(wanted)}")
            assert (await visitor.page.run("location.origin")) == site.address, wanted
        assert _hosts(visitor) == {site.address.partition("//")[2]}


@pytest.mark.security(106)
async def test_forged_field(visit: Visit, site: Site) -> None:
    """The hidden field is checked again, also after a second factor and a registration."""
    await site.users.create("mfa", PASSWORD, email="mfa@example.com")
    forge = "document.querySelector('form:has([name={}]) [name=next]').value = 'https://evil.test'"
    async with visit() as visitor:
        await visitor.go("/login?next=/home/x")
        await visitor.submit("/login", username="mfa", password=PASSWORD)
        await visitor.submit("/login/mfa/send")
        await visitor.page.run(forge.format("code"))
        await visitor.submit("/login/mfa", code=(await site.mailed(SignInCode)).code)
        assert await visitor.here() == "/home"
        await visitor.page.call("Network.clearBrowserCookies")
        await visitor.go("/register?next=/home/x")
        await visitor.page.run(forge.format("password"))
        await visitor.submit("/register", email="ada@example.com", password=PASSWORD)
        await visitor.submit("/verify-email", code=(await site.mailed(VerifyEmail)).code)
        await visitor.submit("/login", username="ada@example.com", password=PASSWORD)
        assert await visitor.here() == "/home"
        assert _hosts(visitor) == {site.address.partition("//")[2]}


@pytest.mark.security(27)
@pytest.mark.security(33)
async def test_other_site(visit: Visit, site: Site) -> None:
    """Forms of another site are refused by a page, those to log in, out and register as well."""
    await site.users.create("ada", PASSWORD)
    anonymous = ("/login", "/logout", "/register", "/forgot-password")
    signed_in = ("/password", "/close", "/sessions/end-others", "/mfa/totp", "/api-tokens", "")
    async with visit() as visitor:
        await visitor.log_in("ada", PASSWORD)
        before = await visitor.page.call("Network.getCookies", urls=[site.address])
        for action in (*anonymous, *signed_in):
            await visitor.go(f"{site.elsewhere}/attack{action}")
            site.log.clear()
            async with visitor.page.loading():
                await visitor.page.run("document.forms[0].submit()")
            said = await visitor.text()
            assert "Another site sent this form." in said or action in signed_in
            # Without its cookie, which is `SameSite=Lax`, a form leads to the log-in and back.
            assert site.log[0][3] == (403 if action in anonymous else 303), action
            assert not await visitor.said()
        after = await visitor.page.call("Network.getCookies", urls=[site.address])
    names = [
        {cookie["name"]: cookie["value"] for cookie in jar["cookies"]} for jar in (before, after)
    ]
    assert names[0] == names[1]
    assert await User.count() == 1


async def test_frames(visit: Visit, site: Site) -> None:
    """Neither another site nor this one shows a page in a frame."""
    async with visit() as visitor:
        for origin in (site.address, site.elsewhere):
            await visitor.go(f"{origin}/attack/login")
            framed = "document.querySelector('iframe').contentDocument"
            assert await visitor.page.run(f"{framed} === null")
        assert len([text for text in visitor.page.complaints if "frame-ancestors" in text]) == 2
