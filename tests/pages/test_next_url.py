"""`next` never leads off the site."""

from typing import Any
from urllib.parse import urlsplit

import pytest
from fastapi import FastAPI
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from piccolo_api_fastapi import Pages, SessionAuth, User, Users
from piccolo_api_fastapi.pages.next_url import LONGEST, safe_next
from tests.conftest import PASSWORD, reaches_no_sql
from tests.pages.browsing import Browser

TRUSTED = "https://app.example.com"

REFUSED = [
    "//evil.example.com",
    "/\\evil.example.com",
    "///evil.example.com",
    "\\\\evil.example.com",
    "https://evil.example.com",
    "https:evil.example.com",
    "http:/evil.example.com",
    "javascript:alert(1)",
    "data:text/html,x",
    "/\t/evil.example.com",
    "\t//evil.example.com",
    " /home",
    "/a\\b",
    "/a b",
    "/a\r\nSet-Cookie: a=b",
    "/\u00e9",
    "/\x00",
    "home",
    "?a=b",
    "#a",
    "@evil.example.com",
    "https://app.example.com@evil.example.com/",
    "https://app.example.com.evil.example.com/",
    "https://app.example.com:444/",
    "http://app.example.com/",
    "https://app.example.com\\@evil.example.com",
    "https://[::1",
    "/" * 2001,
    "/" + "x" * 2000,
]

KEPT = ["/", "/home", "/%5Ce", "/%09/e", "/a?b=//c", "/%0d%0a", "/a#b", "/./", "/.//e", "/x" * 1000]


@reaches_no_sql
@pytest.mark.security(106)
@pytest.mark.parametrize("wanted", REFUSED)
async def test_refused(browser: Browser, wanted: str) -> None:
    """What leads elsewhere is the default, on the page and in the form."""
    assert safe_next(wanted, "/start") == "/start"
    page = await browser.open("/account/login", params={"next": wanted})
    assert "next" not in page.forms[0].names
    page = await browser.send("/account/login", username="ada", password="x", next=wanted)
    assert "next" not in page.forms[0].names


@reaches_no_sql
@pytest.mark.parametrize("wanted", KEPT)
async def test_kept(browser: Browser, ada: User, wanted: str) -> None:
    """What stays here is kept, through a wrong password, and followed."""
    await browser.open("/account/login", params={"next": wanted})
    await browser.submit("/account/login", username="ada", password="wrong one")
    if wanted != "/":
        assert browser.page.value("next") == wanted
    form = {"username": "ada", "password": PASSWORD, "next": wanted}
    response = await browser.client.post("/account/login", data=form)
    assert response.status_code == 303
    assert response.headers["location"] == wanted


CHARACTERS = st.sampled_from([*"/\\.:@?#%&= \t\r\n\x00aE5c0", "//", "https:", "evil.example", "é"])


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(CHARACTERS, max_size=12).map("".join))
@example("/%2e%2e//evil.example")
@example("/;//evil.example")
def test_generated(wanted: str) -> None:
    """Whatever is asked for, a browser stays on this host or goes to a trusted origin."""
    found = safe_next(wanted, "/start", {TRUSTED})
    assert _where(found) in {"here", TRUSTED}


def _where(address: str) -> str:
    """Where a browser goes: it drops tabs and line ends, and reads backslashes as slashes."""
    read = address.strip().translate({9: None, 10: None, 13: None}).replace("\\", "/")
    parts = urlsplit(read, allow_fragments=True)
    if not parts.scheme and not parts.netloc and read.startswith("/") and read[1:2] != "/":
        return "here"
    return f"{parts.scheme}://{parts.netloc}"


def test_bounds() -> None:
    """The longest address is kept, and none means the default."""
    assert safe_next("/" + "x" * (LONGEST - 1), "/start") != "/start"
    assert safe_next("/" + "x" * LONGEST, "/start") == "/start"
    assert safe_next(None, "/start") == safe_next("", "/start") == "/start"


async def test_trusted_origins(users: Users[User], ada: User) -> None:
    """Another origin of the same owner is followed, and browsers let the form lead there."""
    pages = Pages(SessionAuth(users), trusted_origins=[TRUSTED], default_next="/start")
    app = FastAPI()
    app.include_router(pages.router)
    browser = Browser(app)
    page = await browser.open("/account/login", params={"next": f"{TRUSTED}/films?x=1"})
    assert page.value("next") == f"{TRUSTED}/films?x=1"
    assert f"form-action 'self' {TRUSTED};" in page.headers["content-security-policy"]
    page = await browser.open("/account/login", params={"next": "https://evil.example.com/"})
    assert "next" not in page.forms[0].names
    given: dict[str, Any] = {"username": "ada", "password": PASSWORD}
    response = await browser.client.post("/account/login", data={**given, "next": TRUSTED + "/x"})
    assert response.headers["location"] == f"{TRUSTED}/x"
    response = await browser.client.post("/account/login", data=given)
    assert response.headers["location"] == "/start"


async def test_long_address(browser: Browser, ada: User) -> None:
    """An address too long to keep leads to the default."""
    page = await browser.open("/home?" + "x" * 2100)
    assert page.url == "/account/login"


async def test_double_slash(browser: Browser, ada: User) -> None:
    """A path of the site that begins with two slashes is no way to another host."""
    page = await browser.open("https://testserver//home")
    assert page.status == 404
    assert "//home" not in page.text
