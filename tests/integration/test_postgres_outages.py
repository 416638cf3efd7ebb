"""Each outage that an operator of PostgreSQL can cause: 503 or less, and afterwards all goes on."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg
import httpx
import pytest
from fastapi import FastAPI
from piccolo.engine.postgres import PostgresEngine
from piccolo.querystring import QueryString
from piccolo.table import create_db_tables
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    Login,
    PiccoloStore,
    Proof,
    RateLimit,
    Session,
    TokenAuth,
    User,
    Users,
    session_router,
)
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.time_limit import _Limit, no_time_limit
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import StoreUnavailable
from piccolo_api_fastapi.schemes.sessions import SessionAuth
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import PASSWORD, STOCK, bearer, get_tokens, log_in, new_client, use_engine
from tests.integration.clusters import NEEDS_PROGRAMS, Cluster, running_cluster

pytestmark = [NEEDS_PROGRAMS, pytest.mark.security(111)]

CREDENTIALS = {"username": "ada", "password": PASSWORD}
SCOPE: dict[str, Any] = {"type": "http", "method": "GET", "path": "/", "client": None}
KICK = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A running server whose role `app` needs a password."""
    with running_cluster() as cluster:
        rules = cluster.folder / "data" / "pg_hba.conf"
        rules.write_text("host all app 127.0.0.1/32 scram-sha-256\n" + rules.read_text())
        yield cluster


@pytest.fixture
async def admin(cluster: Cluster) -> AsyncIterator[Any]:
    """A connection of the operator."""
    where = {"host": "127.0.0.1", "port": cluster.port, "user": "postgres"}
    admin = await asyncpg.connect(**where, database="postgres")
    if not await admin.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = 'app'"):
        await admin.execute("CREATE ROLE app LOGIN PASSWORD 'first'; SELECT pg_reload_conf()")
        await admin.execute("CREATE DATABASE app OWNER app")
    yield admin
    await admin.close()


@pytest.fixture
async def owner(cluster: Cluster, admin: Any) -> AsyncIterator[Any]:
    """A connection of the operator to the database of the application, which waits for locks."""
    where = {"host": "127.0.0.1", "port": cluster.port, "user": "postgres"}
    patience = {"lock_timeout": "0", "statement_timeout": "0"}
    owner = await asyncpg.connect(**where, database="app", server_settings=patience)
    yield owner
    await owner.close()


@pytest.fixture
async def database(cluster: Cluster, admin: Any) -> AsyncIterator[Any]:
    """The engine of the application, with a pool."""
    where = {"host": "127.0.0.1", "port": cluster.port, "user": "app", "password": "first"}
    engine = PostgresEngine(config={**where, "database": "app"})
    await engine.start_connection_pool(min_size=1, max_size=2)
    use_engine(engine)
    await create_db_tables(*STOCK, if_not_exists=True)
    yield engine
    await User.delete(force=True)
    await engine.close_connection_pool()


@dataclass(frozen=True, slots=True)
class Outage:
    """
    Statements of the operator.

    Args:
        begin: Those that cause it.
        end: Those that end it.
        reads: The status of a request that only reads.
    """

    begin: tuple[str, ...]
    end: tuple[str, ...]
    reads: int = 503


