"""Passkeys in a browser with a virtual authenticator: every ceremony, and what goes wrong in it."""

import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import timedelta
from typing import Any

import pytest

from piccolo_api_fastapi import Passkey, passkey_login_router, passkey_router, session_router
from piccolo_api_fastapi.login.router import reauthentication_router
from piccolo_api_fastapi.testing import no_rate_limits
from tests.conftest import PASSWORD
from tests.integration.browser import Chromium, needs_chromium
from tests.integration.virtual_authenticators import (
    add_authenticator,
    add_credential,
    credentials_of,
    remove_credential,
    set_presence,
    set_user_verified,
)
from tests.pages.catalogue import TEXTS
from tests.pages.in_chromium.conftest import Visit, visiting
from tests.pages.in_chromium.site import Site, Visitor, open_site

pytestmark = [
    needs_chromium,
    pytest.mark.slow,
    pytest.mark.security(140),
    pytest.mark.parametrize("database", ["sqlite"], indirect=True),
]

BUTTON = "form[data-verb] button"
ASKED = """performance.getEntriesByType("resource")
    .filter((one) => one.name.endsWith("/login/passkey/options")).length"""
"""How often the page has got options to log in."""

SAID = "form[data-verb] [role=status]"


@pytest.fixture(autouse=True)
def unlimited() -> Iterator[None]:
    """Each view of the page to log in asks for options, which are limited."""
    with no_rate_limits():
        yield


@pytest.fixture
async def ada(site: Site) -> None:
    """A user with a password."""
    await site.users.create("ada", PASSWORD, email="ada@example.com")


class Phone:
    """
    A virtual authenticator in the tab of a visitor.

    Args:
        visitor: The visitor.
        authenticator: Its id.
    """

    def __init__(self, visitor: Visitor, authenticator: str) -> None:
        self.visitor = visitor
        self.page = visitor.page
        self.id = authenticator

    async def is_touched(self, *, always: bool) -> None:
        """Let somebody touch it whenever it is asked from now on, or nobody."""
        await set_presence(self.page, self.id, is_automatic=always)

    async def passkeys(self) -> list[dict[str, Any]]:
        """What is stored in it."""
        return await credentials_of(self.page, self.id)

    async def add_passkey(self, name: str = "My phone") -> None:
        """Log in by password, add a passkey, and log out. Nobody touches the phone then."""
        await self.is_touched(always=False)
        await self.visitor.log_in("ada", PASSWORD)
        await self.is_touched(always=True)
        await self.visitor.go("/passkeys")
        await self.visitor.submit("/passkeys", name=name)
        assert await self.visitor.said() == TEXTS["done.passkey_added"]
        await self.is_touched(always=False)
        await self.visitor.submit("/logout")

    async def log_in(self, wanted: str) -> None:
        """Log in by autofill, which a virtual authenticator needs nobody for."""
        await self.is_touched(always=True)
        await self.visitor.go(f"/login?next={wanted}")
        complete = "document.readyState === 'complete'"
        await self.page.wait(f"location.pathname === '{wanted}' && {complete}")

    async def offered(self, path: str = "/login?next=/home/x") -> None:
        """Open the page to log in, which then waits for the phone."""
        await self.visitor.go(path)
        await self.page.wait(f"{ASKED} === 1")
        assert await self.page.run(f"document.querySelector({BUTTON!r}).checkVisibility()")


@asynccontextmanager
async def with_phone(visitor: Visitor, **options: Any) -> AsyncIterator[Phone]:
    """Within it, the visitor has a virtual authenticator."""
    yield Phone(visitor, await add_authenticator(visitor.page, **options))


@pytest.fixture
async def phone(visit: Visit, ada: None) -> AsyncIterator[Phone]:
    """A visitor with a virtual authenticator, which has one passkey of `ada`."""
    async with visit() as visitor, with_phone(visitor) as phone:
        await phone.add_passkey()
        yield phone


