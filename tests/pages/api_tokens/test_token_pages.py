"""API tokens: made with scopes and lifetimes, shown once, replaced and revoked."""

from datetime import timedelta

import httpx
from fastapi import FastAPI

from piccolo_api_fastapi import Login, Pages, SessionAuth, TokenAuth, User, Users
from piccolo_api_fastapi.schemes.api_tokens import APIToken
from piccolo_api_fastapi.testing import FrozenClock
from tests.pages.browsing import Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import log_in


def scoped_site(users: Users[User]) -> FastAPI:
    """A site whose users have scopes."""
    session = SessionAuth(users)
    app = FastAPI()
    tokens = TokenAuth(users)
    pages = Pages(session, Login(users), tokens=tokens)
    app.include_router(pages.router)
    pages.install(app)
    return app


async def test_life_of_a_token(browser: Browser, ada: User, clock: FrozenClock) -> None:
    """A token is shown once, and its name stays inside."""
    await log_in(browser)
    page = await browser.open("/account/api-tokens")
    assert TEXTS["api_tokens.none"] in page.text
    page = await browser.submit("/account/api-tokens", name='<b> "x"')
    [shown] = [it for it in page.tags("input") if it.get("id") == "field-token"]
    secret = shown["value"]
    assert (page.status, page.title) == (201, TEXTS["api_token.title"])
    assert page.text.count(secret) == 1
    assert "<b>" not in page.text
    page = await browser.open("/account/api-tokens")
    assert secret not in page.text
    assert '<b> "x"' in page.said("rows")
    page = await browser.press("/rotate")
    assert page.title == TEXTS["api_token.title"]
    assert secret not in page.text
    await browser.open("/account/api-tokens")
    page = await browser.press("/revoke")
    assert (page.path, page.message) == ("/account/api-tokens", TEXTS["done.token_revoked"])
    page = await browser.open("/account/api-tokens")
    assert TEXTS["api_tokens.none"] in page.text


async def test_scopes_and_lifetimes(users: Users[User], grace: User, clock: FrozenClock) -> None:
    """One may give the scopes that one has, and choose among the lifetimes."""
    browser = Browser(scoped_site(users))
    await log_in(browser, "grace")
    page = await browser.open("/account/api-tokens")
    boxes = [it["value"] for it in page.tags("input") if it.get("name") == "scopes"]
    assert "admin" in boxes
    assert "account" not in boxes  # no route that manages an account admits a token
    week = next(it["value"] for it in page.tags("option"))
    page = await browser.submit("/account/api-tokens", name="script", scopes=boxes, expires_at=week)
    assert page.status == 201, page.errors
    [row] = await APIToken.select()
    assert row["expires_at"] == clock.now + timedelta(days=7)
    page = await browser.open("/account/api-tokens")
    assert ", ".join(sorted(boxes)) in page.said("rows")
    page = await browser.submit(
        "/account/api-tokens", name="x" * 200, scopes=["admin"], expires_at=week
    )
    assert page.status == 422
    assert [it["value"] for it in page.tags("input") if "checked" in it] == ["admin"]
    assert [it["value"] for it in page.tags("option") if "selected" in it] == [week]
    page = await browser.send("/account/api-tokens", name="x", scopes=["superuser", "admin"])
    assert page.status in {403, 422}
    assert page.title == TEXTS["api_tokens.title"]
    page = await browser.send("/account/api-tokens", name="x" * 200)
    assert (page.status, page.value("name")) == (422, "x" * 200)
    page = await browser.send("/account/api-tokens", name="x", expires_at="yesterday")
    assert page.status == 422


async def test_many_scopes(users: Users[User], grace: User) -> None:
    """As many scopes as there are can be ticked."""
    browser = Browser(scoped_site(users))
    await log_in(browser, "grace")
    scopes = [f"s{number}" for number in range(200)]
    page = await browser.send("/account/api-tokens", name="x", scopes=scopes)
    assert TEXTS["error.form_invalid"] not in page.errors
    for bad in ({"scopes": ["s"] * 600}, {f"field{number}": "x" for number in range(40)}):
        page = await browser.send("/account/api-tokens", bad, name="x")
        assert page.errors == [TEXTS["error.form_invalid"]]


async def test_tokens_of_others(browser: Browser, app: FastAPI, ada: User, grace: User) -> None:
    """Nobody reaches another user's token."""
    other = Browser(app)
    await log_in(other, "grace")
    await other.open("/account/api-tokens")
    await other.submit("/account/api-tokens", name="hers")
    [row] = await APIToken.select()
    await log_in(browser)
    for action, status in (("rotate", 404), ("revoke", 200)):
        page = await browser.send(f"/account/api-tokens/{row['id']}/{action}")
        assert (page.status, page.title) == (status, TEXTS["api_tokens.title"])
    assert await APIToken.count() == 1


async def test_a_token_is_no_browser(browser: Browser, app: FastAPI, ada: User) -> None:
    """A token opens no page: it stands for a program."""
    await log_in(browser)
    await browser.open("/account/api-tokens")
    page = await browser.submit("/account/api-tokens", name="script")
    [shown] = [it for it in page.tags("input") if it.get("id") == "field-token"]
    transport = httpx.ASGITransport(app=app)
    bearer = {"authorization": f"Bearer {shown['value']}", "accept": "text/html"}
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
        response = await client.get("/account", headers=bearer)
        assert response.status_code == 303