def setting(name: str, value: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """A setting of the running server, and what resets it."""
    reload = "SELECT pg_reload_conf()"
    return (
        (f"ALTER SYSTEM SET {name} = '{value}'", reload),
        (f"ALTER SYSTEM RESET {name}", reload),
    )


READ_ONLY = setting("default_transaction_read_only", "on")

OUTAGES = {
    "read-only": Outage(*READ_ONLY, reads=200),
    "changed password": Outage(
        ("ALTER ROLE app PASSWORD 'second'", KICK), ("ALTER ROLE app PASSWORD 'first'",)
    ),
    "role without login": Outage(("ALTER ROLE app NOLOGIN", KICK), ("ALTER ROLE app LOGIN",)),
    "too many connections": Outage(
        ("ALTER ROLE app CONNECTION LIMIT 0", KICK), ("ALTER ROLE app CONNECTION LIMIT -1",)
    ),
    "no connections": Outage(
        ("ALTER DATABASE app ALLOW_CONNECTIONS false", KICK),
        ("ALTER DATABASE app ALLOW_CONNECTIONS true",),
    ),
    "renamed database": Outage(
        ("ALTER DATABASE app CONNECTION LIMIT 0", KICK, "ALTER DATABASE app RENAME TO elsewhere"),
        ("ALTER DATABASE elsewhere RENAME TO app", "ALTER DATABASE app CONNECTION LIMIT -1"),
    ),
}


async def until(connection: Any, expected: Any, query: str) -> None:
    """Wait until a query returns this value."""
    deadline = time.monotonic() + 30
    while await connection.fetchval(query) != expected:
        assert time.monotonic() < deadline, query
        await asyncio.sleep(0.01)


async def settle(database: Any, admin: Any, statements: tuple[str, ...]) -> None:
    """Run statements of the operator, and wait until the sessions of the application know."""
    for statement in statements:
        await admin.execute(statement)
    if KICK in statements:
        await until(admin, 0, "SELECT count(*) FROM pg_stat_activity WHERE usename = 'app'")
    if statements in READ_ONLY:
        value = "on" if statements == READ_ONLY[0] else "off"
        await until(database.pool, value, "SHOW default_transaction_read_only")


@pytest.mark.parametrize("kind", OUTAGES)
async def test_outages(
    client: httpx.AsyncClient,
    ada: User,
    clock: FrozenClock,
    database: Any,
    admin: Any,
    kind: str,
) -> None:
    """Reads go on where they can, also those that record activity; writes are a 503."""
    outage = OUTAGES[kind]
    tokens = await get_tokens(client)
    assert (await log_in(client)).status_code == 200
    clock.advance(timedelta(minutes=2))  # so that activity is to be recorded

    await settle(database, admin, outage.begin)
    reads = [
        await client.get("/session"),
        await client.get("/auth/sessions"),
        await client.get("/jwt", headers=bearer(tokens["access_token"])),
    ]
    refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    writes = [
        await client.post("/auth/login", json=CREDENTIALS),
        await client.post("/auth/token", data={"grant_type": "password", **CREDENTIALS}),
        await client.post("/auth/token", data=refresh),
        await client.delete("/auth/sessions"),
        await client.post("/auth/mfa/totp"),
        await client.post("/auth/logout"),
    ]
    await settle(database, admin, outage.end)

    assert [answer.status_code for answer in reads] == [outage.reads] * len(reads)
    for answer in writes:
        assert answer.status_code == 503, (answer.request.url, answer.text)
        assert answer.json()["code"] == "store_unavailable"
        assert answer.headers["retry-after"] == "1"
        assert "set-cookie" not in answer.headers
    assert (await client.get("/session")).status_code == 200
    assert (await client.post("/auth/token", data=refresh)).status_code == 200
    assert (await log_in(client)).status_code == 200


@pytest.mark.parametrize("limit", ["lock_timeout", "statement_timeout"])
async def test_locks(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock, admin: Any, owner: Any, limit: str
) -> None:
    """A row that stays locked costs those who must write to it a 503, and nobody who reads."""
    assert (await log_in(client)).status_code == 200
    clock.advance(timedelta(minutes=2))
    begin, end = setting(limit, "100ms")
    for statement in begin:
        await admin.execute(statement)
    async with owner.transaction():
        await owner.execute("SELECT 1 FROM auth_session FOR UPDATE")
        assert (await client.get("/session")).status_code == 200
        assert (await client.post("/auth/logout")).status_code == 503
        await owner.execute("LOCK TABLE auth_session")
        assert (await client.get("/session")).status_code == 503
    for statement in end:
        await admin.execute(statement)
    assert (await client.get("/session")).status_code == 200
    assert (await client.post("/auth/logout")).status_code == 204


async def test_activity_in_a_transaction(
    session: SessionAuth[User],
    users: Users[User],
    ada: User,
    clock: FrozenClock,
    database: Any,
    owner: Any,
    client: httpx.AsyncClient,
) -> None:
    """Activity that could not be recorded leaves the transaction around it as it was."""
    token = TokenAuth(users)
    secret = (await token.create(ada, "report")).secret
    await log_in(client)
    cookie = f"__Host-session={client.cookies['__Host-session']}"
    clock.advance(timedelta(minutes=2))
    async with owner.transaction():
        await owner.execute("SELECT 1 FROM auth_session, auth_api_token FOR UPDATE")
        async with database.transaction():
            await User.raw("SET LOCAL lock_timeout = '50ms'")
            for scheme, header in (
                (session, (b"cookie", cookie.encode())),
                (token, (b"authorization", f"Bearer {secret}".encode())),
            ):
                connection = HTTPConnection({**SCOPE, "headers": [header]})
                assert (await scheme.identify(connection)).user.id == ada.id
            await User.update({User.first_name: "Ada"}).where(User.id == ada.id)
    assert await User.select(User.first_name) == [{"first_name": "Ada"}]


LIMIT = 0.5
"""Seconds that a statement may take in the tests of a server that hangs."""

SOON = 10 * LIMIT
"""Seconds within which an answer has to be there, however busy the machine is."""


@pytest.fixture
def frozen(cluster: Cluster) -> Iterator[Cluster]:
    """The server, which is thawed in the end."""
    yield cluster
    cluster.thaw()


@pytest.fixture
async def impatient(database: PostgresEngine) -> None:
    """Let statements on the engine of the application take half a second."""
    database.config["command_timeout"] = LIMIT
    use_engine(database)


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("connections", ["pooled", "new"])
async def test_a_server_that_hangs(
    client: httpx.AsyncClient, ada: User, database: Any, frozen: Cluster, connections: str
) -> None:
    """Each request is a 503 soon, however many there are; afterwards all goes on at once."""
    if connections == "new":
        await database.close_connection_pool()
    tokens = await get_tokens(client)
    assert (await log_in(client)).status_code == 200
    header = bearer(tokens["access_token"])
    requests: tuple[Callable[[], Awaitable[httpx.Response]], ...] = (
        lambda: client.get("/session"),
        lambda: client.get("/jwt", headers=header),
        lambda: log_in(client),
        lambda: client.post("/auth/mfa/totp"),
        lambda: client.post("/auth/logout"),
    )
    frozen.freeze()
    for _ in range(2):
        begin = time.monotonic()
        answers = await asyncio.gather(*(request() for request in requests * 3))
        assert time.monotonic() - begin < SOON
        assert {answer.status_code for answer in answers} == {503}
        assert {answer.headers["retry-after"] for answer in answers} == {"1"}
    frozen.thaw()
    assert (await client.get("/session")).status_code == 200
    assert (await client.get("/jwt", headers=header)).status_code == 200
    assert (await client.post("/auth/logout")).status_code == 204
    assert (await log_in(client)).status_code == 200
    if connections == "new":
        await database.start_connection_pool(min_size=1, max_size=2)


@pytest.mark.usefixtures("impatient")
async def test_a_server_that_hangs_in_a_transaction(
    slow: tuple["Slow", httpx.AsyncClient], database: Any, frozen: Cluster
) -> None:
    """A transaction that can go neither on nor back is a 503, and writes nothing."""
    users, client = slow

    async def freeze() -> None:
        frozen.freeze()

    users.happening = freeze
    begin = time.monotonic()
    assert (await log_in(client)).status_code == 503
    assert time.monotonic() - begin < SOON
    assert not database.transaction_exists()
    frozen.thaw()
    users.happening = None
    assert await Session.count() == 1
    assert (await log_in(client)).status_code == 200


@pytest.mark.usefixtures("impatient")
async def test_a_store_of_limits_that_hangs(database: Any, frozen: Cluster) -> None:
    """A limit in the database waits no longer than it says."""
    store = PiccoloStore(timeout=timedelta(seconds=LIMIT / 2))
    limit = RateLimit("9/minute", on_error="deny", scope="x", store=store)
    await limit.hit("ada")
    frozen.freeze()
    begin = time.monotonic()
    assert {type(error) for error in await race(lambda: limit.hit("ada"), 5)} == {StoreUnavailable}
    assert time.monotonic() - begin < SOON


@pytest.mark.slow
@pytest.mark.usefixtures("impatient")
async def test_statements_of_the_application(database: PostgresEngine) -> None:
    """What the application runs by itself has no limit, and a limit can be taken away."""
    wait = QueryString(f"SELECT pg_sleep({3 * LIMIT})")
    with pytest.raises(asyncpg.ConnectionDoesNotExistError):
        await User.raw(f"SELECT pg_sleep({60 * LIMIT})")
    await database.run_querystring(wait)
    with no_time_limit():
        await User.raw(f"SELECT pg_sleep({3 * LIMIT})")
    database.config["command_timeout"] = None
    use_engine(database)
    await User.raw(f"SELECT pg_sleep({3 * LIMIT})")


@pytest.mark.usefixtures("impatient")
async def test_a_late_connection_that_was_just_released(database: PostgresEngine) -> None:
    """A connection that can no longer be closed leaves the limits of all others in force."""
    pool: Any = database.pool
    connection = await pool.acquire()
    await pool.release(connection)
    limit = _Limit(0, connection)
    for _ in range(2):
        with pytest.raises(asyncpg.ConnectionDoesNotExistError):
            await User.raw(f"SELECT pg_sleep({60 * LIMIT})")
    limit.watch.discard(limit)


@pytest.mark.usefixtures("impatient")
async def test_an_event_loop_that_hangs(database: PostgresEngine, ada: User) -> None:
    """A loop that is busy for longer than the limit loses no response that has arrived."""
    async with transaction(User):
        found = asyncio.create_task(User.count().run())
        await asyncio.sleep(0)
        time.sleep(2 * LIMIT)  # noqa: ASYNC251 - the loop is held, as by a great calculation
        assert await found == 1
        assert await User.count() == 1


@pytest.mark.usefixtures("impatient")
async def test_cancelled_requests(database: PostgresEngine, ada: User) -> None:
    """A request that is cancelled stays so, whether it waits for a connection or a response."""
    pool: Any = database.pool

    async def count() -> None:
        async with transaction(User):
            await User.count()

    async with pool.acquire(), pool.acquire():
        for wait in (User.count().run, count):
            waiting = asyncio.create_task(wait())
            await asyncio.sleep(0)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
    sleeping = asyncio.create_task(User.raw("SELECT pg_sleep(60)").run())
    await until(
        pool, 1, "SELECT count(*) FROM pg_stat_activity WHERE query = 'SELECT pg_sleep(60)'"
    )
    sleeping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await sleeping
    assert await User.count() == 1
    async with pool.acquire(), pool.acquire():  # none is lost
        for wait in (User.count().run, count):
            with pytest.raises(StoreUnavailable):
                async with store():
                    await wait()


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("step", ["statement", "begin", "update", "commit", "rollback"])
async def test_cancelled_while_the_server_hangs(
    database: PostgresEngine, ada: User, frozen: Cluster, step: str
) -> None:
    """A request that is cancelled at whatever step ends soon, and loses no connection."""
    pool: Any = database.pool
    assert await User.count() == 1

    async def work() -> None:
        if step == "statement":
            await frozen_count()
        if step == "begin":
            frozen.freeze()
        async with transaction(User):
            await User.update({User.first_name: "Ada"}).where(User.id == ada.id)
            if step == "update":
                await frozen_count()
            frozen.freeze()
            if step == "rollback":
                raise ValueError

    async def frozen_count() -> None:
        frozen.freeze()
        await User.count()

    working = asyncio.create_task(work())
    await asyncio.wait([working], timeout=LIMIT / 5)
    assert not working.done()
    working.cancel()
    await asyncio.wait([working], timeout=SOON)
    assert working.cancelled()
    frozen.thaw()
    async with pool.acquire(timeout=SOON), pool.acquire(timeout=SOON):
        pass
    assert await User.count() == 1


class Slow(Users[User]):
    """Users at whose login something happens to the transaction."""

    happening: Any = None

    async def uphold(self, proof: Proof[User]) -> None:
        """Lock the user, and let it happen."""
        await super().uphold(proof)
        if self.happening is not None:
            await self.happening()


@pytest.fixture
async def slow(database: Any, clock: FrozenClock) -> AsyncIterator[tuple[Slow, httpx.AsyncClient]]:
    """Such users, and a client of an application that has them."""
    users = Slow(clock=clock)
    await users.create("ada", PASSWORD)
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), Login(users)), prefix="/auth")
    async with new_client(app) as client:
        assert (await log_in(client)).status_code == 200
        yield users, client


