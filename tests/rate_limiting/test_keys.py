"""Who is counted."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Form
from pydantic import BaseModel, TypeAdapter, ValidationError
from starlette.requests import HTTPConnection, Request

from piccolo_api_fastapi import (
    AnyOf,
    ClientAddress,
    Identity,
    JWTAuth,
    RateLimit,
    SessionAuth,
    User,
    Users,
    by_address,
    by_body,
    by_client_address,
    by_credential,
    by_user,
    install,
    jwt_router,
    session_router,
)
from piccolo_api_fastapi.rate_limiting.stores.store import Store, compact
from piccolo_api_fastapi.testing import FrozenClock, acting_as
from tests.conftest import bearer, get_tokens, log_in, new_client

ONE_A_MINUTE = "1/minute"


def client_at(app: FastAPI, address: str) -> httpx.AsyncClient:
    """A client with an address."""
    transport = httpx.ASGITransport(app=app, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="https://testserver")


async def status(client: httpx.AsyncClient, **options: Any) -> int:
    """The status of `GET /`."""
    return (await client.get("/", **options)).status_code


def app_with(key: Any, **installed: Any) -> FastAPI:
    """An application with one limited route."""
    app = FastAPI()
    install(app, **installed)

    @app.get("/", dependencies=[Depends(RateLimit(ONE_A_MINUTE, key=key))])
    async def root() -> None:
        return None

    return app


@pytest.mark.security(91)
async def test_spoofed_headers() -> None:
    """No header makes a new client of an old one; behind a proxy each has its own count."""
    app = app_with(by_address)
    async with client_at(app, "198.51.100.7") as client:
        spoofed = [{"X-Forwarded-For": f"203.0.113.{n}", "Forwarded": f"for={n}"} for n in range(5)]
        assert [await status(client, headers=h) for h in spoofed] == [200, 429, 429, 429, 429]
    app = app_with(by_address, client_address=ClientAddress(trusted=["198.51.100.7"]))
    async with client_at(app, "198.51.100.7") as client:
        assert [await status(client, headers=h) for h in spoofed] == [200] * 5
        assert [await status(client, headers=h) for h in spoofed] == [429] * 5


@pytest.mark.security(92)
async def test_rotation() -> None:
    """Who has a /64 of IPv6 has one count."""
    app = app_with(by_address)
    answers = []
    for number in range(1, 30):
        async with client_at(app, f"2001:db8:1:2::{number:x}") as client:
            answers.append(await status(client))
    assert answers == [200] + [429] * 28


async def test_no_address() -> None:
    """Without an address there is no count, which would be one for all."""
    async with client_at(app_with(by_address), "") as client:
        assert [await status(client) for _ in range(3)] == [200, 200, 200]


async def test_another_client_address() -> None:
    """One limit may find the address otherwise than the application."""
    key = by_client_address(ClientAddress(trusted=1))
    async with client_at(app_with(key), "198.51.100.7") as client:
        for name in ("203.0.113.1", "203.0.113.2"):
            headers = {"X-Forwarded-For": name}
            assert [await status(client, headers=headers) for _ in range(2)] == [200, 429]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_users(session: SessionAuth[User], jwt: JWTAuth[User], ada: User) -> None:
    """By user whatever the scheme, by credential each for itself, by address when anonymous."""
    current_user = AnyOf(session, jwt)
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(jwt_router(jwt), prefix="/auth")
    for key in (by_user, by_credential):
        limit = RateLimit(ONE_A_MINUTE, key=key(current_user))

        @app.get(f"/{key.__name__}", dependencies=[Depends(limit)])
        async def route() -> None:
            return None

    async def get(name: str, client: httpx.AsyncClient, **options: Any) -> int:
        return (await client.get(f"/{name}", **options)).status_code

    async with new_client(app) as browser, new_client(app) as phone, new_client(app) as nobody:
        await log_in(browser)
        token = bearer((await get_tokens(phone))["access_token"])
        assert await get("by_user", browser) == 200
        assert await get("by_user", phone, headers=token) == 429
        assert await get("by_credential", browser) == 200
        assert await get("by_credential", phone, headers=token) == 200
        assert await get("by_credential", phone, headers=token) == 429
        for name in ("by_user", "by_credential"):
            assert await get(name, nobody, headers=bearer("nonsense")) == 200
            assert await get(name, nobody, headers={"Cookie": "__Host-session=nonsense"}) == 429
            assert await get(name, nobody) == 429
        with acting_as(session, ada):
            assert await get("by_user", nobody) == 429
    for path in ("/by_user", "/by_credential"):
        assert "security" not in app.openapi()["paths"][path]["get"]


async def test_credentials_with_one_id(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """Credentials of two schemes are counted apart, even if their ids are the same."""
    guard = AnyOf[Any](SessionAuth(users), SessionAuth(users, name="staff"))
    key: Any = by_credential(guard)
    keys = set()
    for scheme in guard.schemes:
        identity = Identity(ada, scheme.scheme_name, "1", frozenset(), clock.now)
        identities = {"piccolo_api_fastapi.identities": {guard: identity}}
        keys.add(await key(Request({"type": "http", "headers": [], **identities})))
    assert len(keys) == 2


def body_app() -> FastAPI:
    """Routes that read a body, or do not."""
    app = FastAPI()
    limit = RateLimit(ONE_A_MINUTE, key=by_body("email"), scope="mail")

    @app.post("/json", dependencies=[Depends(limit)])
    async def json(body: dict[str, Any]) -> Any:
        return body["email"]

    @app.post("/form", dependencies=[Depends(limit)])
    async def form(email: Annotated[str, Form()]) -> str:
        return email

    @app.post("/raw", dependencies=[Depends(limit)])
    async def raw(request: Request) -> str:
        return (await request.body()).decode("latin-1")

    return app


async def test_bodies() -> None:
    """A field of JSON or a form, however it is written; the endpoint still reads it."""
    async with new_client(body_app()) as client:
        for name, other in (
            ("ada@example.com", " \uff21DA@Example.COM "),
            ("Gr\u00e4ce", "GRA\u0308CE"),
        ):
            answer = await client.post("/json", json={"email": name})
            assert (answer.status_code, answer.json()) == (200, name)
            assert (await client.post("/form", data={"email": other})).status_code == 429
        answer = await client.post("/form", data={"email": "linus@example.com"})
        assert (answer.status_code, answer.json()) == (200, "linus@example.com")
        answer = await client.post("/raw", json={"email": "alan@example.com"})
        assert "alan@" in answer.json()


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"{", "application/json"),
        (b"[1]", "application/json"),
        (b'{"email": ["a"]}', "application/json"),
        (b'{"mail": "a"}', "application/json"),
        (b"\xff", "application/json"),
        (b"[" * 100_000, "application/json"),
        (b"--", "multipart/form-data; boundary=x"),
        (b"email", "text/plain"),
        (b"", ""),
    ],
)
async def test_bodies_without_the_field(content: bytes, kind: str) -> None:
    """A body without it is counted by address, and never a 500."""
    async with new_client(body_app()) as client:
        statuses = [
            (await client.post("/raw", content=content, headers={"content-type": kind})).status_code
            for _ in range(2)
        ]
        assert statuses == [200, 429]


class Vote(BaseModel):
    """A body with a number."""

    member: int


@pytest.fixture
def votes() -> FastAPI:
    """Routes with one limit, which read a number as JSON, as a form, or whatever it is."""
    app = FastAPI()
    limit = RateLimit(ONE_A_MINUTE, key=by_body("member"), scope="votes")

    @app.post("/json", dependencies=[Depends(limit)])
    async def json(body: Vote) -> int:
        return body.member

    @app.post("/form", dependencies=[Depends(limit)])
    async def form(member: Annotated[int, Form()]) -> int:
        return member

    @app.post("/any", dependencies=[Depends(limit)])
    async def anything(body: dict[str, Any]) -> None:
        assert "member" in body

    return app


SPELLINGS = [
    *(7, 7.0, "7", "007", "+7", "+007", "7.0", "7.000", "0_7", "0__7.0", " 7\n", "\u3000+7.0\x85"),
    *("0" * 5000 + "7", "7." + "0" * 5000),
    *(0, -0.0, False, "-0", "+00.0", "0_0"),
    *(-7, -7.0, "-7", "-007", "0-7", "0_-7.0", " -0_7"),
    *(1, True, "01"),
    *(1000, 1e3, "1_000", "1000.0", "+1_0_00"),
    *(10**18, 1e18, "1_000_000_000_000_000_000"),
    *(int("9" * 4300), "9" * 4300, "0" + "9" * 4300),
]
"""What Pydantic reads as an integer."""


def is_read(value: object) -> bool:
    """Whether the installed Pydantic reads a value as an integer: older versions read less."""
    try:
        TypeAdapter(int).validate_python(value)
    except ValidationError:
        return False
    return True


@pytest.mark.parametrize(
    "value", [one for one in SPELLINGS if is_read(one)], ids=lambda value: ascii(value)[:20]
)
async def test_spellings_of_an_integer(votes: FastAPI, value: str | float) -> None:
    """What an endpoint reads as one number has one count, from whatever address."""
    number = TypeAdapter(int).validate_python(value)
    async with client_at(votes, "192.0.2.1") as client, client_at(votes, "192.0.2.2") as other:
        answer = await client.post("/json", json={"member": value})
        assert (answer.status_code, answer.json()) == (200, number)
        for one in (value, number, f"+00{number}" if number >= 0 else f"{number}.0"):
            assert (await other.post("/json", json={"member": one})).status_code == 429
            if isinstance(one, str):
                assert (await other.post("/form", data={"member": one})).status_code == 429


async def test_other_values(votes: FastAPI) -> None:
    """What is not the same integer has a count of its own."""
    others = ["7", "-7", "70", "7.5", "7.0.0", "7e0", "0x7", "\u0667", "7,0", "7-", "7\u200b", "++"]
    others += ["", "+", "-", "_", ".0", "true", "ada", "7a", "9" * 4301, "9" * 4300, "2026-11-28"]
    async with new_client(votes) as client:
        for value in others:
            assert (await client.post("/any", json={"member": value})).status_code == 200, value
        for value in others:
            assert (await client.post("/any", json={"member": value})).status_code == 429, value


@pytest.mark.parametrize("value", ["7.5", "NaN", "Infinity", "9" * 4301, "[7]", "null"])
async def test_numbers_that_are_no_integers(votes: FastAPI, value: str) -> None:
    """They are counted by address, and never a 500."""
    async with new_client(votes) as client:
        body = {"content": f'{{"member": {value}}}', "headers": {"content-type": "text/json"}}
        statuses = [(await client.post("/json", **body)).status_code for _ in range(2)]  # type: ignore[arg-type]
        assert statuses == [422, 429]


async def test_long_numbers(votes: FastAPI) -> None:
    """A body of many digits takes no longer than another of its length."""
    async with new_client(votes) as client:
        for digits in ("0" * 200_000, "9" * 200_000, "+_" * 100_000, "7." + "0" * 200_000):
            answer = await client.post("/any", json={"member": f"{digits}x"})
            assert answer.status_code == 200


async def test_sockets_have_no_body() -> None:
    """A WebSocket is counted by address."""
    key: Any = by_body("email")
    scope = {"type": "websocket", "headers": [], "client": ("127.0.0.1", 1)}
    assert await key(HTTPConnection(scope)) == "127.0.0.1"


async def test_long_keys(store: Store) -> None:
    """Long keys become digests; different ones stay different, and odd ones are no trouble."""
    assert compact("a" * 64) == "a" * 64
    assert len(compact("a" * 65)) == 32
    assert compact("a" * 65) != compact("a" * 66)
    limit = RateLimit(ONE_A_MINUTE, scope="long", store=store)
    for key in ("secret" * 100, "\ud800" * 65, "\x00"):
        assert (await limit.hit(key)).remaining == 0
        assert (await limit.peek(key)).remaining == 0


@pytest.mark.security(99)
@pytest.mark.parametrize(
    "kind",
    ["application/x-www-form-urlencoded", "multipart/form-data", "multipart/form-data; boundary=x"],
)
async def test_json_that_is_called_a_form(kind: str) -> None:
    """Nobody avoids a limit by what JSON is called, where an endpoint reads it all the same."""
    app = FastAPI()
    limit = RateLimit("2/minute", key=by_body("email"), scope=f"json called {kind}")

    @app.post("/", dependencies=[Depends(limit)])
    async def read(request: Request) -> str:
        return str((await request.json())["email"])

    statuses = []
    for number in range(3):
        transport = httpx.ASGITransport(app=app, client=(f"192.0.2.{number}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:
            body = {"content": b'{"email": "ada@example.com"}', "headers": {"content-type": kind}}
            statuses.append((await client.post("/", **body)).status_code)  # type: ignore[arg-type]
    assert statuses == [200, 200, 429]
