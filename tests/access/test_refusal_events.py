"""A 403 by a guard is one event, and says to whom, by which scheme, and what was needed."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Security

from piccolo_api_fastapi import (
    AnyOf,
    AuthEvent,
    EventRecord,
    JWTAuth,
    Login,
    RefreshFamily,
    Session,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    in_person,
    jwt_router,
    optional,
    record_events,
    require,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.core.events import events
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import (
    bearer,
    end_second,
    get_tokens,
    log_in,
    new_client,
    reaches_no_sql,
    web_socket,
)


@pytest.fixture
def refused() -> Iterator[list[AuthEvent]]:
    """The refusals of the test."""
    heard: list[AuthEvent] = []

    def listen(event: AuthEvent) -> None:
        if event.name == "authz_fail":
            heard.append(event)

    stop = subscribe(listen)
    yield heard
    stop()


@pytest.fixture
def recording(ada: User) -> Iterator[None]:
    """Record the events of the test, without the one that made ada."""
    stop = record_events()
    yield
    stop()


@pytest.fixture
def token(users: Users[User]) -> TokenAuth[User]:
    """API tokens."""
    return TokenAuth(users)


@pytest.fixture
async def client(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], token: TokenAuth[User]
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of an application without `install`, whose guards want more than ada has."""
    app, anyone, login = FastAPI(), AnyOf(session, jwt, token), Login(users)
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(jwt_router(jwt, login), prefix="/auth")
    narrow = require(anyone, scopes=["movies:write", "movies:read"])
    guards: dict[str, Any] = {
        "/open/{secret}": anyone,
        "/admin": require(anyone, admin=True),
        "/verified": require(anyone, verified=True),
        "/identity": narrow.identity,
        "/optional": optional(narrow),
        "/optional-identity": optional(narrow).identity,
        "/person": in_person(anyone),
    }
    for path, guard in guards.items():
        app.post(path, dependencies=[Depends(guard)])(lambda: "fine")

    @app.post("/claims")
    async def claims(found: Annotated[Any, Security(jwt.claims, scopes=["movies:write"])]) -> str:
        return str(found.subject)

    async with new_client(app) as client:
        yield client


@pytest.mark.security(115)
@pytest.mark.parametrize(
    ("path", "reason", "needed"),
    [
        ("/admin", "insufficient_scope", "admin"),
        ("/verified", "email_not_verified", ""),
        ("/identity", "insufficient_scope", "movies:write movies:read"),
        ("/optional", "insufficient_scope", "movies:write movies:read"),
        ("/optional-identity", "insufficient_scope", "movies:write movies:read"),
    ],
)
async def test_what_was_needed(
    client: httpx.AsyncClient,
    ada: User,
    clock: FrozenClock,
    refused: list[AuthEvent],
    path: str,
    reason: str,
    needed: str,
) -> None:
    """One event a refusal, with the user, the scheme and the scopes; none for who may come in."""
    await log_in(client)
    assert (await client.post("/open/s3cret")).status_code == 200
    assert refused == []
    answer = await client.post(path, headers={"User-Agent": "Firefox"})
    assert answer.status_code == 403
    [event] = refused
    assert (event.user, event.at, event.outcome) == (ada.id, clock.now, "failure")
    assert event.data == {
        "reason": reason,
        "needed": needed,
        "scheme": "Session",
        "route": path,
        "ip": "127.0.0.1",
        "user_agent": "Firefox",
        "refused": 1,
    }


async def test_machines(
    client: httpx.AsyncClient, token: TokenAuth[User], ada: User, refused: list[AuthEvent]
) -> None:
    """An API token where only a person may come."""
    secret = (await token.create(ada, "report")).secret
    assert (await client.post("/person", headers=bearer(secret))).status_code == 403
    [event] = refused
    assert (event.user, event.data["reason"]) == (ada.id, "credential_not_allowed")
    assert event.data["scheme"] == token.scheme_name
    assert secret not in str(event)


