"""Logging in with a provider, and what can go wrong."""

from datetime import timedelta

import pytest
from fastapi import FastAPI
from starlette.responses import JSONResponse

from piccolo_api_fastapi import (
    ConfigurationError,
    JWTAuth,
    Login,
    Pages,
    SessionAuth,
    User,
    Users,
    install,
    oauth_router,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.social.hostile import ISSUER, Provider
from tests.conftest import SECRET, reaches_no_sql
from tests.pages.browsing import HEADERS, Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import Parts, code_of, enrol, log_in
from tests.pages.social.providing import (
    BEGIN,
    CALLBACK,
    LINKED,
    come_back,
    link,
    query_of,
    refresh_of,
    use,
    variant,
)


async def test_sign_up(browser: Browser, provider: Provider) -> None:
    """A button leads to the provider, and from there to where the user wanted to go."""
    page = await browser.open("/account/login")
    assert [it.action for it in page.forms][-2:] == [BEGIN, "/account/login/oauth/other"]
    assert TEXTS["oauth_callback.log_in"].format(name="Example Inc.") in page.text
    page = await browser.press("/company")
    assert page.title == TEXTS["oauth_begun.title"]
    asked = query_of(refresh_of(page))
    assert asked["redirect_uri"] == f"https://testserver{CALLBACK}"
    assert refresh_of(page) in [it["href"] for it in page.tags("a")]
    page = await come_back(browser, provider, page)
    assert page.url == "/"
    assert (await browser.open("/home")).text == '{"username":"ada@example.com"}'
    page = await use(Browser(browser.client._transport.app), provider, "/home?x=1")  # type: ignore[attr-defined]
    assert page.url == "/home?x=1"


@pytest.mark.parametrize(
    ("wanted", "path"),
    [
        ("/home?x=@y", "/home?x=%40y"),
        ('/home?x="<|>[1]', "/home?x=%22%3C%7C%3E%5B1%5D"),
        ("/home#part", "/home"),
        ("/home?x=%C3%A4", "/home?x=%C3%A4"),
        ("/%5Cevil.example", "/"),
        ("//evil.example", "/"),
        ("/home?" + "x" * 1500, "/"),
        ("https://evil.example", "/"),
    ],
)
async def test_next(browser: Browser, provider: Provider, wanted: str, path: str) -> None:
    """Each address of the site is kept; those that the provider's log-in does not take are not."""
    page = await browser.send(BEGIN, next=wanted)
    response = await browser.client.get(
        CALLBACK, params=provider.authorize(refresh_of(page)), headers=HEADERS
    )
    assert response.headers["location"] == path


async def test_second_factor(
    browser: Browser, app: FastAPI, ada: User, provider: Provider, clock: FrozenClock
) -> None:
    """The second step is shown where the provider leads back, without a script."""
    await log_in(browser)
    await link(browser, provider)
    phone, _ = await enrol(browser, clock)
    visitor = Browser(app)
    page = await use(visitor, provider, "/strong")
    assert (page.status, page.title) == (200, TEXTS["login_mfa.title"])
    assert "location" not in page.headers
    page = await visitor.submit("/account/login/mfa", code="000000")
    assert (page.status, page.errors) == (401, [TEXTS["error.invalid_code"]])
    page = await visitor.submit("/account/login/mfa", code=code_of(phone, clock))
    assert page.path == "/strong"
    assert (await Browser(app).open("/account/login/mfa")).path == "/account/login"


async def test_refusals(browser: Browser, ada: User, provider: Provider) -> None:
    """What a provider refuses is said where it leads back; nobody is logged in."""
    await browser.open("/account/login")
    page = await browser.press("/company")
    state = query_of(refresh_of(page))["state"]
    given = {"state": state, "error": "access_denied", "iss": ISSUER}
    page = await browser.open(CALLBACK, params=given)
    assert (page.status, page.errors) == (403, [TEXTS["error.provider_refused"]])
    assert [it["href"] for it in page.tags("a")][-1] == "/account/login"
    assert "state=" not in page.text
    page = await browser.open(CALLBACK, params=given)
    assert (page.status, page.errors) == (400, [TEXTS["error.login_flow_unknown"]])
    page = await browser.open("/account/oauth/nobody/callback", params=given)
    assert page.status == 404
    page = await browser.send("/account/login/oauth/nobody")
    assert (page.status, page.title) == (404, TEXTS["login.title"])
    await log_in(browser)
    await link(browser, provider)
    await User.update({User.active: False}, force=True)
    page = await use(Browser(browser.client._transport.app), provider)  # type: ignore[attr-defined]
    assert page.errors == [TEXTS["oauth_callback.error.invalid_credentials"]]


async def test_another_browser(browser: Browser, app: FastAPI, provider: Provider) -> None:
    """Of another browser, a callback is refused."""
    await browser.open("/account/login")
    page = await come_back(Browser(app), provider, await browser.press("/company"))
    assert page.errors == [TEXTS["error.login_flow_unknown"]]


async def test_provider_is_down(
    browser: Browser, ada: User, provider: Provider, parts: Parts, clock: FrozenClock
) -> None:
    """If the provider does not answer, the page that has the button says it."""
    clock.advance(timedelta(days=2))
    provider.responses["/.well-known/openid-configuration"] = JSONResponse({}, 500)
    try:
        await browser.open("/account/login?next=/home")
        page = await browser.press("/other")
        assert (page.status, page.title) == (503, TEXTS["login.title"])
        assert page.errors == [TEXTS["error.provider_unavailable"], TEXTS["error.wait.one"]]
        assert page.value("next") == "/home"
        await log_in(browser)
        await browser.open(LINKED)
        page = await browser.press("/other/link")
        assert (page.status, page.title) == (503, TEXTS["linked_accounts.title"])
    finally:
        provider.responses.clear()


@reaches_no_sql
async def test_other_sites(browser: Browser) -> None:
    """A form that another site sends begins no log-in."""
    headers = {"sec-fetch-site": "cross-site"}
    assert (await browser.client.post(BEGIN, headers=headers)).status_code == 403
    assert not browser.client.cookies


async def test_no_account(users: Users[User], outbox: Outbox) -> None:
    """Without sign-up, a stranger is told to register."""
    parts, app = variant(users, "no sign-up")
    page = await use(Browser(app), parts.provider)
    assert (page.status, page.errors) == (403, [TEXTS["error.no_account"]])


async def test_posted_callback(users: Users[User], outbox: Outbox) -> None:
    """A form of a provider leads to the callback, to which the browser sends its cookie."""
    parts, app = variant(users, "posts")
    browser = Browser(app)
    await browser.open("/account/login")
    page = await browser.press("/company")
    given = parts.provider.authorize(refresh_of(page))
    other_site = {**HEADERS, "sec-fetch-site": "cross-site", "origin": ISSUER}
    response = await Browser(app).client.post(CALLBACK, data=given, headers=other_site)
    assert response.status_code == 303
    assert response.headers["location"].startswith(f"{CALLBACK}?")
    page = await browser.open(response.headers["location"])
    assert page.path == "/"


async def test_pages_of_the_application(users: Users[User], outbox: Outbox) -> None:
    """If the application has a page for errors, the browser goes there."""
    _, app = variant(users, "own errors")
    response = await Browser(app).client.get(CALLBACK, params={"state": "x", "code": "y"})
    assert response.status_code == 303
    assert response.headers["location"].startswith("/app/error#error=login_flow_unknown")


async def test_beside_the_api(users: Users[User], outbox: Outbox) -> None:
    """Where both are, the provider leads back to the pages, or to the API, as it was begun."""
    parts = Parts(users)
    assert parts.social
    app = FastAPI()
    install(app)
    api = oauth_router(parts.social, parts.login, parts.session)
    app.include_router(api, prefix="/auth")
    browser = Browser(parts.app(app=app))
    await browser.open("/account/login")
    url = refresh_of(await browser.press("/company"))
    assert query_of(url)["redirect_uri"] == f"https://testserver{CALLBACK}"
    answer = await browser.client.post("/auth/oauth/company", json={})
    asked = query_of(answer.json()["authorization_url"])
    assert asked["redirect_uri"] == "https://testserver/auth/oauth/company/callback"


@reaches_no_sql
def test_with_apps(users: Users[User], outbox: Outbox) -> None:
    """A site whose apps log in with providers, too, has pages."""
    jwt, session = JWTAuth(users, secret=SECRET), SessionAuth(users)
    apps = {"apps": {"ios": "com.example.movies://callback"}}
    assert Parts(users, session, social=apps, schemes=[session, jwt]).pages().router.routes
    with pytest.raises(ConfigurationError, match="apps"):
        Parts(users, session, social=apps).pages()


@reaches_no_sql
def test_configuration(users: Users[User], outbox: Outbox) -> None:
    """The pages have no page of errors; a login with second factors needs one for them."""
    paths = {"mfa": "/account/login/mfa", "error": "/account/login/error"}
    with pytest.raises(ConfigurationError, match="error"):
        Parts(users, social={"paths": paths}).pages()
    with pytest.raises(ConfigurationError, match="mfa"):
        Parts(users, social={"paths": {}}).pages()
    parts = Parts(users)
    assert Pages(parts.session, Login(users), social=parts.social).router.routes
