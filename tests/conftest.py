"""Real databases, a frozen clock and a small application for every test."""

import asyncio
import gc
import os
import re
import shutil
import socket
import sqlite3
import sys
from collections.abc import AsyncIterator, Generator, Iterator
from contextlib import asynccontextmanager
from datetime import datetime
from functools import lru_cache
from inspect import Signature
from pathlib import Path
from tempfile import TemporaryDirectory
from types import FunctionType
from typing import Annotated, Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from fastapi import Depends, FastAPI, WebSocket
from fastapi._compat.v2 import ModelField
from fastapi.dependencies import utils
from httpx._transports import default
from jinja2 import Environment
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import TABLE_REGISTRY, Table, create_db_tables
from pydantic.fields import FieldInfo

from piccolo_api_fastapi import (
    TOTP,
    AnyOf,
    AuthEvent,
    JWTAuth,
    Login,
    PersistentSQLiteEngine,
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
    subscribe,
    use_store,
)
from piccolo_api_fastapi.access import step_up
from piccolo_api_fastapi.core import commands
from piccolo_api_fastapi.core.database import outages
from piccolo_api_fastapi.core.database.auth_tables import declared_tables
from piccolo_api_fastapi.core.events import declared, repeated
from piccolo_api_fastapi.login import unverified
from piccolo_api_fastapi.mail.notices import declared as notices
from piccolo_api_fastapi.mail.notices import undo
from piccolo_api_fastapi.rate_limiting import limiter
from piccolo_api_fastapi.testing import FrozenClock, cheap_hashing, no_rate_limits
from tests.engines import TaskCounter, postgres_engine, sqlite_engine
from tests.models import Customer, Member
from tests.pooled import POOLS, Pools

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

reaches_no_sql = pytest.mark.parametrize("database", ["sqlite"], indirect=True)
"""Marks a test whose requests are refused before a statement: one database is enough."""

NO_POSTGRES = "PostgreSQL does not answer at PG_HOST:PG_PORT"
NO_REDIS = "Redis does not answer at REDIS_URL"


def pytest_configure() -> None:
    """
    Run the tests on the event loop of asyncio, the usual one; `EVENT_LOOP=uvloop` changes that.

    Importing `piccolo.main` installs uvloop for the whole process: only child processes may do so.
    """
    gc.disable()  # until the tests are collected, which makes no garbage
    modules: dict[str, Any] = sys.modules
    modules["piccolo.main"] = None  # an import of it fails
    if os.environ.get("EVENT_LOOP") == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out what builds its tests for seconds, if only fast ones are asked for."""
    fast = config.option.markexpr == "not slow"
    return True if fast and collection_path.name == "test_schemathesis.py" else None


def pytest_sessionstart() -> None:
    """
    Build each validator of bodies once, and read each signature and compile each template once.

    The tests build thousands of applications of the same routes, and most of the time that takes
    goes into these, which never change. Nor do the certificates that each client of HTTP reads.
    """
    build = ModelField.__post_init__
    built: dict[Any, tuple[Any, Any]] = {}

    def share(field: ModelField) -> None:
        info = field.field_info
        known = id(info.annotation), FieldInfo.__repr__(info), repr(field.config)
        if known not in built:
            if len(built) == 2000:
                built.clear()
            build(field)
            built[known] = info, field._type_adapter  # what lives keeps its id
        field._type_adapter = built[known][1]

    read = utils._get_signature
    read_once = lru_cache(1000)(read)

    def signature_of(call: Any) -> Signature:
        return read_once(call) if isinstance(call, FunctionType) else read(call)

    certificates = lru_cache(httpx.create_ssl_context)
    compile_template = Environment.compile
    compiled: dict[Any, Any] = {}

    def compile_once(environment: Environment, *source: Any, **options: Any) -> Any:
        known = environment.autoescape, source, *options.items()
        if known not in compiled:
            compiled[known] = compile_template(environment, *source, **options)
        return compiled[known]

    setattr(ModelField, "__post_init__", share)  # noqa: B010 - mypy knows no such assignment
    setattr(Environment, "compile", compile_once)  # noqa: B010
    for module in (httpx, default):
        vars(module)["create_ssl_context"] = certificates
    utils._get_signature = signature_of


def pytest_collection_finish() -> None:
    """
    Spare the garbage collector the heap of all items, which live until the end.

    An application is made of ten thousands of objects: looking for garbage at each 700th, as Python
    does, takes a third of the time.
    """
    gc.collect()
    gc.freeze()
    gc.enable()
    gc.set_threshold(50_000, 10, 20)


def pytest_sessionfinish() -> None:
    """Find the last garbage at once: pytest looks through the heap five times."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Report all tests that a missing server skips in one line."""
    report = yield
    if report.skipped and isinstance(report.longrepr, tuple):
        reason = report.longrepr[2].removeprefix("Skipped: ")
        if reason in {NO_POSTGRES, NO_REDIS}:
            nowhere: Any = ("tests", None, reason)
            report.longrepr = nowhere
    return report


