"""How a site is put together: users of other kinds, other places, and pages from outside."""

# What type checkers refuse is what some of this is about.
# mypy: disable-error-code="arg-type"
# pyright: reportArgumentType=false

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

from piccolo_api_fastapi import (
    Accounts,
    Captcha,
    ConfigurationError,
    ConsoleMail,
    HCaptcha,
    JWTAuth,
    Login,
    Pages,
    ReCaptchaV2,
    ReCaptchaV3,
    SessionAuth,
    TokenAuth,
    Turnstile,
    User,
    Users,
    require,
    session_router,
)
from piccolo_api_fastapi.errors import EmailNotVerified
from piccolo_api_fastapi.pages import Page, PageSet, operations_of
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, SECRET, reaches_no_sql
from tests.models import Customer, Member
from tests.pages.browsing import Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import BASE_URL, Parts, log_in, totp_of
from tests.pages.greetings import greeting_pages


@pytest.fixture
def customers(database: Any, clock: FrozenClock) -> Users[Customer]:
    """Users of a table of the application's own, with UUIDs for keys."""
    return Users(Customer, clock=clock)


async def test_own_users(customers: Users[Customer], outbox: Outbox) -> None:
    """All of it works with a user table of the application's own, and its columns."""
    parts = Parts(customers, extra=["phone", "country"])
    browser = Browser(parts.app())
    await browser.open("/account/register")
    assert {"phone", "country"} <= set(browser.page.forms[0].names)
    page = await browser.submit(
        "/account/register", email="ada@example.com", password=PASSWORD, phone="1", country="DEU"
    )
    assert (page.status, page.value("phone"), page.value("country")) == (422, "1", "DEU")
    page = await browser.submit("/account/register", password=PASSWORD, country="")
    assert page.status == 202
    message: Any = outbox.messages[-1]
    await browser.submit("/account/verify-email", code=message.code)
    page = await browser.submit("/account/login", username="ada@example.com", password=PASSWORD)
    page = await browser.open("/account")
    assert (page.value("phone"), page.value("country")) == ("1", "GB")
    page = await browser.submit("/account", phone="")
    assert page.message == TEXTS["done.profile_changed"]
    [row] = await Customer.select(Customer.phone)
    assert row["phone"] is None
    for path in ("/account/sessions", "/account/api-tokens", "/account/mfa"):
        assert (await browser.open(path)).status == 200


