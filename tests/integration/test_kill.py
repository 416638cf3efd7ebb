"""A server that is killed at the worst moment leaves nothing half done."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import Password, RefreshFamily, Session, User
from tests.conftest import PASSWORD, bearer, get_tokens, log_in
from tests.integration.processes import PROCESSES
from tests.integration.served import serve

pytestmark = pytest.mark.slow


class Server:
    """The application of `served.py` as a process, started and killed as the test likes."""

    def __init__(self, engine: Any, grace: timedelta) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        on_file = isinstance(engine, SQLiteEngine)
        sqlite, postgres = (engine.path, "") if on_file else ("", engine.config["database"])
        self.arguments = (self.socket, sqlite, postgres, grace)

    def start(self) -> None:
        """Start it; requests wait in the line of the socket until it is up."""
        self.process = PROCESSES.Process(target=serve, args=self.arguments, daemon=True)
        self.process.start()

    async def exit_code(self) -> int | None:
        """Wait for its end."""
        await asyncio.to_thread(self.process.join, 30)
        return self.process.exitcode

    async def close(self) -> None:
        """End it."""
        self.process.kill()
        await self.exit_code()
        self.socket.close()

    def client(self) -> httpx.AsyncClient:
        """A client with a cookie jar, which opens a connection for each request."""
        host, port = self.socket.getsockname()
        limits = httpx.Limits(max_keepalive_connections=0)
        return httpx.AsyncClient(base_url=f"http://{host}:{port}", timeout=60, limits=limits)


@pytest.fixture
def grace() -> timedelta:
    """The grace of refreshes, the longest there is: a new start takes a moment."""
    return timedelta(minutes=1)


@pytest.fixture
async def server(database: Any, grace: timedelta) -> AsyncIterator[Server]:
    """A running server on the test database."""
    server = Server(database, grace)
    server.start()
    yield server
    await server.close()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that server."""
    async with server.client() as client:
        yield client


async def kill_and_restart(server: Server, client: httpx.AsyncClient, **request: Any) -> None:
    """Send a request in which the server dies, and start it again."""
    with pytest.raises((httpx.NetworkError, httpx.RemoteProtocolError)):
        await client.post(**request)
    assert await server.exit_code() == -signal.SIGKILL
    server.start()


def refreshing(token: str) -> dict[str, Any]:
    """The request that exchanges a refresh token."""
    data = {"grant_type": "refresh_token", "refresh_token": token}
    return {"url": "/auth/token", "data": data}


async def families() -> list[dict[str, Any]]:
    """Where all families stand."""
    return await RefreshFamily.select(RefreshFamily.generation, RefreshFamily.revoked_at)


@pytest.mark.security(54)
@pytest.mark.security(112)
async def test_refresh(server: Server, client: httpx.AsyncClient, ada: User) -> None:
    """Killed after the commit of a refresh: the retry gets the one successor, however often."""
    first = await get_tokens(client)
    request = refreshing(first["refresh_token"])
    await kill_and_restart(server, client, **request, headers={"die-at": "answer"})

    retries = [(await client.post(**request)).json() for _ in range(2)]
    [successor] = {retry["refresh_token"] for retry in retries}
    assert successor != first["refresh_token"]
    assert await families() == [{"generation": 1, "revoked_at": None}]

    third = await client.post(**refreshing(successor))
    assert third.status_code == 200
    answer = await client.get("/me", headers=bearer(third.json()["access_token"]))
    assert answer.json() == {"username": "ada"}
    assert await families() == [{"generation": 2, "revoked_at": None}]


@pytest.mark.security(54)
@pytest.mark.parametrize("grace", [timedelta(0)], ids=["none"])
async def test_refresh_beyond_the_grace(
    server: Server, client: httpx.AsyncClient, ada: User
) -> None:
    """Without a grace the retry after the kill is refused cleanly, and the family is dead."""
    first = await get_tokens(client)
    request = refreshing(first["refresh_token"])
    await kill_and_restart(server, client, **request, headers={"die-at": "answer"})
    answer = await client.post(**request)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"
    answer = await client.get("/me", headers=bearer(first["access_token"]))
    assert answer.status_code == 401
    assert (await get_tokens(client))["refresh_token"]


@pytest.mark.security(112)
@pytest.mark.parametrize(("fatal", "started"), [("proved", 0), ("transaction", 0), ("answer", 1)])
async def test_login(
    server: Server, client: httpx.AsyncClient, ada: User, fatal: str, started: int
) -> None:
    """Killed anywhere in a login: a whole session with its user or none, and logging in works."""
    credentials = {"username": "ada", "password": PASSWORD}
    request = {"url": "/auth/login", "json": credentials, "headers": {"die-at": fatal}}
    await kill_and_restart(server, client, **request)

    answer = await log_in(client)
    assert answer.status_code == 200
    assert (await client.get("/me")).json() == {"username": "ada"}
    rows = await Session.select(*Session.all_columns(), Session.user.username)
    assert len(rows) == started + 1
    for row in rows:
        assert row["user.username"] == "ada"
        assert None not in (row["digest"], row["created_at"], row["expires_at"])
    listed = (await client.get("/auth/sessions")).json()
    assert {str(row["id"]) for row in rows} == {item["id"] for item in listed}


@pytest.mark.security(112)
@pytest.mark.parametrize(("fatal", "started"), [("proved", 0), ("transaction", 0), ("answer", 1)])
async def test_token(
    server: Server, client: httpx.AsyncClient, ada: User, fatal: str, started: int
) -> None:
    """Killed while tokens are given: a whole family or none, and getting tokens works."""
    data = {"grant_type": "password", "username": "ada", "password": PASSWORD}
    request = {"url": "/auth/token", "data": data, "headers": {"die-at": fatal}}
    await kill_and_restart(server, client, **request)
    assert [{"generation": 0, "revoked_at": None}] * started == await families()

    tokens = await get_tokens(client)
    answer = await client.get("/me", headers=bearer(tokens["access_token"]))
    assert answer.json() == {"username": "ada"}


@pytest.mark.security(112)
@pytest.mark.parametrize(("fatal", "again"), [("clock", 201), ("answer", 409)])
async def test_register(server: Server, client: httpx.AsyncClient, fatal: str, again: int) -> None:
    """Killed while a user is made: a user with a password or none at all."""
    account = {"username": "bob", "password": PASSWORD}
    request = {"url": "/register", "json": account}
    await kill_and_restart(server, client, **request, headers={"die-at": fatal})

    assert await User.count() == await Password.count()
    assert (await client.post("/register", json=account)).status_code == again
    assert await User.count() == await Password.count() == 1
    assert (await log_in(client, "bob")).status_code == 200


@pytest.mark.security(112)
async def test_logout(server: Server, client: httpx.AsyncClient, ada: User) -> None:
    """Killed after the commit of a logout: the session is gone."""
    await log_in(client)
    await kill_and_restart(server, client, url="/auth/logout", headers={"die-at": "answer"})
    assert (await client.get("/me")).status_code == 401
    assert await Session.count() == 0
