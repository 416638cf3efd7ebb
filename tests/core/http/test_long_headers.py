"""Headers of any length and pattern cost no more than reading them, and each has a cap."""

import time
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection, cookie_parser

from piccolo_api_fastapi import (
    AnyOf,
    Captcha,
    ClientAddress,
    Cookie,
    JWTAuth,
    RateLimit,
    SessionAuth,
    StaticTokens,
    TokenAuth,
    User,
    Users,
    by_body,
    install,
    session_router,
)
from piccolo_api_fastapi.access.bearer import MAXIMUM_TOKEN, bearer_token
from piccolo_api_fastapi.core.http.client_address import MAXIMUM_HEADER
from piccolo_api_fastapi.core.http.cookies import MAXIMUM_COOKIES
from piccolo_api_fastapi.errors import InvalidSession, InvalidToken
from piccolo_api_fastapi.schemes.jwt.websocket_tickets import presented
from tests.conftest import SECRET, reaches_no_sql

LENGTH = 1_000_000


@pytest.fixture
async def client(users: Users[User]) -> AsyncIterator[httpx.AsyncClient]:
    """An application behind a proxy whose routes read each header that the library reads."""
    app = FastAPI()
    install(app, client_address=ClientAddress(trusted=["10.0.0.0/8"]))
    session, jwt, tokens = SessionAuth(users), JWTAuth(users, secret=SECRET), TokenAuth(users)
    caller = AnyOf(session, jwt, tokens, StaticTokens({"deploy": SECRET.replace(" ", "-")}, users))
    app.include_router(session_router(session))
    behind = FastAPI()
    install(behind, client_address=ClientAddress(trusted=["10.0.0.0/8"], header="Forwarded"))
    behind.include_router(session_router(session))
    app.mount("/forwarded", behind)

    @app.post("/write", dependencies=[Depends(RateLimit("9/second", key=by_body("name")))])
    async def write(user: Annotated[User, Depends(caller)]) -> None:
        return None

    @app.post("/puzzle", dependencies=[Depends(Captcha(lambda *_: True))])
    async def puzzle() -> None:
        return None

    plain = FastAPI()

    @plain.post("/")
    async def nothing() -> None:
        return None

    app.mount("/plain", plain)
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, client=("10.0.0.1", 1))
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        yield client


async def seconds(client: httpx.AsyncClient, path: str, name: str, value: str) -> float:
    """The least processor time of three requests."""
    times = []
    for _ in range(3):
        start = time.process_time()
        await client.post(path, headers={name.encode(): value.encode("latin-1")})
        times.append(time.process_time() - start)
    return min(times)


