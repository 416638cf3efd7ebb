"""Real databases, a frozen clock and a small application for every test."""

import asyncio
import os
import socket
import sqlite3
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from fastapi import Depends, FastAPI, WebSocket
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import TABLE_REGISTRY, Table, create_db_tables

from piccolo_api_fastapi import (
    TOTP,
    AnyOf,
    JWTAuth,
    Login,
    SessionAuth,
    User,
    Users,
    XChaCha20Poly1305,
    auth_tables,
    install,
    jwt_router,
    mfa_router,
    optional,
    reauthentication_router,
    require,
    session_router,
    use_store,
)
from piccolo_api_fastapi.rate_limiting.stores import defaults
from piccolo_api_fastapi.testing import FrozenClock, cheap_hashing, no_rate_limits
from tests.models import Customer, Member

PG: dict[str, Any] = {
    "host": os.environ.get("PG_HOST", "127.0.0.1"),
    "port": int(os.environ.get("PG_PORT", "5432")),
    "user": os.environ.get("PG_USER", "postgres"),
    "password": os.environ.get("PG_PASSWORD", ""),
}
REDIS_URL = os.environ.get("REDIS_URL", "redis://127.0.0.1:6379")
PASSWORD = "correct horse battery"
SECRET = "a secret of more than thirty-two bytes"
KEY = "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="
"""Encrypts the secrets of authenticators."""

STOCK: list[type[Table]] = [User, *auth_tables()]
OWN: list[type[Table]] = [Customer, *auth_tables(Customer), Member, *auth_tables(Member)]
TABLES: list[type[Table]] = [*STOCK, *OWN]


def postgres_is_up() -> bool:
    """Whether PostgreSQL answers; with CI=true it has to."""
    try:
        socket.create_connection((PG["host"], PG["port"]), 2).close()
    except OSError:
        if os.environ.get("CI"):
            raise
        return False
    return True


def redis_is_up() -> bool:
    """Whether Redis answers; with CI=true it has to."""
    where = urlsplit(REDIS_URL)
    try:
        socket.create_connection((where.hostname, where.port or 6379), 2).close()
    except OSError:
        if os.environ.get("CI"):
            raise
        return False
    return True


def need_postgres() -> None:
    """Skip what can't be tested without PostgreSQL."""
    if not postgres_is_up():
        pytest.skip("PostgreSQL does not answer at PG_HOST:PG_PORT")


def need_redis() -> None:
    """Skip what can't be tested without Redis."""
    if not redis_is_up():
        pytest.skip("Redis does not answer at REDIS_URL")


