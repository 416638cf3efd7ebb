"""A database that goes away: 503 and nothing else; one that comes back: all is as before."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any, Protocol

import httpx
import pytest
from fastapi import FastAPI, Request, Response
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import create_db_tables

from piccolo_api_fastapi import (
    TOTP,
    JWTAuth,
    Login,
    Proof,
    RefreshFamily,
    Session,
    User,
    Users,
    XChaCha20Poly1305,
    session_router,
)
from piccolo_api_fastapi.login.limits import BY_ADDRESS, BY_DEVICE
from piccolo_api_fastapi.login.tickets.service import TICKET_TOKEN
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import (
    KEY,
    PASSWORD,
    SECRET,
    STOCK,
    bearer,
    get_tokens,
    log_in,
    new_client,
    use_engine,
)
from tests.integration.clusters import NEEDS_PROGRAMS, Cluster, running_cluster

TOKEN_ENDPOINT = ("/auth/token", "/auth/token/revoke")


class Outage(Protocol):
    """A database that can be taken away and given back."""

    def begin(self) -> None:
        """Take it away."""

    def end(self) -> None:
        """Give it back."""


class MissingFile:
    """A SQLite file whose folder is moved away, as when a disk is not mounted."""

    def __init__(self, file: Path) -> None:
        self.folder = file.parent
        self.elsewhere = self.folder.with_name("elsewhere")

    def begin(self) -> None:
        """Move it."""
        self.folder.rename(self.elsewhere)

    def end(self) -> None:
        """Move it back."""
        self.elsewhere.rename(self.folder)


class LockedFile:
    """A SQLite file that somebody else keeps locked."""

    def __init__(self, file: Path) -> None:
        self.other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)

    def begin(self) -> None:
        """Lock it."""
        self.other.execute("BEGIN EXCLUSIVE")

    def end(self) -> None:
        """Unlock it."""
        self.other.execute("ROLLBACK")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A running server."""
    with running_cluster() as cluster:
        yield cluster


@pytest.fixture(params=[pytest.param("postgres", marks=NEEDS_PROGRAMS), "missing", "locked"])
def outage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Outage]:
    """A database that can be taken away, of each kind in turn."""
    if request.param == "postgres":
        yield request.getfixturevalue("cluster")
        return
    file = tmp_path / "here" / "test.sqlite"
    file.parent.mkdir()
    if request.param == "missing":
        yield MissingFile(file)
        return
    locked = LockedFile(file)
    yield locked
    locked.other.close()


@pytest.fixture
async def database(outage: Outage, tmp_path: Path) -> AsyncIterator[Any]:
    """An engine on the database that can be taken away; the pool has one connection to lose."""
    if isinstance(outage, Cluster):
        where = {"host": "127.0.0.1", "port": outage.port, "user": "postgres", "password": ""}
        engine: Any = PostgresEngine(config={**where, "database": "postgres"})
        await engine.start_connection_pool(min_size=1, max_size=1)
    else:
        engine = SQLiteEngine(path=str(tmp_path / "here" / "test.sqlite"), timeout=0.05)
    use_engine(engine)
    await create_db_tables(*STOCK, if_not_exists=True)
    yield engine
    await User.delete(force=True)
    if isinstance(outage, Cluster):
        await engine.close_connection_pool()


def form(**values: str) -> dict[str, Any]:
    """A form of `POST /auth/token`."""
    return {"method": "POST", "url": "/auth/token", "data": values}