@lru_cache
def _answers(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 2).close()
    except OSError:
        if os.environ.get("CI"):
            raise
        return False
    return True


def postgres_is_up() -> bool:
    """Whether PostgreSQL answers; with CI=true it has to."""
    return _answers(PG["host"], PG["port"])


def redis_is_up() -> bool:
    """Whether Redis answers; with CI=true it has to."""
    where = urlsplit(REDIS_URL)
    return _answers(where.hostname or "127.0.0.1", where.port or 6379)


def need_postgres() -> None:
    """Skip what can't be tested without PostgreSQL."""
    if not postgres_is_up():
        pytest.skip(NO_POSTGRES)


def need_redis() -> None:
    """Skip what can't be tested without Redis."""
    if not redis_is_up():
        pytest.skip(NO_REDIS)


_databases: dict[str, Any] = {}
"""By kind: those that a test has asked for."""

PREFIX = "piccolo_api_fastapi_test_"
"""Begins the names of databases and folders; what a killed run left behind is found by it."""


async def _lock(connection: Any, name: str) -> bool:
    """Whether nobody but this connection holds the lock on a name; it ends with the connection."""
    locked: bool = await connection.fetchval("SELECT pg_try_advisory_lock(hashtext($1))", name)
    return locked


async def _drop_abandoned(connection: Any) -> None:
    """Drop the databases of runs that were killed: their locks ended with their connections."""
    for row in await connection.fetch("SELECT datname FROM pg_database"):
        found = re.match(PREFIX + r"[a-z0-9]+_\d+", row["datname"])
        if found and await _lock(connection, found[0]):
            await connection.execute(f'DROP DATABASE IF EXISTS "{row["datname"]}" WITH (FORCE)')
            await connection.execute("SELECT pg_advisory_unlock(hashtext($1))", found[0])


@pytest.fixture(scope="session", autouse=True)
async def count_tasks() -> None:
    """Let the engines know whether a task is alone."""
    asyncio.get_running_loop().set_task_factory(TaskCounter())


@pytest.fixture(scope="session")
async def database_name(worker_id: str) -> AsyncIterator[str]:
    """A database of its own for each worker, and the beginning of the names of others."""
    name = f"{PREFIX}{worker_id}_{os.getpid()}"
    connection = None
    if postgres_is_up():
        connection = await asyncpg.connect(**PG, database="postgres")
        assert await _lock(connection, name)
        await _drop_abandoned(connection)
    yield name
    while _databases:
        await _databases.popitem()[1].stop()
    if connection is not None:
        await connection.execute("SELECT pg_advisory_unlock(hashtext($1))", name)
        await _drop_abandoned(connection)
        await connection.close()


