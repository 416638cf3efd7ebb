"""Checks of the database."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from piccolo.apps.migrations.tables import Migration
from piccolo.conf.apps import AppRegistry
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import PersistentSQLiteEngine, SessionAuth, Users
from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.doctor import database as checks
from piccolo_api_fastapi.doctor import examine
from piccolo_api_fastapi.piccolo_app import APP_CONFIG
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PG, use_engine
from tests.doctor.examining import endpoint, found, severities
from tests.models import Customer

APP = "piccolo_api_fastapi"


class Careless(PersistentSQLiteEngine):
    """An engine that forgets about foreign keys."""

    async def get_connection(self) -> Any:
        """Open a connection."""
        connection = await super().get_connection()
        await connection.execute("PRAGMA foreign_keys = 0")
        return connection


def guarded(*schemes: Any, **options: Any) -> FastAPI:
    """An application with a route for each scheme."""
    app = FastAPI(**options)
    for scheme in schemes or (SessionAuth(),):
        app.get(f"/{scheme.scheme_name}", dependencies=[Depends(scheme)])(endpoint)
    return app


@pytest.fixture
async def on_engine(database: Any) -> AsyncIterator[Any]:
    """Puts all tables on another engine, until the test ends."""
    yield use_engine
    use_engine(database)


async def test_reachable(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that answers, and one that takes long."""
    app = guarded()
    [line] = await found(app, "database")
    assert line.startswith(f"ok: The {database.engine_type} database answers in ")
    monkeypatch.setattr(checks, "SLOW", -1)
    [line] = await found(app, "database")
    assert line.startswith("warning: ")
    assert line.endswith("Put it nearer.")


async def test_several_user_tables(database: Any) -> None:
    """Each engine is asked once, however many tables are on it."""
    use_engine(database)
    app = guarded(SessionAuth(), SessionAuth(Users(Customer), name="customer"))
    assert await severities(app, "database") == ["ok"]
    assert await severities(app, "clock") == ["ok"]  # the same is said once


async def test_unreachable(database: Any, on_engine: Any, tmp_path: Path) -> None:
    """A database that does not answer is one error, and the others that need it are left out."""
    if isinstance(database, SQLiteEngine):
        on_engine(SQLiteEngine(path=str(tmp_path / "missing" / "app.sqlite")))
    else:
        engine = PostgresEngine(config=dict(database.config))
        engine.config |= {"port": 1, "password": "hidden"}
        on_engine(engine)
    findings = (await examine(guarded())).findings
    codes = [finding.code for finding in findings if finding.severity == "error"]
    assert codes == ["database"]
    assert "tables" not in {finding.code for finding in findings}
    assert "can't be reached (" in findings[0].message
    assert "hidden" not in str(findings)


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_missing_database(database: Any, on_engine: Any) -> None:
    """The text of the server names the database."""
    engine = PostgresEngine(config=dict(database.config))
    engine.config |= {"database": "nowhere", "password": "hidden"}
    on_engine(engine)
    [line] = await found(guarded(), "database")
    assert line.startswith('error: The server answers: database "nowhere" does not exist. Create')
    assert "hidden" not in line