async def test_idle_in_a_transaction(slow: tuple[Slow, httpx.AsyncClient], admin: Any) -> None:
    """A transaction that was idle for too long is a 503, and the next one is as always."""
    users, client = slow

    async def wait() -> None:
        await Session.raw("SET LOCAL idle_in_transaction_session_timeout = '50ms'")
        idle = "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction'"
        await until(admin, 0, idle)

    users.happening = wait
    assert (await log_in(client)).status_code == 503
    users.happening = None
    assert await Session.count() == 1
    assert (await log_in(client)).status_code == 200


async def test_statements_cached_before_a_migration(
    slow: tuple[Slow, httpx.AsyncClient], owner: Any
) -> None:
    """A column of another type than before is a 503 within a transaction, and no 500."""
    users, client = slow
    answers = set()
    for kind in ("TEXT", "VARCHAR(255)") * 2:

        async def migrate(kind: str = kind) -> None:
            await owner.execute(f"ALTER TABLE auth_session ALTER user_agent TYPE {kind}")

        await migrate()
        users.happening = read_all
        answers.add((await log_in(client)).status_code)
        assert (await client.get("/auth/sessions")).status_code in (200, 503)
        assert (await log_in(client)).status_code == 200
    assert 503 in answers
    assert answers <= {200, 503}


async def read_all() -> None:
    """Read a column whose type has changed."""
    await Session.select(Session.user_agent)


async def test_shutdown(client: httpx.AsyncClient, ada: User, cluster: Cluster, admin: Any) -> None:
    """A server that is stopped and started again costs nothing but the requests of meanwhile."""
    assert (await log_in(client)).status_code == 200
    cluster.stop("fast")
    assert (await client.get("/session")).status_code == 503
    cluster.end()
    assert (await client.get("/session")).status_code == 200