@pytest.fixture(scope="session")
def memory_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder without a disk to wait for, where there is one; databases of tests are small."""
    memory = Path("/dev/shm")  # noqa: S108 - the folder is made by a name nobody guesses
    if not os.access(memory, os.W_OK):
        yield tmp_path_factory.mktemp("memory")
        return
    for folder in memory.glob(f"{PREFIX}*"):
        if not Path("/proc", folder.name.removeprefix(PREFIX).partition("_")[0]).exists():
            shutil.rmtree(folder, ignore_errors=True)  # of a run that was killed
    with TemporaryDirectory(prefix=f"{PREFIX}{os.getpid()}_", dir=memory) as name:
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


def use_engine(engine: Any) -> None:
    """Let every table live on this engine."""
    for table in TABLE_REGISTRY:
        table._meta._db = engine


class _SQLite:
    """Databases in two files, since SQLite reads the names of all tables for each connection."""

    def __init__(self, path: Path) -> None:
        self.engine = sqlite_engine(path)
        self.own = sqlite_engine(path.with_name(f"own-{path.name}"))
        self._cleaners = [_Cleaner(self.engine, STOCK), _Cleaner(self.own, OWN)]

    async def start(self) -> None:
        await self.engine.start_connection_pool()
        await self.own.start_connection_pool()

    async def empty(self) -> None:
        for cleaner in self._cleaners:
            cleaner.clean()

    async def stop(self) -> None:
        for cleaner in self._cleaners:
            cleaner.close()
        await self.engine.close_connection_pool()
        await self.own.close_connection_pool()


class _Cleaner:
    """Empties the tables of a SQLite file, if anything was written to it."""

    def __init__(self, engine: PersistentSQLiteEngine, tables: list[type[Table]]) -> None:
        path = engine.connection_kwargs["database"]
        self._connection = sqlite3.connect(path, timeout=30, isolation_level=None)
        self._connection.execute("PRAGMA foreign_keys = 1")
        self._script = f"BEGIN IMMEDIATE; {_deletions(tables)} COMMIT"
        self._cleaned = self._version()

    def _version(self) -> int:
        """It changes when another connection commits."""
        version: int = self._connection.execute("PRAGMA data_version").fetchone()[0]
        return version

    def clean(self) -> None:
        if self._version() != self._cleaned:
            self._connection.executescript(self._script)
            self._cleaned = self._version()

    def close(self) -> None:
        self._connection.close()


class _Postgres:
    """A database, and a pool of connections to it."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def start(self) -> None:
        connection = await asyncpg.connect(**PG, database="postgres")
        # Nobody can be connected to this template, which would be an error.
        await connection.execute(f'CREATE DATABASE "{self._name}" TEMPLATE template0')
        # Nothing here has to outlive the server.
        await connection.execute(f'ALTER DATABASE "{self._name}" SET synchronous_commit = off')
        await connection.close()
        self.engine = self.own = postgres_engine({**PG, "database": self._name})
        # Idle connections stay: a timer for each release of one would keep its context.
        await self.engine.start_connection_pool(
            min_size=1, max_size=10, max_inactive_connection_lifetime=0
        )
        # The statements of a function are planned once.
        await self._execute(
            "CREATE FUNCTION empty_tables() RETURNS void LANGUAGE plpgsql"
            f" AS $$ BEGIN {_deletions(TABLES)} END $$"
        )

    async def empty(self) -> None:
        await self._execute("SELECT empty_tables()")

    async def _execute(self, sql: str) -> None:
        assert self.engine.pool is not None
        async with self.engine.pool.acquire() as connection:
            await connection.execute(sql)

    async def stop(self) -> None:
        await self.engine.close_connection_pool()


def _deletions(tables: list[type[Table]]) -> str:
    names = [table._meta.tablename for table in tables]
    return "".join(f'DELETE FROM "{name}";' for name in names)  # noqa: S608 - our own names


def _bind(engine: Any, own: Any) -> None:
    use_engine(engine)
    for table in OWN:
        table._meta._db = own


async def _database(kind: str, sqlite_path: Path, database_name: str) -> Any:
    if kind not in _databases:
        database = _SQLite(sqlite_path) if kind == "sqlite" else _Postgres(database_name)
        await database.start()
        _bind(database.engine, database.own)
        await create_db_tables(*STOCK)
        await create_db_tables(*OWN)
        _databases[kind] = database
    return _databases[kind]


