"""`PooledPostgresEngine`: no reset after a plain statement, and one after all else."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from typing import Annotated, Any

import asyncpg
import pytest
from fastapi import Depends, FastAPI
from piccolo.columns import Varchar
from piccolo.query.functions import Lower
from piccolo.table import Table, create_db_tables, drop_db_tables

from piccolo_api_fastapi import PooledPostgresEngine, SessionAuth, User, Users, session_router
from piccolo_api_fastapi.core.database.postgres import is_plain
from piccolo_api_fastapi.core.database.time_limit import limit_statements
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, PG, log_in, new_client, use_engine

on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)

Last = Callable[[], Awaitable[str]]


class Thing(Table, tablename="pooled_thing"):
    """A table of an application, whose statements have no time limit of the library."""

    name = Varchar(unique=True)


class LimitedThing(Table, tablename="limited_thing"):
    """A table whose statements have the time limit, as those of the library have."""

    name = Varchar(unique=True)


limit_statements(LimitedThing)


@pytest.fixture
async def engine(database: Any) -> AsyncIterator[PooledPostgresEngine]:
    """The engine on the test database, with one connection, and a table of the application."""
    engine = PooledPostgresEngine(config={**PG, "database": database.config["database"]})
    use_engine(engine)
    await engine.start_connection_pool(min_size=1, max_size=1)
    await create_db_tables(Thing, LimitedThing)
    yield engine
    await drop_db_tables(Thing, LimitedThing)
    await engine.close_connection_pool()


@pytest.fixture
async def last(engine: PooledPostgresEngine) -> AsyncIterator[Last]:
    """Finds the last statement of the engine's connection, by another connection."""
    [row] = await Thing.raw("SELECT pg_backend_pid() AS pid")
    observer = await asyncpg.connect(**engine.config)

    async def statement() -> str:
        found = await observer.fetchval(
            "SELECT query FROM pg_stat_activity WHERE pid = $1", row["pid"]
        )
        return str(found)

    yield statement
    await observer.close()


@on_postgres
async def test_a_protected_request(engine: Any, last: Last, clock: FrozenClock) -> None:
    """It is one statement, and no other round trip follows."""
    users = Users(clock=clock)
    await users.create("ada", PASSWORD)
    session, app = SessionAuth(users), FastAPI()
    app.include_router(session_router(session), prefix="/auth")

    @app.get("/name")
    async def name(user: Annotated[User, Depends(session)]) -> str:
        return user.username

    async with new_client(app) as client:
        await log_in(client)
        assert not (await last()).startswith("SELECT")
        assert (await client.get("/name")).json() == "ada"
    assert re.match('SELECT .*"digest"', await last())


@on_postgres
@pytest.mark.parametrize("table", [Thing, LimitedThing])
async def test_plain_statements(engine: Any, last: Last, table: Any) -> None:
    """Those of Piccolo's query builder, also if the database refuses them."""
    await table.insert(table(name="ada"))
    assert (await last()).startswith("INSERT INTO")
    with suppress(asyncpg.UniqueViolationError):
        await table.insert(table(name="ada"))
    assert (await last()).startswith("INSERT INTO")
    await table.update({table.name: "Bob"}).where(table.name.is_in(["ada", "eve"]))
    assert (await last()).startswith("UPDATE")
    assert await table.select(Lower(table.name)) == [{"lower": "bob"}]
    assert "LOWER" in await last()
    assert await table.count() == 1
    assert "COUNT" in await last()
    await table.delete().where(table.name == "Bob")
    assert (await last()).startswith("DELETE")


@on_postgres
@pytest.mark.parametrize("table", [Thing, LimitedThing])
async def test_statements_that_can_not_be_written(engine: Any, table: Any) -> None:
    """They cost the pool no connection; it has only one."""
    with pytest.raises(ValueError, match=r"Single '\{'"):
        await table.raw("SELECT {", 1)
    assert await table.count() == 0


async def by_raw_sql(engine: PooledPostgresEngine, statement: str) -> None:
    """As the ORM runs what an application wrote."""
    await Thing.raw(statement)


async def with_a_limit(engine: PooledPostgresEngine, statement: str) -> None:
    """As an application may run it on a table of users."""
    await LimitedThing.raw(statement)


