"""Tickets open one WebSocket of a browser, and nothing else."""

import json
from collections.abc import AsyncIterator, Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Security, WebSocket

from piccolo_api_fastapi import (
    AnyOf,
    ConfigurationError,
    Identity,
    JWTAuth,
    SessionAuth,
    Ticket,
    TokenAuth,
    User,
    Users,
    install,
    jwt_router,
    optional,
    session_router,
)
from piccolo_api_fastapi.schemes.jwt import RefreshFamily
from piccolo_api_fastapi.schemes.jwt.websocket_tickets import BY_USER
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import (
    SECRET,
    bearer,
    get_tokens,
    log_in,
    new_client,
    reaches_no_sql,
    unchanged,
    web_socket,
)

SECONDS = timedelta(seconds=30)


@lru_cache
def _app(users: Users[User]) -> FastAPI:
    jwt = JWTAuth(users, secret=SECRET, websocket_tickets=SECONDS)
    session = SessionAuth(users)
    current_user = AnyOf(session, jwt, TokenAuth(users))
    app = FastAPI()
    install(app)
    app.include_router(jwt_router(jwt), prefix="/auth")
    app.include_router(session_router(session), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[User, Depends(current_user)]) -> str:
        return user.username

    @app.websocket("/ws")
    async def ws(
        websocket: WebSocket,
        caller: Annotated[Identity[User], Depends(current_user.identity)],
        again: Annotated[User, Depends(jwt)],
    ) -> None:
        assert again == caller.user
        await websocket.accept(subprotocol=next(iter(websocket.scope["subprotocols"]), None))
        found: dict[str, Any] = {"username": caller.user.username, "scheme": caller.scheme}
        found |= {
            "scopes": sorted(caller.scopes),
            "query": websocket.scope["query_string"].decode(),
        }
        await websocket.send_json(found)
        await websocket.close()

    @app.websocket("/any")
    async def of_any(websocket: WebSocket, user: Annotated[User, Depends(current_user)]) -> None:
        await websocket.accept()
        await websocket.send_json({"username": user.username})
        await websocket.close()

    @app.websocket("/admin")
    async def admin(
        websocket: WebSocket, user: Annotated[User, Security(current_user, scopes=["admin"])]
    ) -> None:
        await websocket.accept()
        await websocket.send_json({"username": user.username})
        await websocket.close()

    @app.websocket("/maybe")
    async def maybe(
        websocket: WebSocket, user: Annotated[User | None, Depends(optional(current_user))]
    ) -> None:
        await websocket.accept()
        await websocket.send_json({"username": user and user.username})
        await websocket.close()

    return app


@pytest.fixture
def app(users: Users[User]) -> Iterator[FastAPI]:
    """
    An application with tickets and the WebSockets `/ws` and `/any` (any scheme), `/admin` and
    `/maybe`.
    """
    yield from unchanged(_app, users)


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with new_client(app) as client:
        yield client


async def get_ticket(client: httpx.AsyncClient, **form: str) -> str:
    """A ticket of a new login."""
    tokens = await get_tokens(client, **form)
    answer = await client.post("/auth/token/ws-ticket", headers=bearer(tokens["access_token"]))
    assert answer.status_code == 200, answer.text
    ticket: str = answer.json()["ticket"]
    return ticket


async def connect(app: FastAPI, path: str, *offered: str, **headers: str) -> Any:
    """The JSON that a WebSocket is sent, or the status that refuses it."""
    if offered:
        headers["Sec-WebSocket-Protocol"] = ", ".join(offered)
    start, *rest = await web_socket(app, path, **headers)
    return json.loads(rest[0]["text"]) if start["type"] == "websocket.accept" else start["status"]


async def test_the_answer(client: httpx.AsyncClient, ada: User) -> None:
    """It is stored nowhere, and the ticket as a digest only."""
    tokens = await get_tokens(client)
    answer = await client.post("/auth/token/ws-ticket", headers=bearer(tokens["access_token"]))
    assert answer.headers["cache-control"] == "no-store"
    body = answer.json()
    assert body == {"ticket": body["ticket"], "expires_in": 30}
    [row] = await Ticket.select()
    assert body["ticket"] not in str(row)


@pytest.mark.parametrize("place", ["subprotocol", "query"])
async def test_it_opens_one_websocket(
    app: FastAPI, client: httpx.AsyncClient, ada: User, place: str
) -> None:
    """As a subprotocol or in the query, once; access logs, which show the query, do not have it."""
    ticket = await get_ticket(client)
    offered = ["chat", ticket] if place == "subprotocol" else ["chat"]
    path = "/ws?a=1" if place == "subprotocol" else f"/ws?a=1&ticket={ticket}"
    found = {"username": "ada", "scheme": "JWT", "scopes": ["account"], "query": "a=1"}
    assert await connect(app, path, *offered) == found
    assert await connect(app, path, *offered) == 401


