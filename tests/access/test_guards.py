"""Schemes and `AnyOf`: who is calling, asked once, on routes and WebSockets."""

from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Response, Security, WebSocket
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    AnyOf,
    ConfigurationError,
    Identity,
    JWTAuth,
    Session,
    SessionAuth,
    User,
    Users,
    jwt_router,
    optional,
    require,
    session_router,
)
from piccolo_api_fastapi.errors import CredentialNotAllowed
from piccolo_api_fastapi.testing import FrozenClock, acting_as
from tests.conftest import (
    PASSWORD,
    SECRET,
    bearer,
    get_tokens,
    log_in,
    new_client,
    reaches_no_sql,
    web_socket,
)
from tests.guarded import served


@pytest.fixture
def counted(database: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every statement that goes to the database."""
    statements: list[str] = []
    engine_class = type(database)
    real = engine_class.run_querystring

    async def spy(self: Any, querystring: Any, *args: Any, **options: Any) -> Any:
        statements.append(str(querystring))
        return await real(self, querystring, *args, **options)

    monkeypatch.setattr(engine_class, "run_querystring", spy)
    return statements


async def test_one_statement(client: httpx.AsyncClient, ada: User, counted: list[str]) -> None:
    """A protected request costs one statement, on sessions and on JWT; claims cost none."""
    await log_in(client)
    headers = bearer((await get_tokens(client))["access_token"])
    for path, sent, cost in (
        ("/me", {}, 1),
        ("/session", {}, 1),
        ("/me", headers, 1),
        ("/jwt", headers, 1),
        ("/optional", headers, 1),
        ("/claims", headers, 0),
    ):
        counted.clear()
        assert (await client.get(path, headers=sent)).status_code == 200
        assert len(counted) == cost, counted
    client.cookies.clear()
    counted.clear()
    await client.get("/me")
    await client.get("/me", headers=bearer("garbage"))
    await client.get("/me", headers={"Cookie": "__Host-session=ses_" + "A" * 51})
    assert counted == []


async def test_asked_once(
    session: SessionAuth[User],
    jwt: JWTAuth[User],
    ada: User,
    counted: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """However often a request asks who is calling, it costs one statement."""
    current_user = AnyOf(session, jwt)

    def add(app: FastAPI) -> None:
        @app.get(
            "/", dependencies=[Depends(current_user), Depends(require(current_user, scopes=["a"]))]
        )
        async def route(
            user: Annotated[User, Depends(current_user)],
            identity: Annotated[Identity[User], Depends(current_user.identity)],
            maybe: Annotated[User | None, Depends(optional(current_user))],
            scoped: Annotated[User, Security(current_user, scopes=["a"])],
        ) -> list[str]:
            assert maybe is not None
            return [user.username, identity.scheme, maybe.username, scoped.username]

    monkeypatch.setattr(session.users, "_scopes_of", lambda _: ["a"])
    async with new_client(served(session, jwt, add)) as client:
        await log_in(client)
        counted.clear()
        assert (await client.get("/")).json() == ["ada", "Session", "ada", "ada"]
    assert len(counted) == 1


async def test_identity(
    session: SessionAuth[User], jwt: JWTAuth[User], grace: User, clock: FrozenClock
) -> None:
    """Who, by which scheme, which credential, since when, with which scopes."""
    found: list[Identity[User]] = []

    def add(app: FastAPI) -> None:
        @app.get("/")
        async def route(
            identity: Annotated[Identity[User], Depends(AnyOf(session, jwt).identity)],
        ) -> None:
            found.append(identity)

    async with new_client(served(session, jwt, add)) as client:
        await log_in(client, "grace")
        await client.get("/")
        tokens = await get_tokens(client, "grace", scope="")
        await client.get("/", headers=bearer(tokens["access_token"]))
        [row] = (await client.get("/auth/sessions")).json()
    by_session, by_jwt = found
    assert (by_session.scheme, by_jwt.scheme) == ("Session", "JWT")
    assert str(by_session.credential_id) == row["id"]
    assert by_session.authenticated_at == clock.now == by_jwt.authenticated_at
    assert by_session.scopes == by_jwt.scopes == {"account", "admin"}
    assert by_jwt.user.username == "grace"


async def test_header_decides(client: httpx.AsyncClient, ada: User, grace: User) -> None:
    """With both, the header; a bad header is never rescued by a good cookie (D-S15)."""
    await log_in(client)
    tokens = await get_tokens(client, "grace")
    for path in ("/me", "/optional"):
        answer = await client.get(path, headers=bearer(tokens["access_token"]))
        assert answer.json() == {"username": "grace"}
        for bad in ("Bearer garbage", "Bearer a.b.c", "Basic YTpi", ""):
            answer = await client.get(path, headers={"Authorization": bad})
            assert answer.status_code == 401


@reaches_no_sql
def test_configuration(database: Any) -> None:
    """No scheme, or the same one twice, is a mistake."""
    session = SessionAuth()
    for schemes in ((), (session, SessionAuth())):
        with pytest.raises(ConfigurationError):
            AnyOf(*schemes)


@pytest.mark.security(15)
async def test_web_sockets(
    session: SessionAuth[User], jwt: JWTAuth[User], ada: User, client: httpx.AsyncClient
) -> None:
    """Every kind of dependency works on a WebSocket, and refuses on one."""
    current_user = AnyOf(session, jwt)

    def add(app: FastAPI) -> None:
        @app.websocket("/one")
        async def one(socket: WebSocket, user: Annotated[User, Depends(current_user)]) -> None:
            await socket.accept()
            await socket.send_text(user.username)

        @app.websocket("/maybe")
        async def maybe(
            socket: WebSocket, user: Annotated[User | None, Depends(optional(current_user))]
        ) -> None:
            await socket.accept()
            await socket.send_text(user.username if user else "nobody")

        @app.websocket("/admin")
        async def admin(
            socket: WebSocket, user: Annotated[User, Depends(require(current_user, admin=True))]
        ) -> None:
            await socket.accept()

    app = served(session, jwt, add)
    async with new_client(app) as own:
        headers = bearer((await get_tokens(own))["access_token"])
    texts = [message.get("text") for message in await web_socket(app, "/one", **headers)]
    assert "ada" in texts
    texts = [message.get("text") for message in await web_socket(app, "/maybe")]
    assert "nobody" in texts
    for path, sent, status in (
        ("/one", {}, 401),
        ("/one", bearer("x.y.z"), 401),
        ("/admin", headers, 403),
    ):
        [start, *_] = await web_socket(app, path, **sent)
        assert start["status"] == status


@reaches_no_sql
async def test_bare_dependency(session: SessionAuth[User], ada: User) -> None:
    """Without `install` the application's routes answer in FastAPI's own shape."""
    app = FastAPI()

    @app.get("/me")
    async def me(user: Annotated[User, Depends(session)]) -> str:
        return user.username

    async with new_client(app) as client:
        answer = await client.get("/me")
    assert answer.status_code == 401
    assert answer.json() == {"detail": "Authentication is required."}
    assert answer.headers["WWW-Authenticate"] == 'Cookie realm="session"'


@reaches_no_sql
async def test_overrides(session: SessionAuth[User], ada: User) -> None:
    """A guard is a key of FastAPI's `dependency_overrides` like any other dependency."""
    app = FastAPI()

    @app.get("/me")
    async def me(user: Annotated[User, Depends(session)]) -> str:
        return user.username

    app.dependency_overrides[session] = lambda: User(username="fake")
    async with new_client(app) as client:
        assert (await client.get("/me")).json() == "fake"


@reaches_no_sql
async def test_a_credential_of_no_scheme(session: SessionAuth[User], ada: User) -> None:
    """The identity of a test belongs to no scheme, so there is nothing to renew."""
    request = HTTPConnection({"type": "http", "headers": []})
    with acting_as(session, ada) as identity:
        response = Response()
        await session.renew(identity, request, response)
        assert "set-cookie" not in response.headers
        with pytest.raises(CredentialNotAllowed):
            await session.step_up(identity, "password", request, response)


@pytest.mark.parametrize("ended", [False, True])
async def test_two_cookies(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], ada: User, *, ended: bool
) -> None:
    """Any of two cookies opens a route, even if the other one belongs to a session that ended."""
    staff = SessionAuth(users, name="staff")

    def add(app: FastAPI) -> None:
        app.include_router(session_router(staff), prefix="/staff")

        @app.get("/any")
        async def route(caller: Annotated[Any, Depends(AnyOf(session, staff).identity)]) -> str:
            return str(caller.scheme)

    async with new_client(served(session, jwt, add)) as client:
        await log_in(client)
        assert (await client.get("/any")).json() == "Session"
        body = {"username": "ada", "password": PASSWORD}
        assert (await client.post("/staff/login", json=body)).status_code == 200
        if ended:
            await Session.delete().where(Session.scheme == session.name)
        assert (await client.get("/any")).json() == ("StaffSession" if ended else "Session")
        await Session.delete(force=True)
        answer = await client.get("/any")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_session")


async def test_two_audiences(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], ada: User
) -> None:
    """A token is that of the scheme whose audience it names; no cookie rescues a bad one."""
    staff = JWTAuth(users, secret=SECRET, name="staff")

    def add(app: FastAPI) -> None:
        app.include_router(jwt_router(staff), prefix="/staff")

        @app.get("/any")
        async def route(
            caller: Annotated[Any, Depends(AnyOf(session, jwt, staff).identity)],
        ) -> str:
            return str(caller.scheme)

    async with new_client(served(session, jwt, add)) as client:
        await log_in(client)
        own = await get_tokens(client)
        form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
        theirs = (await client.post("/staff/token", data=form)).json()
        for tokens, expected in ((own, "JWT"), (theirs, "StaffJWT")):
            headers = bearer(tokens["access_token"])
            assert (await client.get("/any", headers=headers)).json() == expected
        answer = await client.get("/any", headers=bearer(own["access_token"] + "x"))
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_token")