async def _end_tasks() -> None:
    """
    The loop goes on, so end what a test left to it, such as work after its last response. What
    ends by itself in a moment may do so: it may just be opening a connection.
    """
    left = asyncio.all_tasks() - {asyncio.current_task()}
    if left:
        _, left = await asyncio.wait(left, timeout=0.2)
    for task in left:
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)


@asynccontextmanager
async def open_database(kind: str, sqlite_path: Path, database_name: str) -> AsyncIterator[Any]:
    """An engine with empty tables."""
    if kind == "postgres":
        need_postgres()
    database = await _database(kind, sqlite_path, database_name)
    _bind(database.engine, database.own)
    yield database.engine
    await _end_tasks()
    await database.empty()


@pytest.fixture(params=["sqlite", "postgres"])
async def database(
    request: pytest.FixtureRequest, sqlite_path: Path, database_name: str
) -> AsyncIterator[Any]:
    """An engine with empty tables, SQLite on a file and PostgreSQL in turn, each with a pool."""
    async with open_database(request.param, sqlite_path, database_name) as engine:
        yield engine


@pytest.fixture
def database_of_any_loop(database: Any) -> Iterator[Any]:
    """The database without a pool, which belongs to one loop: for servers in threads."""
    if isinstance(database, PostgresEngine):
        pool, database.pool = database.pool, None
        yield database
        database.pool = pool
    else:
        yield database  # SQLite's knows its loop


@pytest.fixture(scope="module")
def pools() -> Iterator[Pools]:
    """The pools of the loops that ask, which are closed after the last test of a module."""
    yield POOLS
    POOLS.close()


@pytest.fixture
async def pooled(database: Any, pools: Pools) -> None:
    """The database for an application that is asked in another loop, by schemathesis."""
    await pools.stand_in(database)


@pytest.fixture
def events() -> Iterator[list[AuthEvent]]:
    """Every event of the test."""
    heard: list[AuthEvent] = []
    stop = subscribe(heard.append)
    yield heard
    stop()


@pytest.fixture
def undeclared(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test declares, of tables, commands, events, factors and notices, ends with it."""
    monkeypatch.setattr(User, "asks_afterwards", frozenset())
    tables = set(declared_tables())
    kept: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (registry, dict(registry))
        for registry in (
            declared.EVENTS,
            step_up._factors,
            notices._notices,
            commands._declared,
        )
    ]
    known_commands = list(commands.COMMANDS)
    yield
    new = tuple(table for table in declared_tables() if table not in tables)
    TABLE_REGISTRY[:] = [table for table in TABLE_REGISTRY if not issubclass(table, new)]
    commands.COMMANDS[:] = known_commands
    for registry, before in kept:
        registry.clear()
        registry.update(before)


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
    limiter.LOCAL.clear()
    undo._offers.clear()
    unverified._offers.clear()
    repeated.forget_repeated()
    outages._logged.clear()


def end_second() -> None:
    """End the second in which repeated events are counted, and tell how many they were."""
    for kinds in list(repeated._running.values()):
        for key, repeats in list(kinds.items()):
            repeats.timer.cancel()
            repeated._report(asyncio.get_running_loop(), kinds, key, repeats.count_as)


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


def add_routes_of(app: FastAPI, people: AnyOf[User]) -> None:
    """Add `/me`, and `/mfa` for those who used a second factor."""

    @app.get("/me")
    async def me(user: Annotated[User, Depends(people)]) -> str:
        return user.username

    @app.get("/mfa")
    async def mfa(user: Annotated[User, Depends(require(people, mfa=True))]) -> str:
        return user.username


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
    """What a WebSocket of this loop is sent; the client only connects. A path may have a query."""
    path, _, query = path.partition("?")
    offered = headers.get("Sec-WebSocket-Protocol", "").split(", ")
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
    scope |= {"scheme": "wss", "query_string": query.encode(), "root_path": ""}
    scope["subprotocols"] = [name for name in offered if name]
    await app(scope | {"client": ("127.0.0.1", 1), "state": {}}, receive, send)
    return sent