@pytest.mark.security(27)
@pytest.mark.parametrize("path", ["/open/s3cret", "/optional", "/auth/login", "/auth/logout"])
async def test_other_sites(
    client: httpx.AsyncClient, ada: User, refused: list[AuthEvent], path: str
) -> None:
    """Another site: nobody is looked up, and what fills the path in is not told."""
    await log_in(client)
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await client.post(path, headers=headers, json={"username": "ada", "password": "x"})
    assert answer.status_code == 403
    [event] = refused
    assert (event.user, event.data["reason"]) == (None, "cross_site_request")
    assert "s3cret" not in str(event)


async def test_enrolment(client: httpx.AsyncClient, ada: User, refused: list[AuthEvent]) -> None:
    """Somebody who has to set a second factor up first, by cookie and by claims."""
    await log_in(client)
    await Session.update({Session.is_enrolling: True}, force=True)
    assert (await client.post("/open/s3cret")).status_code == 403
    [event] = refused
    assert (event.user, event.data["reason"]) == (ada.id, "mfa_enrolment_required")


async def test_claims(client: httpx.AsyncClient, ada: User, refused: list[AuthEvent]) -> None:
    """Claims that lack a scope, or say that a factor has to be set up: who it is, they say."""
    tokens = await get_tokens(client)
    answer = await client.post("/claims", headers=bearer(tokens["access_token"]))
    assert answer.status_code == 403
    await RefreshFamily.update({RefreshFamily.is_enrolling: True}, force=True)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    tokens = (await client.post("/auth/token", data=form)).json()
    answer = await client.post("/claims", headers=bearer(tokens["access_token"]))
    assert answer.status_code == 403
    told = [(event.user, event.data["reason"], event.data["needed"]) for event in refused]
    assert told == [
        (str(ada.id), "insufficient_scope", "movies:write"),
        (str(ada.id), "mfa_enrolment_required", ""),
    ]


@pytest.mark.security(115)
async def test_in_the_table(client: httpx.AsyncClient, ada: User) -> None:
    """A refusal is recorded like any other event."""
    await log_in(client)
    stop = record_events()
    assert (await client.post("/admin")).status_code == 403
    stop()
    [row] = await EventRecord.select()
    assert (row["name"], row["outcome"], row["user"]) == ("authz_fail", "failure", str(ada.id))


@reaches_no_sql
async def test_not_on_the_way(
    client: httpx.AsyncClient, ada: User, refused: list[AuthEvent]
) -> None:
    """Nobody at all is a 401, and no event."""
    assert (await client.post("/admin")).status_code == 401
    assert refused == []


@pytest.mark.slow
@pytest.mark.security(116)
@pytest.mark.parametrize("by", ["a stranger", "ada"])
async def test_a_flood(client: httpx.AsyncClient, ada: User, recording: None, by: str) -> None:
    """600 refusals are two events: the first, and one with the number of the others."""
    if by == "ada":
        await log_in(client)
    headers = {} if by == "ada" else {"Origin": "https://evil.example"}
    paths = ["/admin"] if by == "ada" else ["/auth/login", "/auth/logout"]
    for number in range(600):
        answer = await client.post(paths[number % len(paths)], headers=headers, json={})
        assert answer.status_code == 403
    of_refusals = EventRecord.name == "authz_fail"
    rows = await EventRecord.count().where(of_refusals)
    end_second()
    await asyncio.gather(*events._telling)
    recorded = await EventRecord.select().where(of_refusals)
    assert rows < 600 / 10  # one a second
    assert sum(json.loads(row["data"])["refused"] for row in recorded) == 600
    assert {row["ip"] for row in recorded} == {"127.0.0.1"}


@reaches_no_sql
async def test_a_flood_of_web_sockets(
    app: FastAPI, session: SessionAuth[User], refused: list[AuthEvent]
) -> None:
    """Handshakes from another site are counted like requests."""
    for _ in range(50):
        cookie = f"{session.cookie.name}=anything"
        sent = await web_socket(app, "/ws", Origin="https://evil.example", Cookie=cookie)
        assert sent[-1]["type"] != "websocket.accept"
    end_second()
    assert sum(event.data["refused"] for event in refused) == 50
    assert len(refused) < 10
