"""A site with every page, on a real socket, and a visitor who uses it by a browser."""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import Annotated, Any, TypeVar

from fastapi import Depends, FastAPI
from starlette.responses import HTMLResponse
from starlette.types import Message as ASGIMessage
from starlette.types import Receive, Scope, Send

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    Brand,
    EmailCode,
    EmailLogin,
    Login,
    MailLifetimes,
    Pages,
    Passkeys,
    SessionAuth,
    SocialLogin,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    install,
)
from piccolo_api_fastapi.mail import Message
from piccolo_api_fastapi.testing import FrozenClock, cheap_hasher, totp_code
from tests.conftest import KEY
from tests.integration.browser import Page
from tests.integration.serving import serving
from tests.pages.in_chromium.provider import LocalProvider

MessageT = TypeVar("MessageT", bound=Message)

HOME = """<!doctype html><html lang="en"><title>Home</title><link rel="icon" href="data:,">
<h1>Home</h1><p id="who">{}</p>"""

ATTACK = """<!doctype html><title>Attack</title><link rel="icon" href="data:,">
<form method="post" action="{action}"><input name="username" value="mallory">
<input name="password" value="correct horse battery"></form><iframe src="{framed}"></iframe>"""


class Site:
    """
    An application with the pages of every feature, and what it was asked for.

    Args:
        port: Where it is served.
        links: Where mailed links have their secrets.
        options: Further options of the pages.
    """

    def __init__(self, port: int, links: Any = "fragment", **options: Any) -> None:
        self.address = f"http://localhost:{port}"
        self.elsewhere = f"http://127.0.0.1:{port}"
        """The same server, which browsers take for another site."""
        self.mail: list[Message] = []
        self.log: list[tuple[str, str, str, int]] = []
        """Method, target, `Referer` and status of each request."""
        self.clock = FrozenClock()
        self.users = Users(clock=self.clock, hasher=cheap_hasher())
        encryption = XChaCha20Poly1305(KEY)
        self.totp = TOTP(self.users, encryption=encryption, issuer="Movie club")
        codes = EmailCode(
            self.users,
            mail=self._send,
            encryption=encryption,
            applies_to=lambda user: str(user.username).startswith("mfa"),
        )
        self.passkeys = Passkeys(
            self.users, rp_id="localhost", rp_name="Movie club", origins=[self.address]
        )
        self.session = SessionAuth(self.users)
        self.tokens = TokenAuth(self.users)
        self.login = login = Login(
            self.users,
            factors=[self.totp, codes, self.passkeys],
            mfa_required=lambda user: str(user.username).startswith("must"),
        )
        accounts = Accounts(
            self.users,
            mail=self._send,
            base_url=f"{self.address}/account",
            links=links,
            schemes=[self.session],
            login=login,
            extra=["first_name", "last_name"],
            lifetimes=MailLifetimes(spread=timedelta(0), interval=timedelta(0)),
        )
        self.company = LocalProvider(port, self.clock)
        social = SocialLogin(
            accounts,
            [self.company.known],
            base_url=self.address,
            sign_up=True,
            paths={"mfa": "/account/login/mfa"},
            http=self.company.client(),
        )
        self.pages = Pages(
            self.session,
            login,
            accounts=accounts,
            totp=self.totp,
            passkeys=self.passkeys,
            email_login=EmailLogin(accounts),
            social=social,
            tokens=self.tokens,
            **{"brand": Brand("Movie club"), "default_next": "/home", **options},
        )
        self.app = self._make_app()

    def _make_app(self) -> FastAPI:
        app = FastAPI()
        install(app)
        app.include_router(self.pages.router)
        self.pages.install(app)
        self.company.add_to(app)

        @app.get("/home")
        @app.get("/home/{path:path}")
        async def home(user: Annotated[User, Depends(self.session)]) -> HTMLResponse:
            return HTMLResponse(HOME.format(user.username), headers={"Cache-Control": "no-store"})

        @app.get("/attack{action:path}")
        async def attack(action: str) -> HTMLResponse:
            account = f"{self.address}/account"
            return HTMLResponse(ATTACK.format(action=account + action, framed=f"{account}/login"))

        @app.get("/token")
        async def by_token(user: Annotated[User, Depends(self.tokens)]) -> str:
            return user.username

        return app

    async def _send(self, message: Message) -> None:
        self.mail.append(message)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request, and note it."""

        async def noting(message: ASGIMessage) -> None:
            if message["type"] == "http.response.start":
                headers = dict(scope["headers"])
                query = scope["query_string"].decode()
                target = scope["raw_path"].decode() + (f"?{query}" if query else "")
                referer = headers.get(b"referer", b"").decode()
                self.log.append((scope["method"], target, referer, message["status"]))
            await send(message)

        await self.app(scope, receive, noting)

    async def mailed(self, kind: type[MessageT]) -> MessageT:
        """Return the last message of a kind, once there is one, and forget those before."""
        for _ in range(500):
            for message in reversed(self.mail):
                if isinstance(message, kind):
                    self.mail.clear()
                    return message
            await asyncio.sleep(0.01)
        raise AssertionError(f"No {kind.__name__} was sent: {self.mail}")

    def code_of(self, secret: str) -> str:
        """Return the code that an app shows for a secret, half a minute after the last."""
        self.clock.advance(timedelta(seconds=30))
        uri = f"otpauth://totp/x?secret={secret}&digits=6&period=30&algorithm=SHA1"
        return totp_code(uri, self.clock())


@contextmanager
def open_site(**options: Any) -> Iterator[Site]:
    """Within it, a site with these options is served."""
    sites: list[Site] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await sites[0](scope, receive, send)

    with serving(app) as address:
        sites.append(Site(int(address.rpartition(":")[2]), **options))
        yield sites[0]


class Visitor:
    """
    A person with a browser.

    Args:
        page: The tab.
        site: The site.
    """

    def __init__(self, page: Page, site: Site) -> None:
        self.page = page
        self.site = site
        self.token = ""
        """The name of the next API token."""

    async def go(self, path: str) -> None:
        """Open a page below `/account`, or another one by a whole address."""
        address = path if ":" in path[:8] else f"{self.site.address}/account{path}"
        await self.page.open(address)

    async def fill(self, action: str, **fields: str | bool) -> str:
        """Fill in the form of an action, and return its selector."""
        form = f"form[action$='/account{action}']"
        form += "".join(f":has([name='{name}'])" for name in fields)
        for name, value in fields.items():
            selector = f"{form} [name='{name}']"
            if isinstance(value, bool):
                await self.page.click(selector)
            elif await self.page.run(f"document.querySelector({selector!r}).type === 'radio'"):
                await self.page.click(f"{selector}[value='{value}']")
            else:
                await self.page.type(selector, value)
        return form

    async def submit(self, action: str, **fields: str | bool) -> None:
        """Fill in the form of an action, click on its button, and wait for the next page."""
        form = await self.fill(action, **fields)
        async with self.page.loading():
            await self.page.click(f"{form} button:not([type=button])")

    async def submit_unchecked(self, action: str, **fields: str | bool) -> None:
        """Submit what the browser itself would not let through."""
        await self.page.run(
            "document.forms.length && [...document.forms].map((one) => { one.noValidate = true })"
        )
        await self.submit(action, **fields)

    async def follow(self, path: str) -> None:
        """Click on a link to a page."""
        async with self.page.loading():
            await self.page.click(f"main a[href^='/account{path}']")

    async def log_in(self, username: str, password: str) -> None:
        """Log in by the page."""
        await self.go("/login")
        await self.submit("/login", username=username, password=password)

    async def here(self) -> str:
        """Return the path and the query of the page."""
        return str(await self.page.run("location.pathname + location.search"))

    async def text(self, selector: str = "main") -> str:
        """Return the text of an element, or an empty text."""
        script = f"document.querySelector({selector!r})?.innerText ?? ''"
        return str(await self.page.run(script))

    async def texts(self, selector: str) -> Sequence[str]:
        """Return the texts of elements."""
        found = f"document.querySelectorAll({selector!r})"
        texts: list[str] = await self.page.run(f"[...{found}].map((one) => one.innerText)")
        return texts

    async def said(self) -> str:
        """Return what was done, as the page says it."""
        return await self.text("[role=status].message")

    async def title(self) -> str:
        """Return the title of the page."""
        return str(await self.page.run("document.title"))