async def test_the_subprotocol_of_the_answer(
    app: FastAPI, client: httpx.AsyncClient, ada: User
) -> None:
    """An endpoint that accepts the first subprotocol does not repeat the ticket."""
    ticket = await get_ticket(client)
    header = {"Sec-WebSocket-Protocol": f"{ticket}, chat"}
    accepted, *_ = await web_socket(app, "/ws", **header)
    assert accepted["subprotocol"] == "chat"
    assert ticket not in str(accepted)


@pytest.mark.security(107)
async def test_one_of_24_wins(
    app: FastAPI, client: httpx.AsyncClient, ada: User, unlimited: None
) -> None:
    """Of 24 handshakes at once with one ticket, one is accepted."""
    ticket = await get_ticket(client)
    answers = await race(lambda: connect(app, "/any", "chat", ticket))
    assert sorted(map(str, answers)) == ["401"] * 23 + [str({"username": "ada"})]


async def test_the_cost(
    app: FastAPI, client: httpx.AsyncClient, ada: User, statements: list[str]
) -> None:
    """A handshake is two statements, however many guards it has: one uses the ticket up."""
    ticket = await get_ticket(client)
    statements.clear()
    assert (await connect(app, "/ws", ticket))["username"] == "ada"
    assert [statement.partition(" ")[0] for statement in statements] == ["UPDATE", "SELECT"]


