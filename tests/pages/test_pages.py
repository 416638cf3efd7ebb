"""How a site is put together: users of other kinds, other places, and pages from outside."""

# What type checkers refuse is what some of this is about.
# mypy: disable-error-code="arg-type"
# pyright: reportArgumentType=false

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.applications import Starlette

from piccolo_api_fastapi import (
    Accounts,
    Captcha,
    ConfigurationError,
    ConsoleMail,
    JWTAuth,
    Login,
    Pages,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    require,
)
from piccolo_api_fastapi.pages import Page, PageSet
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, SECRET, reaches_no_sql
from tests.models import Customer, Member
from tests.pages.browsing import Browser
from tests.pages.conftest import BASE_URL, Parts, log_in, totp_of
from tests.pages.greetings import greeting_pages


@pytest.fixture
async def customers(database: Any, clock: FrozenClock) -> AsyncIterator[Users[Customer]]:
    """Users of a table of the application's own, with UUIDs for keys."""
    yield Users(Customer, clock=clock)


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
    assert page.message == "Your details are saved."
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
    outer: Any = inner
    if style in {"mounted", "in Starlette"}:
        outer = FastAPI() if style == "mounted" else Starlette()
        outer.mount("/api", inner)
    if style in {"whole", "stripped"}:  # as servers behind a proxy pass it on

        async def outer(scope: Any, receive: Any, send: Any) -> None:
            path = scope["path"]
            assert path.startswith("/api/")
            path = path.removeprefix("/api") if style == "stripped" else path
            await inner({**scope, "path": path, "root_path": "/api"}, receive, send)

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
    [cookie] = [it for it in browser.client.cookies.jar if it.name == "mailed-link"]
    assert cookie.path == "/api/account/reset-password"
    page = await browser.submit("/api/account/reset-password", password=PASSWORD)
    assert "mailed-link" not in browser.client.cookies
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


async def test_captcha(users: Users[User], ada: User) -> None:
    """The solution of a CAPTCHA goes from its field to the header that the API reads."""
    asked: list[str] = []

    async def verify(response: str, _: Any) -> bool:
        asked.append(response)
        return response == "solved"

    captcha = Captcha(verify, field="solution")
    app = FastAPI()
    app.include_router(Pages(SessionAuth(users), captcha=captcha).router)
    browser = Browser(app)
    form = {"username": "ada", "password": PASSWORD}
    page = await browser.send("/account/login", form)
    assert (page.status, page.errors) == (403, ["Solve the CAPTCHA."])
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


def _sets(session: SessionAuth[Any]) -> dict[str, PageSet]:
    """Sets of pages that do not go with the others, by what is wrong."""
    good = greeting_pages(session)
    [page] = good.pages
    return {
        "Two features bring the page 'login'": replace(good, pages=(replace(page, name="login"),)),
        "Two features bring the page 'login_mfa'": replace(good, shown=("login_mfa",)),
        "Two features bring the path '/login'": replace(
            good, pages=(replace(page, path="/login"),)
        ),
        "Two features bring the form '/login'": replace(
            good, actions=(replace(good.actions[0], path="/login"),)
        ),
        "Two features bring the fact 'asks_code'": replace(good, facts={"asks_code": 1}),
        "The page 'hello' needs the template hello.html": replace(
            good, pages=(Page(name="hello", path="/hello"),)
        ),
        "The page 'code' needs the template": replace(good, shown=("code",)),
    }


@reaches_no_sql
@pytest.mark.parametrize("wrong", _sets(SessionAuth()))
def test_sets_that_clash(session: SessionAuth[User], wrong: str) -> None:
    """What two features bring under one name, or what has no template, is refused when built."""
    with pytest.raises(ConfigurationError, match=wrong):
        Pages(session, more=[_sets(session)[wrong]])


def _wrong() -> dict[str, Any]:
    """Arguments that do not go together, by what is wrong."""
    users, others = Users(), Users(Customer)
    session = SessionAuth(users)
    mail: dict[str, Any] = {"mail": ConsoleMail(), "schemes": [session]}
    elsewhere = Accounts(users, base_url="https://app.example.com", **mail)
    by_token = Accounts(users, schemes=[JWTAuth(users, secret=SECRET)])
    narrow = Accounts(users, schemes=[session], guard=JWTAuth(users, secret=SECRET))
    return {
        "base_url must end with": {"accounts": elsewhere},
        "with its session": {"accounts": by_token},
        "Pages needs Accounts": {"accounts": narrow},
        "schemes": {"accounts": Accounts(users)},
        "same user table": {"login": Login(others)},
        "user table": {"tokens": TokenAuth(others)},
        "other user table|user table": {"totp": totp_of(Users(Member))},
        "accounts must be": {"accounts": session},
        "session must be": {"session": JWTAuth(users, secret=SECRET)},
        "prefix must be a path": {"prefix": "account"},
        "prefix must be": {"prefix": "/account/"},
        "prefix must": {"prefix": "//account"},
        "prefix": {"prefix": ""},
        "default_next must": {"default_next": "https://example.com"},
        "default_next": {"default_next": "//e"},
        "more must be": {"more": greeting_pages(session)},
        "brand must be": {"brand": "Movies"},
        "given": {"session": session},
    }


@reaches_no_sql
@pytest.mark.parametrize("wrong", [name for name in _wrong() if name != "given"])
def test_configuration(database: object, wrong: str) -> None:
    """Arguments that do not go together are refused when the pages are made."""
    every = _wrong()
    given = {**every["given"], **every[wrong]}
    with pytest.raises(ConfigurationError, match=wrong):
        Pages(**given)


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