async def by_ddl(engine: PooledPostgresEngine, statement: str) -> None:
    """As the ORM changes tables."""
    await engine.run_ddl(statement)


async def in_a_transaction(engine: PooledPostgresEngine, statement: str) -> None:
    """Among plain statements."""
    async with engine.transaction():
        await Thing.count()
        await Thing.raw(statement)
        await Thing.count()


async def by_the_pool(engine: PooledPostgresEngine, statement: str) -> None:
    """By a connection of one's own."""
    assert engine.pool is not None
    async with engine.pool.acquire() as connection:
        await connection.execute(statement)


@on_postgres
@pytest.mark.parametrize("run", [by_raw_sql, with_a_limit, by_ddl, in_a_transaction, by_the_pool])
@pytest.mark.parametrize(
    "statement",
    [
        "SELECT set_config('app.user', 'ada', false)",
        "SELECT \"set_config\"('app.user', 'ada', false)",
        "SELECT pg_catalog.set_config ('app.user', 'ada', false)",
        "SELECT set_config/**/('app.user', 'ada', false)",
        "SELECT set_config--\n('app.user', 'ada', false)",
        "SELECT count(set_config('app.user', 'ada', false))",
        "SET app.\"user\" = 'ada'",
        "SELECT pg_advisory_lock(1)",
        "LISTEN somebody",
    ],
)
async def test_sessions_that_are_changed(
    engine: PooledPostgresEngine, run: Callable[..., Awaitable[None]], statement: str
) -> None:
    """Nothing of it is there for whoever gets the connection next, nor after a plain statement."""
    await run(engine, statement)
    await Thing.count()
    [left] = await Thing.raw(
        "SELECT coalesce(current_setting('app.user', true), '') AS setting,"
        " (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid()"
        " AND objid = 1 AND classid = 0) AS locks,"
        " (SELECT count(*) FROM pg_listening_channels()) AS channels"
    )
    assert left == {"setting": "", "locks": 0, "channels": 0}


@on_postgres
async def test_a_reset_of_ones_own(database: Any) -> None:
    """It is called instead of the query of asyncpg, where one is needed."""
    engine = PooledPostgresEngine(config={**PG, "database": database.config["database"]})
    calls: list[int] = []

    async def reset(connection: asyncpg.Connection) -> None:
        await connection.execute("RESET ALL")
        calls.append(connection.get_server_pid())

    await engine.start_connection_pool(min_size=1, max_size=1, reset=reset)
    try:
        await engine.run_ddl("SELECT 1")
        assert calls == []
        await engine.run_ddl("SELECT version()")
        assert len(calls) == 1
    finally:
        await engine.close_connection_pool()


@on_postgres
async def test_servers_that_reset_nothing(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some that speak PostgreSQL's protocol have no reset query."""
    monkeypatch.setattr(asyncpg.Connection, "get_reset_query", lambda _: "")
    engine = PooledPostgresEngine(config={**PG, "database": database.config["database"]})
    await engine.start_connection_pool(min_size=1, max_size=1)
    await engine.run_ddl("SELECT version()")
    await engine.close_connection_pool()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ('SELECT "a"."b" FROM "a" WHERE "a"."b" = $1', True),
        ("  select count(*) from a", True),
        ('INSERT INTO "a" ("b") VALUES ($1) ON CONFLICT ("b") DO NOTHING', True),
        ('INSERT INTO "s"."a" ("b") VALUES ($1)', True),
        ('UPDATE "a" SET "b" = COALESCE("b", $1)', True),
        ('DELETE FROM "a" WHERE NOT EXISTS (SELECT 1 FROM "c")', True),
        ("SELECT my_function()", False),
        ("SELECT app.count(1)", False),
        ('SELECT "count"(1)', False),
        ("SELECT 1 -- a comment", False),
        ("SELECTED", False),
        ("WITH a AS (SELECT 1) SELECT * FROM a", False),
        ("DECLARE c CURSOR WITH HOLD FOR SELECT 1", False),
        ("INSERT INTO a(b) VALUES ($1)", False),
        ("", False),
    ],
)
def test_what_is_plain(sql: str, *, expected: bool) -> None:
    """What begins like a statement of Piccolo, and calls nothing unknown."""
    assert is_plain(sql) is expected