async def test_the_time_limit(
    app: FastAPI, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """One second before it ends a ticket is good, at its end it is not."""
    early, late = await get_ticket(client), await get_ticket(client)
    clock.advance(SECONDS - timedelta(seconds=1))
    assert await connect(app, "/any", early) == {"username": "ada"}
    clock.advance(timedelta(seconds=1))
    assert await connect(app, "/any", late) == 401


@pytest.mark.security(23)
@pytest.mark.security(24)
@pytest.mark.parametrize("end", ["logout", "disable", "password", "delete"])
async def test_what_ends_meanwhile(
    app: FastAPI, client: httpx.AsyncClient, users: Users[User], ada: User, end: str
) -> None:
    """A logout, a new password and a disabled user make a ticket worthless."""
    tokens = await get_tokens(client)
    headers = bearer(tokens["access_token"])
    ticket = (await client.post("/auth/token/ws-ticket", headers=headers)).json()["ticket"]
    other = await get_ticket(client)
    if end == "logout":
        await client.post("/auth/token/revoke", data={"token": tokens["refresh_token"]})
    elif end == "disable":
        await User.update({User.active: False}).where(User.id == ada.id)
    elif end == "password":
        await users.set_password(ada, "another horse battery")
    else:
        await User.delete().where(User.id == ada.id)
    assert await connect(app, "/any", ticket) == 401
    survives = {"username": "ada"} if end == "logout" else 401
    assert survives == await connect(app, "/any", other)


@pytest.mark.security(61)
async def test_scopes(app: FastAPI, client: httpx.AsyncClient, grace: User) -> None:
    """A ticket has the scopes of the access token, as far as the user still has them."""
    narrow = await get_ticket(client, username="grace", scope="account")
    assert (await connect(app, "/ws", narrow))["scopes"] == ["account"]
    narrow = await get_ticket(client, username="grace", scope="account")
    assert await connect(app, "/admin", narrow) == 403
    wide = await get_ticket(client, username="grace")
    assert await connect(app, "/admin", wide) == {"username": "grace"}
    wide = await get_ticket(client, username="grace")
    await User.update({User.admin: False}).where(User.id == grace.id)
    assert (await connect(app, "/ws", wide))["scopes"] == ["account"]


async def test_of_a_refreshed_token(app: FastAPI, client: httpx.AsyncClient, grace: User) -> None:
    """The access token is what counts, not its family: a refresh may have narrowed it."""
    tokens = await get_tokens(client, "grace")
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    narrowed = (await client.post("/auth/token", data={**form, "scope": "account"})).json()
    headers = bearer(narrowed["access_token"])
    ticket = (await client.post("/auth/token/ws-ticket", headers=headers)).json()["ticket"]
    assert await connect(app, "/admin", ticket) == 403


async def test_only_websockets(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """No HTTP request is authenticated by a ticket, wherever it has it, nor is it used up."""
    ticket = await get_ticket(client)
    for headers in ({}, {"Sec-WebSocket-Protocol": ticket}, bearer(ticket)):
        answer = await client.get("/me", params={"ticket": ticket}, headers=headers)
        assert answer.status_code == 401
    assert await connect(app, "/any", Authorization=f"Bearer {ticket}") == 401
    assert await connect(app, "/any", ticket) == {"username": "ada"}


async def test_only_access_tokens_get_one(
    app: FastAPI, client: httpx.AsyncClient, users: Users[User], ada: User
) -> None:
    """Neither a session nor an API token nor a ticket gets a ticket."""
    ticket = await get_ticket(client)
    api_token = (await TokenAuth(users).create(ada, "report")).secret
    await log_in(client)
    for headers in ({}, bearer(api_token), bearer(ticket), bearer("a.b.c")):
        answer = await client.post("/auth/token/ws-ticket", headers=headers)
        assert answer.status_code == 401
    headers = bearer((await get_tokens(client))["access_token"])
    assert (await client.post("/auth/token/ws-ticket", headers=headers)).status_code == 200


async def test_it_decides_alone(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """A ticket that is no good is not rescued by a cookie; a header is asked before it."""
    ticket, other = await get_ticket(client), await get_ticket(client)
    await log_in(client)
    cookie = f"__Host-session={client.cookies['__Host-session']}"
    assert await connect(app, "/any", Cookie=cookie) == {"username": "ada"}
    assert await connect(app, "/any", "tkt_x", Cookie=cookie) == 401
    assert await connect(app, "/maybe", "tkt_x", Cookie=cookie) == 401
    assert await connect(app, "/maybe", "chat") == {"username": None}
    assert await connect(app, "/maybe", ticket) == {"username": "ada"}
    assert await connect(app, "/maybe", ticket) == 401
    assert await connect(app, "/any", other, Authorization="Bearer a.b.c") == 401
    assert await connect(app, "/any", f"/{other}", Cookie=cookie) == {"username": "ada"}
    # Behind a proxy with HTTP Basic.
    assert await connect(app, "/any", other, Authorization="Basic YTpi") == {"username": "ada"}


@pytest.mark.parametrize("ticket", ["tkt_", "tkt_x", "tkt_" + "A" * 43 + "00000000", "tkt_\xe9"])
async def test_malformed_ones(app: FastAPI, ada: User, statements: list[str], ticket: str) -> None:
    """What is no ticket is a 401 without a statement."""
    statements.clear()
    header = {"Sec-WebSocket-Protocol": ticket}
    start, *_ = await web_socket(app, "/any", **header)
    assert start["status"] == 401
    assert await connect(app, f"/any?ticket={ticket}") == 401
    assert statements == []


async def test_two_tickets(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """Two at once are refused, and used up neither."""
    one, two = await get_ticket(client), await get_ticket(client)
    assert await connect(app, "/any", one, two) == 401
    assert await connect(app, f"/any?ticket={one}&ticket={two}") == 401
    assert await connect(app, f"/any?ticket={one}", two) == 401
    assert await connect(app, f"/any?ticket={one}&") == {"username": "ada"}
    assert await connect(app, "/any", two) == {"username": "ada"}


async def test_other_schemes(users: Users[User], ada: User) -> None:
    """No other scheme accepts a ticket or uses it up; without the option there are none."""
    mine = JWTAuth(users, secret=SECRET, websocket_tickets=SECONDS)
    theirs = JWTAuth(users, secret=SECRET, audience="theirs", websocket_tickets=SECONDS)
    off = JWTAuth(users, secret=SECRET)
    app, served_off = FastAPI(), FastAPI()
    app.include_router(jwt_router(mine), prefix="/auth")
    served_off.include_router(jwt_router(off), prefix="/auth")
    for path, scheme in {"/mine": mine, "/theirs": theirs, "/off": off}.items():

        @app.websocket(path)
        async def ws(websocket: WebSocket, user: Annotated[User, Depends(scheme)]) -> None:
            await websocket.accept()
            await websocket.send_json({"username": user.username})
            await websocket.close()

    async with new_client(app) as client, new_client(served_off) as without:
        ticket = await get_ticket(client)
        headers = bearer((await get_tokens(client))["access_token"])
        assert (await without.post("/auth/token/ws-ticket", headers=headers)).status_code == 404
    assert await connect(app, "/theirs", ticket) == 401
    assert await connect(app, "/off", ticket) == 401
    assert await connect(app, "/mine", ticket) == {"username": "ada"}


async def test_the_limit(client: httpx.AsyncClient, ada: User, grace: User) -> None:
    """A user is issued 600 tickets an hour; others are not kept waiting."""
    headers = bearer((await get_tokens(client))["access_token"])
    await BY_USER.hit(f"piccolo_user {ada.id}", cost=599)
    answers = [await client.post("/auth/token/ws-ticket", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [200, 429]
    assert await get_ticket(client, username="grace")


async def test_a_family_that_ends_during_the_request(
    client: httpx.AsyncClient, app: FastAPI, ada: User
) -> None:
    """The family is looked up when the ticket is used: one that has expired opens nothing."""
    ticket = await get_ticket(client)
    await RefreshFamily.delete(force=True)
    assert await connect(app, "/any", ticket) == 401


@reaches_no_sql
@pytest.mark.parametrize("seconds", [0, 0.5, 61, -1])
def test_configuration(users: Users[User], seconds: float) -> None:
    """A ticket lives a second at least, and a minute at most."""
    with pytest.raises(ConfigurationError, match="1 to 60 seconds"):
        JWTAuth(users, secret=SECRET, websocket_tickets=timedelta(seconds=seconds))


@reaches_no_sql
async def test_openapi(client: httpx.AsyncClient, database: Any) -> None:
    """The route is documented with an example and its errors."""
    paths = (await client.get("/openapi.json")).json()["paths"]
    operation = paths["/auth/token/ws-ticket"]["post"]
    assert operation["operationId"] == "create_websocket_ticket"
    assert operation["security"] == [{"JWT": []}]
    assert {"200", "401", "403", "429", "503"} <= set(operation["responses"])