@pytest.mark.parametrize("style", ["whole", "stripped", "mounted", "in Starlette"])
async def test_below_a_path(
    users: Users[User], ada: User, outbox: Outbox, style: str, parts: Parts
) -> None:
    """All links and redirects are below the path at which the application is reached."""
    made = Parts(users, base_url="https://testserver/api/account", links="query")
    inner = made.app()

    async def behind_a_proxy(scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"]
        assert path.startswith("/api/")
        path = path.removeprefix("/api") if style == "stripped" else path
        await inner({**scope, "path": path, "root_path": "/api"}, receive, send)

    outer: Any = behind_a_proxy
    if style in {"mounted", "in Starlette"}:
        outer = FastAPI() if style == "mounted" else Starlette()
        outer.mount("/api", inner)
    browser = Browser(outer)
    page = await browser.open("/api/home")
    assert page.url.startswith("/api/account/login?next=%2Fapi%2Fhome")
    links = [it["href"] for it in [*page.tags("a"), *page.tags("link")] if "href" in it]
    assert all(it.startswith(("/api/account/", "#", "data:")) or it == "/" for it in links), links
    page = await browser.submit("/api/account/login", username="ada", password=PASSWORD)
    assert (page.path, page.text) == ("/api/home", '{"username":"ada"}')
    page = await browser.open("/api/account/reset-password?token=tkt_x")
    assert (page.path, [form.action for form in page.forms][-1]) == (
        "/api/account/reset-password",
        "/api/account/reset-password",
    )
    assert "__Host-mailed-link-reset_password" in browser.client.cookies
    page = await browser.submit("/api/account/reset-password", password=PASSWORD)
    assert "__Host-mailed-link-reset_password" not in browser.client.cookies
    page = await browser.open("/api/.well-known/change-password")
    assert page.path == "/api/account/password"
    page = await browser.open("/api/account/sessions/x/end")
    assert page.path == "/api/account/sessions"


async def test_guarded_accounts(users: Users[User], ada: User, outbox: Outbox) -> None:
    """A narrower guard of accounts leads to what it lacks, never in circles."""
    session = SessionAuth(users)
    verified = require(session, verified=True)
    parts = Parts(users, session, guard=verified)
    browser = Browser(parts.app())
    await log_in(browser)
    page = await browser.open("/account/password")
    assert page.path in {"/account/password", "/account/verify-email"}
    for path in ("/account/verify-email", "/account/change-email"):
        page = await browser.open(path)
        assert page.status == 200


async def test_captcha(users: Users[User], ada: User, tmp_path: Path) -> None:
    """The solution of a CAPTCHA goes from its field to the header that the API reads."""
    asked: list[str] = []

    async def verify(response: str, _: Any) -> bool:
        asked.append(response)
        return response == "solved"

    captcha = Captcha(verify, field="solution")
    (tmp_path / "elements").mkdir()
    (tmp_path / "elements" / "captcha.html").write_text("Here it is: {{ captcha.field }}.")
    app = FastAPI()
    app.include_router(Pages(SessionAuth(users), captcha=captcha, templates=tmp_path).router)
    browser = Browser(app)
    form = {"username": "ada", "password": PASSWORD}
    assert "Here it is: solution." in (await browser.open("/account/login")).text
    page = await browser.send("/account/login", form)
    assert (page.status, page.errors) == (403, [TEXTS["error.captcha_required"]])
    page = await browser.send("/account/login", form, solution="wrong\r\n\u00e9")
    assert page.status == 403
    headers = {"captcha-response": "solved"}
    response = await browser.client.post("/account/login", data=form, headers=headers)
    assert response.status_code == 403
    response = await browser.client.post("/account/login", data={**form, "solution": "solved"})
    assert response.status_code == 303
    assert "solved" in asked


@reaches_no_sql
async def test_openapi(app: FastAPI) -> None:
    """Pages are not in OpenAPI."""
    assert not [path for path in app.openapi()["paths"] if path.startswith("/account")]


async def test_page_from_outside(users: Users[User], ada: User) -> None:
    """A feature of another package brings its page; nothing of ours is edited for it."""
    session = SessionAuth(users)
    app = FastAPI()
    pages = Pages(session, more=[greeting_pages(session)])
    app.include_router(pages.router)
    browser = Browser(app)
    assert (await browser.open("/account/greeting")).path == "/account/login"
    page = await browser.submit("/account/login", username="ada", password=PASSWORD)
    page = await browser.open("/account/greeting")
    assert (page.title, "Hello, ada! Sunny, ada." in page.said("main")) == ("Greeting", True)
    assert "Greeting" in page.said("nav")
    page = await browser.submit("/account/greeting", name="x" * 21)
    assert (page.status, page.value("name")) == (422, "x" * 21)
    page = await browser.submit("/account/greeting", name="Bob")
    assert page.message == "You are greeted."
    page = await browser.open("/account/greeting", headers={"accept-language": "de"})
    assert page.title == "Greeting"


def _set(session: SessionAuth[Any], **changes: Any) -> PageSet:
    """The pages from outside, with one page, one form or one fact of another name."""
    good = greeting_pages(session)
    [page], [action] = good.pages, good.actions
    if "page" in changes:
        return replace(good, pages=(replace(page, **changes["page"]),))
    if "action" in changes:
        return replace(good, actions=(replace(action, **changes["action"]),))
    if "for_scripts" in changes:
        api = operations_of(session_router(session))
        return replace(good, for_scripts=tuple(api[name] for name in changes["for_scripts"]))
    return replace(good, **changes)


@reaches_no_sql
@pytest.mark.parametrize(
    ("wrong", "changes"),
    [
        ("the page 'login'", {"page": {"name": "login"}}),
        ("the page 'login_mfa'", {"shown": ("login_mfa",)}),
        ("the path '/login'", {"page": {"path": "/login"}}),
        ("the form '/login'", {"action": {"path": "/login"}}),
        ("the form '/login'", {"for_scripts": ("log_in",)}),
        ("the fact 'asks_code'", {"facts": {"asks_code": 1}}),
        ("needs the template hello.html", {"page": {"name": "hello"}}),
        ("needs the template code.html", {"shown": ("code",)}),
    ],
)
def test_sets_that_clash(session: SessionAuth[User], wrong: str, changes: Any) -> None:
    """What two features bring under one name, or what has no template, is refused when built."""
    with pytest.raises(ConfigurationError, match=wrong):
        Pages(session, more=[_set(session, **changes)])


def _accounts(session: SessionAuth[User], **options: Any) -> Accounts[User]:
    mail: dict[str, Any] = {"mail": ConsoleMail(), "base_url": BASE_URL}
    return Accounts(session.users, schemes=[session], **{**mail, **options})


def _by_token(session: SessionAuth[User]) -> JWTAuth[User]:
    return JWTAuth(session.users, secret=SECRET)


def _v3() -> ReCaptchaV3:
    return ReCaptchaV3("secret", action="login", site_key="key")


def _requiring(users: Users[Any]) -> Login[Any]:
    return Login(users, factors=[totp_of(users)], mfa_required=lambda user: user.is_admin)


Make = Callable[[SessionAuth[User]], dict[str, Any]]

WRONG: list[tuple[str, Make]] = [
    ("must end with", lambda it: {"accounts": _accounts(it, base_url="https://a.example.com")}),
    ("without a query", lambda it: {"accounts": _accounts(it, paths={"reset": "/r?a=b"})}),
    ("without a query", lambda it: {"accounts": _accounts(it, paths={"undo": "/{id}"})}),
    ("without a query", lambda it: {"accounts": _accounts(it, paths={"undo": "//e"})}),
    ("the path '/login'", lambda it: {"accounts": _accounts(it, paths={"undo": "/login"})}),
    ("with its session", lambda it: {"accounts": Accounts(it.users, schemes=[_by_token(it)])}),
    ("with its session", lambda it: {"accounts": _accounts(it, guard=_by_token(it))}),
    ("Pages needs Accounts", lambda it: {"accounts": Accounts(it.users)}),
    ("user table", lambda _: {"login": Login(Users(Customer))}),
    ("user table", lambda _: {"tokens": TokenAuth(Users(Customer))}),
    ("user table", lambda _: {"totp": totp_of(Users(Member))}),
    ("accounts must be", lambda it: {"accounts": it}),
    ("session must be", lambda it: {"session": _by_token(it)}),
    ("prefix must be a path", lambda _: {"prefix": "account"}),
    ("prefix must be a path", lambda _: {"prefix": "/account/"}),
    ("prefix must be a path", lambda _: {"prefix": "//account"}),
    ("prefix must be a path", lambda _: {"prefix": ""}),
    ("default_next must be", lambda _: {"default_next": "https://example.com"}),
    ("default_next must be", lambda _: {"default_next": "//e"}),
    ("more must be", lambda it: {"more": greeting_pages(it)}),
    ("brand must be", lambda _: {"brand": "Movies"}),
    ("can't show this CAPTCHA", lambda _: {"captcha": Turnstile("secret")}),
    ("can't show this CAPTCHA", lambda _: {"captcha": _v3()}),
    ("can't show this CAPTCHA", lambda _: {"captcha": Captcha(lambda *_: True, site_key="k")}),
    ("must end with", lambda it: {"accounts": _accounts(it, base_url="https://account")}),
    ("needs totp=", lambda it: {"login": _requiring(it.users)}),
]


@reaches_no_sql
@pytest.mark.parametrize("make", [Turnstile, HCaptcha, ReCaptchaV2])
async def test_widgets(session: SessionAuth[User], make: Any) -> None:
    """The widgets that the package has are shown with their key."""
    pages = Pages(session, captcha=make("secret", site_key="the-key"))
    app = FastAPI()
    app.include_router(pages.router)
    assert 'data-sitekey="the-key"' in (await Browser(app).open("/account/login")).text


@reaches_no_sql
@pytest.mark.parametrize(("wrong", "make"), WRONG)
def test_configuration(session: SessionAuth[User], wrong: str, make: Make) -> None:
    """Arguments that do not go together are refused when the pages are made."""
    given: dict[str, Any] = {"session": session, **make(session)}
    with pytest.raises(ConfigurationError, match=wrong):
        Pages(**given)


@reaches_no_sql
async def test_no_circles(session: SessionAuth[User], tmp_path: Path) -> None:
    """A page whose own guard leads to it is an error, and not a circle."""

    async def refuse() -> None:
        raise EmailNotVerified

    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "verify_email.html").write_text("never shown")
    page = Page(name="verify_email", path="/here", guard=refuse)
    texts = {"verify_email.title": "Here"}
    app = FastAPI()
    made = PageSet(folder=tmp_path, pages=(page,), texts=texts)
    app.include_router(Pages(session, more=[made]).router)
    page_shown = await Browser(app).open("/account/here?x=1")
    assert (page_shown.status, page_shown.path) == (403, "/account/here")


@reaches_no_sql
def test_prefix_of_links(session: SessionAuth[User], outbox: Outbox) -> None:
    """Mailed links may lead to pages below any path that ends in the prefix."""
    accounts = Accounts(session.users, mail=outbox, base_url=f"{BASE_URL}/", schemes=[session])
    assert Pages(session, accounts=accounts).prefix == "/account"


@pytest.mark.security(33)
async def test_get_changes_nothing(
    users: Users[User], ada: User, outbox: Outbox, parts: Parts, app: FastAPI
) -> None:
    """No page that GET shows changes a row."""
    from tests.conftest import STOCK

    browser = Browser(app)
    await log_in(browser)

    async def rows() -> dict[str, Any]:
        found = {}
        for table in STOCK:
            query = table.select(*table._meta.columns)
            found[table.__name__] = sorted(map(str, await query))
        return found

    pages = parts.pages()._composer.pages.values()
    before = await rows()
    for page in pages:
        await browser.open(f"/account{page.path}")
        await browser.client.get(f"/account{page.path}?token=tkt_x&next=/home")
        await browser.client.head(f"/account{page.path}")
    assert await rows() == before