@pytest.mark.slow
@pytest.mark.security(111)
async def test_outage(client: httpx.AsyncClient, ada: User, outage: Outage) -> None:
    """Nobody is let in, sent away or forgotten while it lasts; afterwards all goes on."""
    credentials = {"username": "ada", "password": PASSWORD}
    tokens = await get_tokens(client)
    by_token = bearer(tokens["access_token"])
    assert (await log_in(client)).status_code == 200

    def get(url: str, **how: Any) -> dict[str, Any]:
        return {"method": "GET", "url": url, **how}

    routes = ("/me", "/session", "/optional", "/auth/sessions")
    requests = [get(url) for url in routes]
    routes = ("/me", "/jwt", "/optional", "/auth/token/families")
    requests += [get(url, headers=by_token) for url in routes]
    requests += [
        form(grant_type="password", **credentials),
        form(grant_type="refresh_token", refresh_token=tokens["refresh_token"]),
        {"method": "POST", "url": "/auth/token/revoke", "data": {"token": tokens["refresh_token"]}},
        {"method": "DELETE", "url": "/auth/sessions"},
        {"method": "POST", "url": "/auth/login", "json": credentials},
        {"method": "POST", "url": "/auth/logout"},
    ]

    await asyncio.to_thread(outage.begin)
    answers = [await client.request(**request) for request in requests]
    await asyncio.to_thread(outage.end)
    for request, answer in zip(requests, answers, strict=True):
        assert answer.status_code == 503, request
        assert int(answer.headers["retry-after"]) > 0
        kind = "json" if answer.request.url.path in TOKEN_ENDPOINT else "problem+json"
        assert answer.headers["content-type"] == f"application/{kind}"
        assert answer.json()["code"] == "store_unavailable"
        assert "set-cookie" not in answer.headers

    assert (await client.get("/me")).json() == {"username": "ada"}
    assert (await client.get("/optional")).json() == {"username": "ada"}
    assert (await client.get("/jwt", headers=by_token)).json() == {"username": "ada"}
    assert await Session.count() == await RefreshFamily.count() == 1
    refresh = form(grant_type="refresh_token", refresh_token=tokens["refresh_token"])
    assert (await client.request(**refresh)).status_code == 200
    assert (await client.post("/auth/logout")).status_code == 204
    assert (await client.get("/me")).status_code == 401
    assert (await log_in(client)).status_code == 200


class Unlucky(Users[User]):
    """Users whose database goes away in the middle of a transaction."""

    outage: Outage | None = None

    async def uphold(self, proof: Proof[User]) -> None:
        """Write to the user, and lose the connection."""
        await super().uphold(proof)
        if self.outage is not None:
            await asyncio.to_thread(self.outage.begin)


@NEEDS_PROGRAMS
@pytest.mark.security(111)
@pytest.mark.parametrize("outage", ["postgres"], indirect=True)
async def test_outage_in_a_transaction(database: Any, clock: FrozenClock, outage: Outage) -> None:
    """A login that loses its connection halfway is a 503, writes nothing, and costs no slot."""
    users = Unlucky(clock=clock)
    await users.create("ada", PASSWORD)
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), Login(users)), prefix="/auth")
    async with new_client(app) as client:
        for _ in range(2):
            users.outage = outage
            answer = await log_in(client)
            await asyncio.to_thread(outage.end)
            assert answer.status_code == 503
            assert answer.headers["retry-after"] == "1"
            users.outage = None
            assert await Session.count() == 0
            assert await User.select(User.last_login) == [{"last_login": None}]
        assert (await log_in(client)).status_code == 200


@pytest.mark.security(111)
@pytest.mark.parametrize(
    "outage", [pytest.param("postgres", marks=NEEDS_PROGRAMS), "missing"], indirect=True
)
async def test_an_outage_is_no_failure(users: Users[User], ada: User, outage: Outage) -> None:
    """Logins that the database could not answer use up no limit, whatever step they are at."""
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    router = session_router(SessionAuth(users), Login(users, factors=[totp]))
    app = FastAPI()
    app.include_router(router, prefix="/auth")
    second_step = {"challenge": TICKET_TOKEN.generate(), "code": "123456"}
    async with new_client(app) as client:
        await log_in(client)  # which gives a device cookie
        await asyncio.to_thread(outage.begin)
        answers = [await log_in(client), await client.post("/auth/login/mfa", json=second_step)]
        await asyncio.to_thread(outage.end)
    assert [answer.status_code for answer in answers] == [503, 503]
    assert (await BY_ADDRESS.peek("127.0.0.1")).remaining == 20
    assert (await BY_DEVICE.peek("127.0.0.1")).remaining == 20


@pytest.mark.security(111)
async def test_outage_on_a_route_of_the_application(
    users: Users[User], ada: User, outage: Outage
) -> None:
    """An application that signs users in on its own route answers 503 as well."""
    app = FastAPI()
    session, jwt = SessionAuth(users), JWTAuth(users, secret=SECRET)

    @app.post("/session")
    async def start(request: Request, response: Response) -> None:
        await session.sign_in(request, response, ada)

    @app.post("/token")
    async def issue(request: Request) -> None:
        await jwt.issue(ada, request)

    async with new_client(app) as client:
        for path in ("/session", "/token"):
            await asyncio.to_thread(outage.begin)
            answer = await client.post(path)
            await asyncio.to_thread(outage.end)
            assert (answer.status_code, path) == (503, path)
            assert "set-cookie" not in answer.headers
            assert (await client.post(path)).status_code == 200
    assert await Session.count() == await RefreshFamily.count() == 1