async def test_enrol_and_log_in(visit: Visit, ada: None) -> None:
    """A passkey is added with its recovery codes; autofill then logs in, and follows `next`."""
    async with visit() as visitor, with_phone(visitor) as phone:
        await phone.is_touched(always=False)
        await visitor.log_in("ada", PASSWORD)
        await phone.is_touched(always=True)
        await visitor.go("/passkeys")
        assert TEXTS["passkeys.unsupported"] not in await visitor.text()
        await visitor.submit("/passkeys", name="My phone")
        assert await visitor.text("h1") == TEXTS["passkey_codes.title"]
        assert len(await visitor.texts(".codes li")) == 10
        [stored] = await phone.passkeys()
        assert (stored["rpId"], bool(stored["userHandle"])) == ("localhost", True)
        await visitor.follow("/passkeys")
        assert await visitor.texts(".rows strong") == ["My phone"]
        assert TEXTS["never"] in await visitor.text(".rows")
        await visitor.submit("/logout")
        await phone.log_in("/home/x")
        assert await visitor.text("#who") == "ada"
        await visitor.go("/passkeys")
        assert TEXTS["never"] not in await visitor.text(".rows")
        assert [text for text in visitor.page.complaints if "Content Security" in text] == []


async def test_button_while_autofill_waits(phone: Phone) -> None:
    """A click ends the offer of the browser, and asks at once."""
    await phone.offered()
    await phone.is_touched(always=True)
    async with phone.page.loading():
        await phone.page.click(BUTTON)
    assert await phone.visitor.here() == "/home/x"


async def test_second_factor(phone: Phone) -> None:
    """After the password, the button completes the login."""
    await phone.visitor.go("/login?next=/home/x")
    await phone.visitor.submit("/login", username="ada", password=PASSWORD)
    assert await phone.visitor.text("h1") == TEXTS["login_mfa.title"]
    await phone.is_touched(always=True)
    async with phone.page.loading():
        await phone.page.click(BUTTON)
    assert await phone.visitor.here() == "/home/x"


async def test_expired_second_step(phone: Phone) -> None:
    """If the challenge is over, the page says it, and does not leave."""
    await phone.visitor.log_in("ada", PASSWORD)
    phone.visitor.site.clock.advance(timedelta(hours=1))
    await phone.page.click(BUTTON)
    await phone.page.wait(f"document.querySelector({SAID!r}).textContent")
    assert await phone.visitor.text(SAID) == TEXTS["passkeys.failed"]


async def test_step_up(phone: Phone) -> None:
    """A change that is late leads to the page that confirms by passkey, and back."""
    visitor = phone.visitor
    await phone.log_in("/account/passkeys")
    visitor.site.clock.advance(timedelta(minutes=6))
    await visitor.submit("/passkeys", name="Another")
    assert (await visitor.here()).startswith("/account/reauthenticate?next=")
    await visitor.page.wait(f"!document.querySelector({BUTTON!r}).closest('form').hidden")
    async with visitor.page.loading():
        await visitor.page.click(BUTTON)
    assert await visitor.here() == "/account/passkeys"


async def test_step_up_without_a_passkey(visit: Visit, ada: None, site: Site) -> None:
    """A user who has none sees no button."""
    async with visit() as visitor, with_phone(visitor) as phone:
        await visitor.log_in("ada", PASSWORD)
        await visitor.go("/reauthenticate")
        while ("POST", "/account/reauthenticate/options") not in [it[:2] for it in site.log]:
            await visitor.page.run("1")
        await visitor.page.run("new Promise((go) => setTimeout(go, 200))")
        assert await visitor.page.run(f"document.querySelector({BUTTON!r}).closest('form').hidden")
        assert await phone.passkeys() == []


async def test_clone(phone: Phone) -> None:
    """A copy, whose counter is behind, is refused; the browser is told to forget it."""
    [stored] = await phone.passkeys()
    await phone.log_in("/home/x")
    await phone.visitor.go("/logout")
    await phone.is_touched(always=False)
    await phone.visitor.submit("/logout")
    await remove_credential(phone.page, phone.id, stored["credentialId"])
    await add_credential(phone.page, phone.id, stored | {"signCount": 0})
    await phone.is_touched(always=True)
    await phone.visitor.go("/login")
    await phone.page.wait("document.title.startsWith('Error')")
    await phone.is_touched(always=False)
    said = await phone.visitor.text(".errors li")
    assert said == TEXTS["passkeys.error.invalid_credentials"]
    while await phone.passkeys():
        await phone.page.run("1")
    assert await Passkey.count().where(Passkey.sign_count > 1) == 1


