"""The site, used by a browser without JavaScript: its own pages and those of the library."""

import json
import re
from collections.abc import AsyncIterator
from html import unescape
from typing import Any

import httpx
import pytest
from pyotp import totp as pyotp_totp

from examples.site.app import ADDRESS, app, users
from piccolo_api_fastapi import Session, User
from piccolo_api_fastapi.testing import SoftwareAuthenticator
from tests.conftest import PASSWORD, bearer, new_client

BROWSER = {
    "Accept": "text/html,application/xhtml+xml,*/*;q=0.8",
    "Sec-Fetch-Dest": "document",
    "Sec-Fetch-Site": "same-origin",
}


@pytest.fixture
async def browser(database: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that follows redirects, as all do."""
    async with new_client(app) as client:
        client.headers.update(BROWSER)
        client.follow_redirects = True
        yield client


def title_of(answer: httpx.Response) -> str:
    """The title of a page."""
    found = re.search(r"<title>(.*?)</title>", answer.text)
    assert found, answer.text
    return unescape(found[1])


def value_of(answer: httpx.Response, pattern: str) -> str:
    """What a page shows at a place."""
    found = re.search(pattern, answer.text)
    assert found, answer.text
    return unescape(found[1])


async def log_in(browser: httpx.AsyncClient, **more: str) -> httpx.Response:
    """Send the form to log in."""
    form = {"username": "ada", "password": PASSWORD, **more}
    return await browser.post("/account/login", data=form)


async def test_a_visitor_becomes_a_member(
    browser: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are sent to the page to log in, register, verify by the code, and come back."""
    answer = await browser.get("/films?sort=year")
    assert title_of(answer) == "Log in – Movie club"
    wanted = value_of(answer, r'name="next" value="(.*?)"')
    assert wanted == "/films?sort=year"

    form = {"email": "ada@example.com", "username": "ada", "password": PASSWORD, "next": wanted}
    answer = await browser.post("/account/register", data=form)
    assert title_of(answer) == "Confirm your address – Movie club"
    code = re.search(r"\b\d{6}\b", capsys.readouterr().out)
    assert code
    form = {"email": "ada@example.com", "code": code[0], "next": wanted}
    answer = await browser.post("/account/verify-email", data=form)
    assert "Your address is confirmed." in answer.text

    answer = await log_in(browser, password="wrong", next=wanted)
    assert (answer.status_code, title_of(answer)) == (401, "Error: Log in – Movie club")
    answer = await log_in(browser, next=wanted)
    assert (answer.url.raw_path, title_of(answer)) == (b"/films?sort=year", "Films – Movie club")
    assert "Metropolis" in answer.text


async def test_every_page_has_the_header_of_the_site(
    browser: httpx.AsyncClient, database: Any
) -> None:
    """The pages of the library and those of the site have one layout."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    await log_in(browser)
    for path in ("/", "/films", "/invoices", "/account", "/account/sessions"):
        answer = await browser.get(path)
        assert '<a href="/account">ada</a>' in answer.text, path
        assert "The movie club meets on Thursdays." in answer.text, path
    answer = await browser.get("/nothing")
    assert (answer.status_code, "on Thursdays" in answer.text) == (404, True)
    assert (await browser.get("/static/site.css")).status_code == 200
    await browser.post("/account/logout")
    assert "Members see the films" in (await browser.get("/account/login")).text


async def test_a_second_factor(browser: httpx.AsyncClient, database: Any) -> None:
    """A member sets up an app by its secret in text, and logs in with a code."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    await log_in(browser)
    answer = await browser.post("/account/mfa/totp")
    secret = value_of(answer, r'<p class="secret"[^>]*>(.*?)</p>').replace(" ", "")
    form = {"code": pyotp_totp.TOTP(secret).now()}
    answer = await browser.post("/account/mfa/totp/confirm", data=form)
    codes = re.findall(r"<li>([A-Z0-9-]{20,})</li>", answer.text)
    assert len(codes) == 10

    await browser.post("/account/logout")
    answer = await log_in(browser, next="/films")
    assert title_of(answer) == "Second step – Movie club"
    step = {
        name: value_of(answer, f'name="{name}" value="(.*?)"')
        for name in ("challenge", "_methods", "next")
    }
    answer = await browser.post("/account/login/mfa", data={**step, "code": "no"})
    assert answer.status_code == 401
    form = {**step, "code": codes[0], "method": "recovery_code"}
    answer = await browser.post("/account/login/mfa", data=form)
    assert title_of(answer) == "Films – Movie club"


async def test_a_passkey(browser: httpx.AsyncClient, database: Any) -> None:
    """A member adds a passkey, and logs in with nothing else."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    await log_in(browser)
    key = SoftwareAuthenticator(ADDRESS)
    begun = (await browser.post("/account/passkeys/options", json={})).json()
    form = {"challenge": begun["challenge"], "credential": json.dumps(key.create(begun["options"]))}
    answer = await browser.post("/account/passkeys", data={**form, "name": "My phone"})
    assert title_of(answer) == "Your recovery codes – Movie club"
    await browser.post("/account/logout")
    begun = (await browser.post("/account/login/passkey/options", json={})).json()
    form = {"challenge": begun["challenge"], "credential": json.dumps(key.get(begun["options"]))}
    answer = await browser.post("/account/login/passkey", data={**form, "next": "/films"})
    assert title_of(answer) == "Films – Movie club"


async def test_step_up(browser: httpx.AsyncClient, database: Any) -> None:
    """An old log-in does not open the invoices; the password does, and leads back to them."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    await log_in(browser)
    await Session.update({Session.factors: ""}, force=True)
    answer = await browser.get("/invoices")
    assert title_of(answer) == "Confirm that it is you – Movie club"
    form = {"password": PASSWORD, "next": value_of(answer, r'name="next" value="(.*?)"')}
    answer = await browser.post("/account/reauthenticate", data=form)
    assert (answer.url.path, title_of(answer)) == ("/invoices", "Invoices – Movie club")


async def test_api_tokens(browser: httpx.AsyncClient, database: Any) -> None:
    """A token that a member makes opens the API until it is revoked."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    await log_in(browser)
    form = {"name": "script", "scopes": "films:read", "expires_at": ""}
    answer = await browser.post("/account/api-tokens", data=form)
    header = bearer(value_of(answer, r'id="field-token"[^>]* value="(.*?)"'))
    async with new_client(app) as script:
        assert "Playtime" in (await script.get("/api/films", headers=header)).json()
        answer = await browser.get("/account/api-tokens")
        await browser.post(value_of(answer, r'action="(\S+/revoke)"'))
        assert (await script.get("/api/films", headers=header)).status_code == 401


async def test_the_end(browser: httpx.AsyncClient, database: Any) -> None:
    """A member ends another browser, changes the password, and closes the account."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    async with new_client(app) as other:
        await log_in(other)
        await log_in(browser)
        answer = await browser.get("/account/sessions")
        await browser.post(value_of(answer, r'action="(\S+/end)"'))
        assert (await other.get("/films")).status_code == 401
    form = {"current_password": PASSWORD, "new_password": f"{PASSWORD} again"}
    answer = await browser.post("/account/password", data=form)
    assert "The password is changed." in answer.text
    form = {"current_password": form["new_password"], "_sure": "on"}
    answer = await browser.post("/account/close", data=form)
    assert "Your account is deleted." in answer.text
    assert await User.count() == 0


async def test_others_than_browsers(browser: httpx.AsyncClient) -> None:
    """Scripts get the errors of the API, and the pages are not in OpenAPI."""
    answer = await browser.get("/films", headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated")
    assert list((await browser.get("/openapi.json")).json()["paths"]) == ["/api/films"]
