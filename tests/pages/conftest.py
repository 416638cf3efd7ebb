"""A site with all pages, and a browser without scripts."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import TYPE_CHECKING, Annotated, Any
from uuid import uuid4

import pytest
from fastapi import Depends, FastAPI
from fastapi.routing import iter_route_contexts
from pyotp import totp as pyotp_totp

from piccolo_api_fastapi import (
    OIDC,
    TOTP,
    Accounts,
    Brand,
    EmailCode,
    EmailLogin,
    Login,
    Pages,
    Passkeys,
    SessionAuth,
    SocialLogin,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    accounts_router,
    email_login_router,
    install,
    reauthentication_router,
    require,
    session_router,
)
from piccolo_api_fastapi.errors import LoginRefused
from piccolo_api_fastapi.pages.route import FormRoute
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.social.hostile import CLIENT_ID, CLIENT_SECRET, ISSUER, Provider
from tests.conftest import KEY, PASSWORD, unchanged
from tests.pages.browsing import Browser, Page
from tests.pages.catalogue import TEXTS

if TYPE_CHECKING:
    from piccolo_api_fastapi.login.mfa.second_factor import SecondFactor

BASE_URL = "https://testserver/account"
ORIGIN = "https://localhost"
"""What software authenticators say where the pages are."""

NEW = "another horse battery"

_OUTBOX = Outbox()


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    """What was mailed."""
    yield _OUTBOX
    vars(_OUTBOX).update(vars(Outbox()))


def totp_of(users: Users[Any]) -> TOTP:
    """Authenticators."""
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


def company(name: str = "company", kind: type[OIDC] = OIDC, **options: Any) -> OIDC:
    """A provider, as the application knows it."""
    given: dict[str, Any] = {"issuer": ISSUER, "name": name, "authoritative": True}
    given |= {"client_id": CLIENT_ID, "client_secret": CLIENT_SECRET, "title": "Example Inc."}
    return kind(**{**given, **options})


class Parts:
    """The parts of a site, as options of `Accounts`, `Login` and `SocialLogin` change them."""

    def __init__(
        self,
        users: Users[Any],
        session: SessionAuth[Any] | None = None,
        *,
        mails_codes: bool = False,
        login: dict[str, Any] | None = None,
        social: dict[str, Any] | None = None,
        **accounts: Any,
    ) -> None:
        self.users = users
        self.provider = Provider(users.clock)  # type: ignore[arg-type]
        self.session = session or SessionAuth(users)
        self.totp, self.tokens = totp_of(users), TokenAuth(users)
        self.passkeys = Passkeys(users, rp_id="localhost", rp_name="Movies", origins=[ORIGIN])
        factors: list[SecondFactor] = [self.totp, self.passkeys]
        if mails_codes:
            encryption = XChaCha20Poly1305(KEY)
            factors.append(EmailCode(users, mail=_OUTBOX, encryption=encryption))
        self.login: Login[Any] = Login(users, factors=factors, **(login or {}))
        given = {"mail": _OUTBOX, "base_url": BASE_URL, "schemes": [self.session], **accounts}
        given = {name: value for name, value in given.items() if value is not None}
        self.accounts: Accounts[Any] = Accounts(users, login=self.login, **given)
        self.email_login = EmailLogin(self.accounts) if self.accounts.has_mail else None
        self.social = self._social(**(social or {})) if self.accounts.has_mail else None

    def _social(self, **options: Any) -> SocialLogin[Any]:
        given = {
            "providers": [company(), company("other", title="Other Inc.")],
            "base_url": "https://testserver",
            "sign_up": True,
            "paths": {"mfa": "/account/login/mfa"},
            "http": self.provider.client(),
            **options,
        }
        return SocialLogin(self.accounts, **given)

    def pages(self, **options: Any) -> Pages[Any]:
        """The pages of all parts."""
        given = {
            "accounts": self.accounts,
            "totp": self.totp,
            "passkeys": self.passkeys,
            "email_login": self.email_login,
            "social": self.social,
            "tokens": self.tokens,
            "brand": Brand("Movie club"),
            **options,
        }
        return Pages(self.session, self.login, **given)

    def app(self, pages: Pages[Any] | None = None, app: FastAPI | None = None) -> FastAPI:
        """An application with the pages, and with routes of its own for the guards."""
        app, pages = app or FastAPI(), pages or self.pages()
        app.include_router(pages.router)
        pages.install(app)
        add_routes(app, self.session)
        return app


def add_routes(app: FastAPI, session: SessionAuth[Any]) -> None:
    """Routes of an application: `/home`, `/fresh`, `/strong` and `/verified`."""
    for path, guard in {
        "/home": session,
        "/fresh": require(session, within=timedelta(minutes=5)),
        "/strong": require(session, mfa=True),
        "/verified": require(session, verified=True),
    }.items():

        async def show(user: Annotated[User, Depends(guard)]) -> dict[str, str]:
            return {"username": user.username}

        app.add_api_route(path, show, methods=["GET", "HEAD", "POST"], include_in_schema=False)


@lru_cache
def _users(clock: FrozenClock) -> Users[User]:
    return Users(clock=clock)


@pytest.fixture
def users(database: Any, clock: FrozenClock) -> Users[User]:
    """The users of either database: an application takes long to build."""
    return _users(clock)


async def _refuse(_: object) -> None:
    raise LoginRefused("Not <today>.")


VARIANTS: dict[str, Callable[[Users[Any]], Parts]] = {
    "codes by mail": lambda users: Parts(users, mails_codes=True),
    "enrolment required": lambda users: Parts(users, login={"mfa_required": True}),
    "hook": lambda users: Parts(users, login={"on_success": [_refuse]}),
    "links in the query": lambda users: Parts(users, links="query"),
    "no mail": lambda users: Parts(users, mail=None, base_url=None),
}
"""Sites that differ from the usual one."""


@lru_cache
def _variant(users: Users[User], name: str) -> tuple[Parts, FastAPI]:
    parts = VARIANTS[name](users)
    return parts, parts.app()


@pytest.fixture
def other_site(users: Users[User], outbox: Outbox) -> Callable[[str], FastAPI]:
    """Gives the sites of `VARIANTS` by name."""
    return lambda name: _variant(users, name)[1]


@lru_cache
def _parts(users: Users[User], session: SessionAuth[User]) -> Parts:
    return Parts(users, session, extra=["first_name"])


@lru_cache
def _app(parts: Parts) -> FastAPI:
    app = FastAPI()
    install(app)
    app.include_router(session_router(parts.session, parts.login), prefix="/auth")
    app.include_router(accounts_router(parts.accounts), prefix="/auth")
    app.include_router(reauthentication_router(parts.login, parts.session), prefix="/auth")
    assert parts.email_login
    by_email = email_login_router(parts.email_login, parts.login, parts.session)
    app.include_router(by_email, prefix="/auth")
    return parts.app(app=app)


@pytest.fixture
def parts(users: Users[User], session: SessionAuth[User], outbox: Outbox) -> Parts:
    """The parts of the site, with the defaults."""
    return _parts(users, session)


@pytest.fixture
def app(parts: Parts) -> Iterator[FastAPI]:
    """The site, with the JSON API of sessions, accounts and log-ins by e-mail under `/auth`."""
    yield from unchanged(_app, parts)


@pytest.fixture
def browser(app: FastAPI) -> Browser:
    """A browser."""
    return Browser(app)


def forms_of(app: FastAPI) -> list[Any]:
    """The routes of the forms, with all prefixes."""
    found: list[Any] = list(iter_route_contexts(app.routes))
    return [context for context in found if isinstance(context.original_route, FormRoute)]


def path_of(form: Any) -> str:
    """The path of a form, with parameters that nothing has."""
    names = ("session_id", "token_id", "passkey_id", "account_id")
    return str(form.path_format.format(provider="x", **{name: uuid4() for name in names}))


async def log_in(browser: Browser, username: str = "ada", password: str = PASSWORD) -> Page:
    """Log in by the page."""
    await browser.open("/account/login")
    return await browser.submit("/account/login", username=username, password=password)


async def enrol(browser: Browser, clock: FrozenClock) -> tuple[pyotp_totp.TOTP, list[str]]:
    """Set up an authenticator app, and return it with the recovery codes."""
    await browser.open("/account/mfa/totp")
    page = await browser.submit("/account/mfa/totp")
    phone = pyotp_totp.TOTP(page.said("secret").replace(" ", ""))
    page = await browser.submit("/account/mfa/totp/confirm", code=code_of(phone, clock))
    assert page.message == TEXTS["done.totp_confirmed"]
    return phone, page.said("codes").split()


def code_of(phone: pyotp_totp.TOTP, clock: FrozenClock) -> str:
    """The code that an app shows, which is a new one."""
    clock.advance(timedelta(seconds=30))
    return phone.at(clock.now)