async def test_missing_driver(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the extra."""

    async def fail(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("SQLite driver not found. Try running …")

    monkeypatch.setattr(type(database), "run_querystring", fail)
    [line] = await found(guarded(), "database")
    assert line == (
        "error: The driver for SQLite is not installed. "
        "It needs an extra: pip install 'piccolo-api-fastapi[sqlite]'."
    )


async def test_tables(database: Any, on_engine: Any, tmp_path: Path) -> None:
    """The tables exist, or the remedy is named."""
    app = guarded()
    assert await found(app, "tables") == ["ok: All tables for User exist."]
    on_engine(SQLiteEngine(path=str(tmp_path / "empty.sqlite")))
    [line] = await found(app, "tables")
    assert line.startswith("error: The table piccolo_user and ")
    assert "piccolo migrations forwards all" in line
    codes = {finding.code for finding in (await examine(app)).findings}
    assert {"clock", "install"} <= codes  # they need no table
    assert not codes & {"expired_rows", "unsent_mail", "check_failed"}


@pytest.fixture
async def registry(database: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Any]:
    """Registers Piccolo apps as `piccolo_conf.py` does, on the test database."""
    conf = ModuleType("piccolo_conf")
    conf.__dict__["DB"] = database
    monkeypatch.delenv("PICCOLO_CONF", raising=False)
    monkeypatch.setitem(sys.modules, "piccolo_conf", conf)
    Migration._meta._db = database

    def register(*apps: str) -> None:
        conf.__dict__["APP_REGISTRY"] = AppRegistry(apps=list(apps))

    yield register
    await Migration.alter().drop_table(if_exists=True)


async def test_migrations(registry: Any) -> None:
    """Migrations that have not run are counted, with and without the table that records them."""
    app = guarded()
    registry("piccolo.apps.user.piccolo_app", "piccolo_api_fastapi.piccolo_app")
    ids = checks._migrations_in(Path(APP_CONFIG.resolved_migrations_folder_path))
    count = len(ids)
    expected = f"error: {count} of {count} migrations of {APP} have not run. "
    assert count > 0
    assert await found(app, "migrations") == [f"{expected}Run `piccolo migrations forwards all`."]
    await Migration.create_table()
    first, *others = ids
    await Migration.insert(Migration(name=first, app_name="other"))
    assert await severities(app, "migrations") == ["error"]
    await Migration.insert(*(Migration(name=one, app_name=APP) for one in others))
    assert (await found(app, "migrations"))[0].startswith(f"error: 1 of {count} ")
    await Migration.insert(Migration(name=first, app_name=APP))
    assert await found(app, "migrations") == [f"ok: All migrations of {APP} have run."]


async def test_unregistered(registry: Any) -> None:
    """Where migrations are those of the application, or it has no users, they are not looked at."""
    app = guarded()
    assert await found(app, "migrations") == []  # no registry
    registry("piccolo.apps.user.piccolo_app")
    assert await found(app, "migrations") == []
    registry("piccolo_api_fastapi.piccolo_app", "piccolo.apps.user.piccolo_app")
    assert await found(FastAPI(), "migrations") == []


async def test_sqlite(database: Any, on_engine: Any, memory_path: Path) -> None:
    """An engine with patience and foreign keys, or what is wrong with it. Others are no finding."""
    app, path = guarded(), str(memory_path / "app.sqlite")
    if not isinstance(database, SQLiteEngine):
        assert await found(app, "sqlite") == []
        return
    assert await severities(app, "sqlite") == ["ok"]
    on_engine(SQLiteEngine(path=path))
    [line] = await found(app, "sqlite")
    assert line.startswith("warning: Writers wait 5 s for one another")
    on_engine(SQLiteEngine(path=path, timeout=30))
    assert await severities(app, "sqlite") == ["ok"]
    engine = Careless(path)
    on_engine(engine)
    await engine.start_connection_pool()
    [line] = await found(app, "sqlite")
    await engine.close_connection_pool()
    assert line.startswith("error: SQLite ignores foreign keys")


async def test_pool(database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pool, that of too many workers, and none where the application was started."""
    app = guarded()
    if not isinstance(database, PostgresEngine):
        assert await found(app, "pool") == []
        return
    [line] = await found(app, "pool", workers=2)
    assert line.startswith("ok: The pools open at most 2 times 10 connections")
    [line] = await found(app, "pool", workers=100_000)
    assert line.startswith("warning: The pools may open 100000 times 10 connections")
    monkeypatch.setattr(database, "pool", None)
    assert await found(app, "pool") == []
    [line] = await found(app, "pool", start=True)
    assert line.startswith("warning: Each query opens a connection of its own.")


async def test_the_lifespan_starts_the_pool(database: Any, on_engine: Any) -> None:
    """With `start=True`, the pool of the lifespan is there while the checks run."""
    if not isinstance(database, PostgresEngine):
        return
    engine = PostgresEngine(config={**PG, "database": database.config["database"]})
    on_engine(engine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await engine.start_connection_pool(min_size=1, max_size=3)
        yield
        await engine.close_connection_pool()

    [line] = await found(guarded(lifespan=lifespan), "pool", start=True)
    assert line.startswith("ok: The pools open at most 1 times 3 connections")
    assert engine.pool is None


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0, "ok"), (10, "warning"), (-10, "warning"), (60, "error")]
)
async def test_clock(database: Any, clock: FrozenClock, seconds: int, expected: str) -> None:
    """The clocks agree, or one is fast or slow."""
    clock.now = utcnow() + timedelta(seconds=seconds)
    assert await severities(guarded(SessionAuth(Users(clock=clock))), "clock") == [expected]