async def test_unknown(phone: Phone) -> None:
    """A passkey that was deleted here is no longer offered, once it was refused."""
    await Passkey.delete(force=True)
    await phone.offered()
    await phone.is_touched(always=True)
    async with phone.page.loading():
        await phone.page.click(BUTTON)
    assert await phone.visitor.text(".errors li") == TEXTS["passkeys.error.invalid_credentials"]
    while await phone.passkeys():
        await phone.page.run("1")


async def test_cancelled(phone: Phone) -> None:
    """A refusal of the browser is said gently; the next attempt succeeds."""
    await phone.offered()
    await set_user_verified(phone.page, phone.id, is_verified=False)
    await phone.is_touched(always=True)
    await phone.page.click(BUTTON)
    await phone.page.wait(f"document.querySelector({SAID!r}).textContent")
    assert await phone.visitor.text(SAID) == TEXTS["passkeys.cancelled"]
    assert await phone.visitor.texts(".errors") == []
    await set_user_verified(phone.page, phone.id, is_verified=True)
    async with phone.page.loading():
        await phone.page.click(BUTTON)
    assert await phone.visitor.here() == "/home/x"


async def test_clicked_twice(phone: Phone) -> None:
    """A second click ends the first ceremony without a word."""
    await phone.offered()
    await phone.page.click(BUTTON)
    await phone.page.wait(f"{ASKED} === 2")
    await phone.is_touched(always=True)
    async with phone.page.loading():
        await phone.page.click(BUTTON)
    assert await phone.visitor.here() == "/home/x"


async def test_excluded(phone: Phone) -> None:
    """An authenticator that has a passkey of the user is not asked for another one."""
    await phone.log_in("/account/passkeys")
    form = await phone.visitor.fill("/passkeys", name="Again")
    await phone.page.click(f"{form} button")
    await phone.page.wait(f"document.querySelector({SAID!r}).textContent")
    assert await phone.visitor.text(SAID) == TEXTS["passkeys.known"]
    assert len(await phone.passkeys()) == 1


async def test_removed(phone: Phone) -> None:
    """A passkey that its user removes is removed from the authenticator as well."""
    await phone.log_in("/account/passkeys")
    await phone.visitor.follow("/passkeys/edit")
    [passkey] = await Passkey.select(Passkey.id)
    await phone.visitor.submit(f"/passkeys/{passkey['id']}/remove")
    assert await phone.visitor.said() == TEXTS["done.passkey_removed"]
    while await phone.passkeys():
        await phone.page.run("1")
    assert await Passkey.count() == 0


async def test_two_tabs(phone: Phone, visit: Visit) -> None:
    """Each tab has a challenge of its own: both log in, one after the other."""
    await phone.offered()
    async with visit(beside=phone.visitor) as visitor, with_phone(visitor) as other:
        await other.is_touched(always=False)
        await other.offered()
        await phone.is_touched(always=True)
        async with phone.page.loading():
            await phone.page.click(BUTTON)
        assert await phone.visitor.here() == "/home/x"
        [stored] = await phone.passkeys()
        await add_credential(visitor.page, other.id, stored)
        await other.is_touched(always=True)
        async with visitor.page.loading():
            await visitor.page.click(BUTTON)
        assert await visitor.here() == "/home/x"
        await visitor.go("/sessions")
        assert len(await visitor.texts(".rows li")) == 1