@pytest.mark.slow
@reaches_no_sql
@pytest.mark.parametrize("path", ["/login", "/write", "/puzzle"])
@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("Cookie", ";"),
        ("Cookie", "a=;"),
        ("Cookie", "__Host-sessionx=;"),
        ("Cookie", "\xa0"),
        ("Authorization", "Bearer "),
        ("Authorization", "a.b.c."),
        ("X-Forwarded-For", ","),
        ("X-Forwarded-For", ",10.1.1.1"),
        ("User-Agent", "\x85"),
        ("Origin", "https://"),
        ("Sec-Fetch-Site", "same-origin"),
        ("Content-Type", "application/json "),
        ("Content-Type", 'multipart/form-data;a="'),
        ("Accept", " "),
        ("Captcha-Response", " x"),
    ],
)
async def test_costs(client: httpx.AsyncClient, path: str, name: str, pattern: str) -> None:
    """A megabyte of any header costs what it costs FastAPI alone, and little more."""
    value = pattern * (LENGTH // len(pattern)) + pattern
    if name == "Authorization":
        value = f"Bearer {value}"
    alone = await seconds(client, "/plain/", name, value)
    assert await seconds(client, path, name, value) <= 2 * alone + 0.02


@reaches_no_sql
@pytest.mark.parametrize(
    "pattern", [",for=10.1.1.1", ',for="10.1.1.1', ',"', f',for=10.1.1.1;host="{"a," * 900}"', ",a"]
)
async def test_costs_of_forwarded(client: httpx.AsyncClient, pattern: str) -> None:
    """So does `Forwarded`, whose elements may have quotes."""
    value = pattern * (LENGTH // len(pattern))
    alone = await seconds(client, "/plain/", "Forwarded", value)
    assert await seconds(client, "/forwarded/login", "Forwarded", value) <= 2 * alone + 0.02


@pytest.mark.slow
@pytest.mark.parametrize("name", ["s", "__Host-session"])
@pytest.mark.parametrize(
    "pattern", [";", "a=;", " ;", "\xa0;", "\xa0_;", "{}x=;", "{};", "{}=;", "__Host-sessio;"]
)
def test_cookies_as_fast_as_starlette(name: str, pattern: str) -> None:
    """Reading a cookie takes no longer than Starlette's parser, whatever the header repeats."""
    cookie, text = Cookie(name=name), pattern.format(name)
    header = text * (MAXIMUM_COOKIES // len(text) - 1)

    def read() -> None:
        with suppress(InvalidSession):
            cookie.read([header])

    def least(function: Any) -> float:
        times = []
        for _ in range(5):
            start = time.process_time()
            for _ in range(10):
                function()
            times.append(time.process_time() - start)
        return min(times)

    assert least(read) <= 2 * least(lambda: cookie_parser(header)) + 0.01


def test_cap_of_cookies() -> None:
    """A header of 16 KiB is read, in one line or in several; a longer one is refused."""
    cookie, pair = Cookie(), "__Host-session=x"
    fits = "a" * (MAXIMUM_COOKIES - len(pair) - 2)
    for headers in ([f"{fits};{pair}"], [fits, pair]):
        assert cookie.read(headers) == ["x"]
    for headers in ([f"{fits}a;{pair}"], [f"{fits}a", pair], ["a" * MAXIMUM_COOKIES]):
        with pytest.raises(InvalidSession):
            cookie.read(headers)


def request_with(name: str, *values: str) -> HTTPConnection:
    """A request of a proxy with this header, in one line or in several."""
    headers = [(name.encode(), value.encode()) for value in values]
    return HTTPConnection({"type": "http", "headers": headers, "client": ("10.0.0.1", 1)})


def test_cap_of_bearer_tokens() -> None:
    """A longer bearer token is none, whatever its scheme hashes or decodes."""
    longest = "a" * MAXIMUM_TOKEN
    assert bearer_token(request_with("authorization", f"Bearer {longest}")) == longest
    with pytest.raises(InvalidToken):
        bearer_token(request_with("authorization", f"Bearer {longest}a"))


@pytest.mark.security(91)
def test_cap_of_forwarded_addresses() -> None:
    """Addresses are read up to 16 KiB from the right, where proxies write; none is halved."""
    found = ClientAddress(trusted=["10.0.0.0/8"])
    proxies = ",10.0.0.7" * 1800
    assert len(proxies) < MAXIMUM_HEADER
    for values in ([f"203.0.113.9{proxies}"], ["203.0.113.9", proxies[1:]]):
        assert found.find(request_with("x-forwarded-for", *values)) == "203.0.113.9"
    for count in range(1820, 1850):
        more = ",10.0.0.7" * count
        for values in ([f"203.0.113.9{more}"], ["203.0.113.9", more[1:]], more[1:].split(",")):
            assert found.find(request_with("x-forwarded-for", *values)) in {None, "10.0.0.7"}
    too_many = f"203.0.113.9{',10.0.0.7' * 1850}"
    assert found.find(request_with("x-forwarded-for", too_many)) is None


@pytest.mark.parametrize("where", ["subprotocols", "query_string"])
def test_costs_of_tickets(where: str) -> None:
    """However many tickets a WebSocket brings, beside whatever else, each is looked at once."""

    def taken(many: int) -> float:
        numbers = [str(number) for number in range(many)]
        names = [f"tkt_{number}" for number in numbers]
        query = "&".join([f"ticket={name}" for name in names] + numbers).encode()
        given: dict[str, Any] = {"subprotocols": names + numbers, "query_string": query}
        scope = {"type": "websocket", "subprotocols": [], "query_string": b""}
        start = time.process_time()
        assert len(presented(HTTPConnection({**scope, where: given[where]}))) == many
        return time.process_time() - start

    assert min(taken(20_000) for _ in range(3)) <= 0.5
