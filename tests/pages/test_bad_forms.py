"""Forms that no page of ours sends: a clear answer, as a page, and never what was typed."""

from typing import Any
from urllib.parse import urlencode

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import User
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import reaches_no_sql
from tests.pages.browsing import Browser, Page
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import forms_of, log_in, path_of

FORM = {"content-type": "application/x-www-form-urlencoded"}
SECRET = "tkt_a-secret-that-nobody-may-see"

BODIES: dict[str, tuple[int, dict[str, Any]]] = {
    "json": (415, {"json": {"username": "ada"}}),
    "multipart": (415, {"files": {"username": b"ada"}}),
    "no type": (415, {"content": b"username=ada"}),
    "other charset": (
        415,
        {"content": b"a=b", "headers": {"content-type": f"{FORM['content-type']}; charset=latin1"}},
    ),
    "too long": (413, {"data": {"username": "x" * 20_000}}),
    "many fields": (422, {"data": {f"field{number}": "x" for number in range(100)}}),
    "duplicates": (422, {"content": b"username=a&username=b", "headers": FORM}),
    "no UTF-8": (422, {"content": b"username=%ff%fe", "headers": FORM}),
    "raw bytes": (422, {"content": b"username=\xff", "headers": FORM}),
    "surrogate": (422, {"content": b"username=%ED%A0%80", "headers": FORM}),
    "NUL": (422, {"content": b"username=%00", "headers": FORM}),
    "unknown field": (422, {"data": {"is_admin": "true"}}),
    "empty": (422, {"content": b"", "headers": FORM}),
    "separators": (422, {"content": b"&&&===&", "headers": FORM}),
    "long name": (422, {"data": {"x" * 200: "y"}}),
}

QUICK = {"json", "too long", "many fields", "unknown field", "empty"}
EVERYWHERE = [
    pytest.param(name, marks=[] if name in QUICK else pytest.mark.slow) for name in BODIES
]


@reaches_no_sql
@pytest.mark.parametrize("body", BODIES)
async def test_login(browser: Browser, body: str) -> None:
    """The page to log in answers bad forms with itself."""
    status, given = BODIES[body]
    page = Page(await browser.client.post("/account/login", **given))
    page.check()
    assert (page.status, page.title) == (status, TEXTS["login.title"])
    assert page.errors


@reaches_no_sql
@pytest.mark.parametrize("body", EVERYWHERE)
@pytest.mark.parametrize("is_signed_in", [True, pytest.param(False, marks=pytest.mark.slow)])
async def test_every_form(
    browser: Browser, app: FastAPI, ada: User, body: str, *, is_signed_in: bool
) -> None:
    """So do all forms, for everybody: a page or the way to one, and never a 500."""
    if is_signed_in:
        await log_in(browser)
    for context in forms_of(app):
        path = path_of(context)
        if path == "/account/logout":
            continue
        response = await browser.client.post(path, **BODIES[body][1])
        where = f"{path}: {response.text}"
        assert response.status_code < 500, where
        if response.status_code == 303:
            assert response.headers["location"].startswith("/"), where
        else:
            assert response.headers["content-type"].startswith("text/html"), where
            Page(response).check()


@reaches_no_sql
@pytest.mark.parametrize("path", ["/account/login/mfa", "/account/login/mfa/send"])
async def test_a_later_step_alone(browser: Browser, path: str) -> None:
    """A second step without what the first one gave starts again."""
    for fields in ({}, {"code": "1"}, {"challenge": "x"}, {"_methods": "totp"}):
        page = await browser.send(path, **fields)
        assert (page.status in {401, 422}, page.title) == (True, TEXTS["login.title"])


@reaches_no_sql
@pytest.mark.security(120)
async def test_secrets_are_not_echoed(browser: Browser, app: FastAPI, ada: User) -> None:
    """Passwords, codes and tokens are on no page; a token that goes on is in its hidden field."""
    await log_in(browser)
    secrets = ("password", "current_password", "new_password", "code", "token", "challenge")
    for context in forms_of(app):
        path = path_of(context)
        if path == "/account/logout":
            continue
        model = context.original_route.action
        fields = dict.fromkeys(secrets, SECRET) | {"_methods": "totp", "username": "ada"}
        response = await browser.client.post(path, data=fields)
        hidden = [*Page(response).tags("input")] if response.status_code != 303 else []
        allowed = [it for it in hidden if it["type"] == "hidden" and it["name"] in model.hidden]
        shown = [it for it in allowed if it.get("value") == SECRET]
        assert response.text.count(SECRET) == len(shown), path
        assert SECRET not in str(response.headers)


TYPED = {
    "markup": '"><script>alert(1)</script>',
    "quotes": "'\"`<>&",
    "right to left": "\u202eada\u202c \u05d0\u05d3\u05d4",
    "long": "x" * 200,
    "template": "{{ 7*7 }}{% raw %}{0} {count}",
    "newlines": "a\r\nSet-Cookie: b=c",
}


@reaches_no_sql
@pytest.mark.parametrize("typed", TYPED)
async def test_what_was_typed_stays_inside(browser: Browser, typed: str) -> None:
    """What a user typed is shown again in its input, letter by letter, and nowhere else."""
    value = TYPED[typed]
    page = await browser.send("/account/login", username=value, password="x" * 20)
    assert (page.status, page.value("username")) == (401, value)
    assert "alert(1)</script>" not in page.text
    assert "49" not in page.errors
    page = await browser.send("/account/register", username=value, email=value, password="x")
    assert page.status == 422
    assert page.value("email") == value


async def test_query(browser: Browser, ada: User, clock: FrozenClock) -> None:
    """What is in the address is no part of the form, but for `next`."""
    query = urlencode({"username": "ada", "next": "/home"})
    page = await browser.send(f"/account/login?{query}", password="x")
    assert page.status == 422
    assert next(iter(page.tags("input"))).get("value") is None
    assert page.value("next") == "/home"
    await log_in(browser)
    page = await browser.send("/account/sessions/end-others?everything=true")
    assert page.message == TEXTS["done.others_ended"]
    page = await browser.open("/account/login?done=nonsense&done=")
    assert page.path == "/"


@reaches_no_sql
@pytest.mark.parametrize("done", ["nonsense", "", "<b>", "x" * 3000, "logged_out"])
async def test_done(browser: Browser, done: str) -> None:
    """The address can only say what the texts have."""
    page = await browser.open("/account/login", params={"done": done})
    assert page.message == (TEXTS["done.logged_out"] if done == "logged_out" else "")


@reaches_no_sql
async def test_other_methods(browser: Browser, app: FastAPI) -> None:
    """The address of a form leads to where its flow starts; other methods are a 405, as a page."""
    starts = {
        "/account/login/mfa": "/account/login",
        "/account/login/mfa/send": "/account/login",
        "/account/sessions/1/end": "/account/login?next=%2Faccount%2Fsessions",
        "/account/verify-email/request": "/account/verify-email",
        "/account/mfa/totp/confirm": "/account/login?next=%2Faccount%2Fmfa%2Ftotp",
        "/account/api-tokens/1/rotate": "/account/login?next=%2Faccount%2Fapi-tokens",
    }
    for path, start in starts.items():
        assert (await browser.open(path)).url == start
        assert (await browser.client.head(path)).status_code == 303
    for path in ("/account/mfa", "/account/reauthenticate", *starts):
        response = await browser.client.put(path)
        assert response.status_code == 405
        assert response.headers["allow"]
        Page(response).check()
    response = await browser.client.post("/account/mfa")
    assert (response.status_code, response.headers["allow"]) == (405, "GET, HEAD")