async def test_expired_options(phone: Phone) -> None:
    """Options that expire while autofill waits are asked for anew."""
    hurry = "const after = AbortSignal.timeout; AbortSignal.timeout = () => after(300)"
    script = {"source": hurry.replace("after(", "after.call(AbortSignal, ")}
    await phone.page.call("Page.addScriptToEvaluateOnNewDocument", **script)
    await phone.visitor.go("/login?next=/home/x")
    await phone.page.wait(f"{ASKED} >= 3")
    assert await phone.visitor.text(SAID) == ""
    await phone.is_touched(always=True)
    await phone.page.wait("location.pathname === '/home/x'")


OLD = {
    "no WebAuthn": "delete window.PublicKeyCredential",
    "old WebAuthn": "delete PublicKeyCredential.parseRequestOptionsFromJSON",
    "no JavaScript": "",
}


@pytest.mark.parametrize("browser", OLD)
async def test_old_browsers(visit: Visit, ada: None, browser: str) -> None:
    """Without passkeys or without scripts, no button is shown, and all else works."""
    async with visit(javascript=bool(OLD[browser])) as visitor:
        script = {"source": OLD[browser]}
        await visitor.page.call("Page.addScriptToEvaluateOnNewDocument", **script)
        await visitor.go("/login?next=/account/passkeys")
        shown = f"document.querySelector({BUTTON!r}).checkVisibility()"
        assert not await visitor.page.run(shown)
        await visitor.submit("/login", username="ada", password=PASSWORD)
        assert await visitor.here() == "/account/passkeys"
        assert not await visitor.page.run(shown)
        assert TEXTS["passkeys.unsupported"] in await visitor.text()


@contextmanager
def api_site() -> Iterator[Site]:
    """A site that also has the JSON API, for a front end of its own."""
    with open_site() as site:
        for router in (
            session_router(site.session, site.login),
            passkey_login_router(site.passkeys, site.login, site.session),
            passkey_router(site.passkeys, site.session),
            reauthentication_router(site.login, site.session),
        ):
            site.app.include_router(router, prefix="/auth")
        yield site


FRONT_END = """(async () => {
    const passkeys = await import(%s)
    const send = (path, body) => fetch("/auth" + path, {
        method: "POST", headers: {"Content-Type": "application/json"}, body: JSON.stringify(body)
    }).then((response) => response.status === 204 ? {} : response.json())
    const paths = (path) => ({options: `/auth${path}/options`, finish: `/auth${path}`})
    const said = [passkeys.isSupported()]
    const login = {username: "ada", password: %s}
    said.push((await send("/login", login)).status)
    said.push((await passkeys.add(paths("/passkeys"), "My phone")).recovery_codes.length)
    said.push(await passkeys.confirm(paths("/reauthenticate")))
    await send("/logout", {})
    said.push((await passkeys.logIn(paths("/login/passkey"))).status)
    await send("/logout", {})
    const {challenge, methods} = await send("/login", login)
    const step = {options: "/auth/login/mfa/options", finish: "/auth/login/mfa"}
    said.push((await passkeys.confirm(step, {challenge, method: methods[0]})).status)
    return said
})()"""


async def test_front_end(chromium: Chromium, database_of_any_loop: Any) -> None:
    """A front end imports the module, and gives it the paths of the API."""
    with api_site() as site:
        await site.users.create("ada", PASSWORD, email="ada@example.com")
        async with visiting(chromium, site)() as visitor, with_phone(visitor) as phone:
            await visitor.go("/logout")
            script = "[...document.scripts].at(-1).src"
            await visitor.go("/login")
            module = await visitor.page.run(script)
            await visitor.go(f"{site.address}/attack")
            run = FRONT_END % (json.dumps(module), json.dumps(PASSWORD))
            said = await visitor.page.run(run)
            assert said == [True, "signed_in", 10, {}, "signed_in", "signed_in"]
            await Passkey.delete(force=True)
            paths = {"options": "/auth/login/passkey/options", "finish": "/auth/login/passkey"}
            refused = f"import({module!r}).then((it) => it.logIn({json.dumps(paths)}))"
            assert await visitor.page.run(f"{refused}.catch((error) => error.code)") == (
                "invalid_credentials"
            )
            while await phone.passkeys():
                await visitor.page.run("1")