async def _make_postgres_database(name: str) -> None:
    connection = await asyncpg.connect(**PG, database="postgres")
    await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
    await connection.execute(f'CREATE DATABASE "{name}"')
    # Nothing here has to outlive the server.
    await connection.execute(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    await connection.close()


@pytest.fixture(scope="session")
def database_name(worker_id: str) -> str:
    """A database of its own for each worker."""
    return f"piccolo_api_fastapi_{worker_id}_{os.getpid()}"


@pytest.fixture(scope="session")
def memory_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder without a disk to wait for, where there is one; databases of tests are small."""
    if not os.access("/dev/shm", os.W_OK):  # noqa: S108 - it is made by a name nobody guesses
        yield tmp_path_factory.mktemp("memory")
        return
    with TemporaryDirectory(prefix="piccolo_api_fastapi_", dir="/dev/shm") as name:
        yield Path(name)


@pytest.fixture
def memory_path(memory_folder: Path) -> Iterator[Path]:
    """A folder of its own in there, for one test."""
    with TemporaryDirectory(dir=memory_folder) as name:
        yield Path(name)


@pytest.fixture(scope="session")
def sqlite_path(memory_folder: Path) -> Path:
    """A file of its own for each worker."""
    return memory_folder / "test.sqlite"


_engines: dict[str, tuple[Any, Any]] = {}
"""By kind: PostgreSQL's asks the server for its version when it is made."""


def use_engine(engine: Any) -> None:
    """Let every table live on this engine."""
    for table in TABLE_REGISTRY:
        table._meta._db = engine


async def settle() -> None:
    """Wait for the threads of SQLite connections that failed: they still speak to the loop."""
    for thread in threading.enumerate():
        if "_connection_worker_thread" in thread.name:
            await asyncio.to_thread(thread.join, 10)


def _own(engine: Any) -> Any:
    """
    Where the tables of other users are, with this engine: in a file beside its own, for SQLite.
    It reads the names of all tables of a file for each connection.
    """
    if isinstance(engine, PostgresEngine):
        return engine
    path = Path(engine.connection_kwargs["database"])
    return SQLiteEngine(path=str(path.with_name(f"own-{path.name}")), timeout=30)


async def _make_engines(kind: str, sqlite_path: Path, database_name: str) -> tuple[Any, Any]:
    engine: Any
    if kind == "sqlite":
        engine = SQLiteEngine(path=str(sqlite_path), timeout=30)
    else:
        await _make_postgres_database(database_name)
        engine = PostgresEngine(config={**PG, "database": database_name})
    engines = engine, _own(engine)
    _bind(*engines)
    await create_db_tables(*STOCK)
    await create_db_tables(*OWN)
    return engines


def _bind(engine: Any, own: Any) -> None:
    use_engine(engine)
    for table in OWN:
        table._meta._db = own


async def _empty(engine: Any, tables: list[type[Table]]) -> None:
    names = [table._meta.tablename for table in tables]
    deletions = "".join(f'DELETE FROM "{name}";' for name in names)  # noqa: S608 - our own names
    if isinstance(engine, PostgresEngine):
        assert engine.pool is not None
        async with engine.pool.acquire() as connection:
            await connection.execute(deletions)
        return
    path = engine.connection_kwargs["database"]
    await asyncio.to_thread(_run_script, path, f"BEGIN IMMEDIATE; {deletions} COMMIT")


def _changed(engine: Any) -> int:
    """When the file of an engine was written to; of PostgreSQL nothing is known."""
    if isinstance(engine, PostgresEngine):
        return 0
    return Path(engine.connection_kwargs["database"]).stat().st_mtime_ns


def _run_script(path: str, script: str) -> None:
    with closing(sqlite3.connect(path, timeout=30, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = 1")
        connection.executescript(script)


@asynccontextmanager
async def open_database(kind: str, sqlite_path: Path, database_name: str) -> AsyncIterator[Any]:
    """An engine with empty tables."""
    if kind == "postgres":
        need_postgres()
    if kind not in _engines:
        _engines[kind] = await _make_engines(kind, sqlite_path, database_name)
    engine, own = _engines[kind]
    if kind == "postgres":
        await engine.start_connection_pool(min_size=1, max_size=10)
    _bind(engine, own)
    before = _changed(own)
    yield engine
    await _empty(engine, STOCK)
    if _changed(own) != before or own is engine:
        await _empty(own, OWN)
    if kind == "postgres":
        await engine.close_connection_pool()
    await settle()


@pytest.fixture(params=["sqlite", "postgres"])
async def database(
    request: pytest.FixtureRequest, sqlite_path: Path, database_name: str
) -> AsyncIterator[Any]:
    """An engine with empty tables, SQLite on a file and PostgreSQL with a pool in turn."""
    async with open_database(request.param, sqlite_path, database_name) as engine:
        yield engine


@pytest.fixture
async def database_of_any_loop(database: Any) -> AsyncIterator[Any]:
    """The database without a pool, which belongs to one loop: for servers in threads."""
    if isinstance(database, PostgresEngine):
        await database.close_connection_pool()
    yield database
    if isinstance(database, PostgresEngine):
        await database.start_connection_pool(min_size=1, max_size=10)


@pytest.fixture(scope="session", autouse=True)
def drop_postgres_database(database_name: str) -> Iterator[None]:
    """Leave no database behind."""
    yield
    if "postgres" in _engines:

        async def drop() -> None:
            connection = await asyncpg.connect(**PG, database="postgres")
            await connection.execute(f'DROP DATABASE IF EXISTS "{database_name}" WITH (FORCE)')
            await connection.close()

        asyncio.run(drop())


@pytest.fixture(autouse=True)
def cheap() -> Iterator[None]:
    """Hash passwords in no time."""
    with cheap_hashing():
        yield


@pytest.fixture(autouse=True)
def uncounted() -> Iterator[None]:
    """No test inherits what another counted, or the store that it used."""
    yield
    use_store(None)
    defaults.LOCAL.clear()


@pytest.fixture
def unlimited() -> Iterator[None]:
    """No limits, for what many ask at once from one address."""
    with no_rate_limits():
        yield


_CLOCK = FrozenClock()
_START: datetime = _CLOCK.now


@pytest.fixture
def clock() -> FrozenClock:
    """A clock that the test moves; each test finds it at the start."""
    _CLOCK.now = _START
    return _CLOCK


@pytest.fixture
def statements(database: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is sent to the database from now on."""
    sent: list[str] = []
    run = type(database).run_querystring

    async def record(self: Any, querystring: Any, *args: Any, **options: Any) -> Any:
        sent.append(querystring.compile_string(self.engine_type)[0])
        return await run(self, querystring, *args, **options)

    monkeypatch.setattr(type(database), "run_querystring", record)
    return sent


# FastAPI takes longer to build an application than most tests to use it: those are kept that are
# made of the same parts, and so are the parts, for each database.


@lru_cache
def _users(_: Any, clock: FrozenClock) -> Users[User]:
    return Users(clock=clock)


@lru_cache
def _session(users: Users[User]) -> SessionAuth[User]:
    return SessionAuth(users)


@lru_cache
def _jwt(users: Users[User]) -> JWTAuth[User]:
    return JWTAuth(users, secret=SECRET)


@pytest.fixture
def users(database: Any, clock: FrozenClock) -> Users[User]:
    """The users of the test database."""
    return _users(database, clock)


@pytest.fixture
async def ada(users: Users[User]) -> User:
    """An ordinary user with the password `PASSWORD`."""
    return await users.create("ada", PASSWORD, email="ada@example.com")


@pytest.fixture
async def grace(users: Users[User]) -> User:
    """An administrator with the password `PASSWORD`."""
    return await users.create("grace", PASSWORD, email="grace@example.com", admin=True)


@pytest.fixture
def session(users: Users[User]) -> SessionAuth[User]:
    """The session scheme, with its defaults."""
    return _session(users)


@pytest.fixture
def jwt(users: Users[User]) -> JWTAuth[User]:
    """The JWT scheme, with its defaults."""
    return _jwt(users)


def _shape(app: FastAPI) -> tuple[Any, ...]:
    return len(app.router.routes), len(app.user_middleware), len(app.dependency_overrides)


def unchanged(make: Any, *parts: Any) -> Iterator[Any]:
    """What a cached `make` makes of these parts; if the test changed it, it is not kept."""
    app = make(*parts)
    before = _shape(app)
    yield app
    if _shape(app) != before:
        make.cache_clear()


@pytest.fixture
def app(session: SessionAuth[User], jwt: JWTAuth[User]) -> Iterator[FastAPI]:
    """
    An application with all schemes, routers under `/auth`, and a route of each kind.

    `/me` any scheme, `/session` and `/jwt` one scheme, `/admin`, `/optional`, `/claims`,
    `POST /write` any scheme, and the WebSocket `/ws`.
    """
    yield from unchanged(_app, session, jwt)


@lru_cache
def _app(session: SessionAuth[User], jwt: JWTAuth[User]) -> FastAPI:
    app = FastAPI()
    install(app)
    totp = TOTP(session.users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    login = Login(session.users, factors=[totp])
    current_user = AnyOf(session, jwt)
    for router in (
        session_router(session, login),
        jwt_router(jwt, login),
        mfa_router(totp, current_user),
        reauthentication_router(login, current_user),
    ):
        app.include_router(router, prefix="/auth")

    @app.get("/me")
    @app.post("/write")
    async def me(user: Annotated[User, Depends(current_user)]) -> dict[str, str]:
        return {"username": user.username}

    @app.get("/session")
    async def by_session(user: Annotated[User, Depends(session)]) -> dict[str, str]:
        return {"username": user.username}

    @app.get("/jwt")
    async def by_jwt(user: Annotated[User, Depends(jwt)]) -> dict[str, str]:
        return {"username": user.username}

    @app.get("/admin")
    async def admin(
        user: Annotated[User, Depends(require(current_user, admin=True))],
    ) -> dict[str, str]:
        return {"username": user.username}

    @app.get("/optional")
    async def maybe(
        user: Annotated[User | None, Depends(optional(current_user))],
    ) -> dict[str, str | None]:
        return {"username": user.username if user else None}

    @app.get("/claims")
    async def claims(found: Annotated[Any, Depends(jwt.claims)]) -> dict[str, str]:
        return {"subject": found.subject}

    @app.websocket("/ws")
    async def ws(websocket: WebSocket, user: Annotated[User, Depends(current_user)]) -> None:
        await websocket.accept()
        await websocket.send_json({"username": user.username})
        await websocket.close()

    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the application, with a cookie jar, over https."""
    async with new_client(app) as client:
        yield client


def new_client(app: FastAPI) -> httpx.AsyncClient:
    """Another client, with a jar of its own."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="https://testserver")


async def log_in(
    client: httpx.AsyncClient, username: str = "ada", password: str = PASSWORD
) -> httpx.Response:
    """Log a client in by cookie."""
    return await client.post("/auth/login", json={"username": username, "password": password})


async def get_tokens(
    client: httpx.AsyncClient, username: str = "ada", password: str = PASSWORD, **form: str
) -> dict[str, Any]:
    """An access token and a refresh token, by password."""
    data = {"grant_type": "password", "username": username, "password": password, **form}
    answer = await client.post("/auth/token", data=data)
    assert answer.status_code == 200, answer.text
    tokens: dict[str, Any] = answer.json()
    return tokens


def bearer(token: str) -> dict[str, str]:
    """The header that carries an access token."""
    return {"Authorization": f"Bearer {token}"}


async def web_socket(app: FastAPI, path: str, **headers: str) -> list[dict[str, Any]]:
    """What a WebSocket of this loop is sent; the client only connects."""
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "websocket.connect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope: dict[str, Any] = {
        "type": "websocket",
        "path": path,
        "headers": [(b"host", b"testserver"), *raw],
    }
    scope |= {"scheme": "wss", "query_string": b"", "root_path": "", "subprotocols": []}
    await app(scope | {"client": ("127.0.0.1", 1), "state": {}}, receive, send)
    return sent
