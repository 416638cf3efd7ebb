"""Checks of the database: its connections, its tables and its clock."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path

from piccolo.apps.migrations.tables import Migration
from piccolo.conf.apps import AppConfig, Finder
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi.core.database.existence import check_table, check_tables, mistake
from piccolo_api_fastapi.core.database.sqlite import PersistentSQLiteEngine
from piccolo_api_fastapi.crud import Crud
from piccolo_api_fastapi.errors import ConfigurationError

from .subject import Subject
from .values import Result, error, ok, warning

SLOW = 0.1
"""Seconds for one look at the database. Each request takes at least one."""

BUSY_SECONDS = 30
"""What `PersistentSQLiteEngine` waits for the lock of the file."""

DRIFT, FAR_DRIFT = 2, 30
"""Seconds by which the clock of the database may differ."""

_NOW = {
    "postgres": "SELECT EXTRACT(EPOCH FROM clock_timestamp()) AS now",
    "sqlite": "SELECT (julianday('now') - 2440587.5) * 86400.0 AS now",
}

_MIGRATION = re.compile(r'^ID = "(.+)"$', re.MULTILINE)


async def is_reachable(subject: Subject) -> AsyncIterator[Result]:
    """Look whether each database answers, and how fast."""
    try:
        for table, engine in subject.databases():
            await table.raw("SELECT 1")  # opens the connection, perhaps
            before = time.perf_counter()
            await table.raw("SELECT 1")
            seconds = time.perf_counter() - before
            found = f"The {engine.engine_type} database answers in {seconds * 1000:.1f} ms."
            yield warning(f"{found} Put it nearer.") if seconds > SLOW else ok(found)
    except Exception as problem:  # noqa: BLE001 - each driver has its own, and piccolo_conf.py too
        yield error(
            mistake(problem)
            or f"The database can't be reached ({type(problem).__name__}). Check DB in "
            "piccolo_conf.py, and whether the server runs."
        )


async def has_tables(subject: Subject) -> AsyncIterator[Result]:
    """Look for the tables of this library and those with routes, and for the columns in them."""
    for table in subject.user_tables:
        try:
            await check_tables([table])
        except ConfigurationError as problem:  # noqa: PERF203 - each table has its own
            yield error(str(problem))
        else:
            yield ok(f"All tables for {table.__name__} exist.")
    for served in dict.fromkeys(crud.table for crud in subject.all(Crud)):
        try:
            await check_table(served)
        except ConfigurationError as problem:  # noqa: PERF203 - each table has its own
            yield error(str(problem))


async def has_migrated(subject: Subject) -> AsyncIterator[Result]:
    """Look for migrations of this library that have not run, if its Piccolo app is registered."""
    app = _registered() if subject.owners else None
    if app is None:
        return
    ran = set()
    if await Migration.table_exists():
        names = Migration.select(Migration.name).where(Migration.app_name == app.app_name)
        ran = {row["name"] for row in await names}
    ids = _migrations_in(Path(app.resolved_migrations_folder_path))
    if left := len(ids - ran):
        yield error(
            f"{left} of {len(ids)} migrations of {app.app_name} have not run. "
            "Run `piccolo migrations forwards all`."
        )
    else:
        yield ok(f"All migrations of {app.app_name} have run.")


def _migrations_in(folder: Path) -> set[str]:
    """Return the ids of the migrations in a folder."""
    texts = [file.read_text("utf-8") for file in folder.glob("*.py")]
    return {found[1] for text in texts if (found := _MIGRATION.search(text))}


def _registered() -> AppConfig | None:
    """Return the Piccolo app of this library if it is registered; there may be no registry."""
    try:
        apps = Finder().get_app_configs()
    except (ImportError, AttributeError):
        return None
    return next((app for app in apps if app.app_name == "piccolo_api_fastapi"), None)


async def is_patient(subject: Subject) -> AsyncIterator[Result]:
    """Look at the settings of SQLite: how long writers wait, and whether foreign keys hold."""
    for table, engine in subject.databases():
        if not isinstance(engine, SQLiteEngine):
            continue
        patience = engine.connection_kwargs.get("timeout", 5)
        [row] = await table.raw("PRAGMA foreign_keys")
        if not row["foreign_keys"]:
            yield error(
                "SQLite ignores foreign keys, so rows of deleted users stay. Use "
                "PersistentSQLiteEngine."
            )
        elif patience < BUSY_SECONDS and not isinstance(engine, PersistentSQLiteEngine):
            yield warning(
                f"Writers wait {patience} s for one another on SQLite, and then fail. Use "
                f"PersistentSQLiteEngine, or SQLiteEngine(…, timeout={BUSY_SECONDS})."
            )
        else:
            yield ok("SQLite lets writers wait, and foreign keys hold.")


async def has_pool(subject: Subject) -> AsyncIterator[Result]:
    """Look at the pool of PostgreSQL. Only an application that was started can have one."""
    for table, engine in subject.databases():
        if not isinstance(engine, PostgresEngine):
            continue
        if engine.pool is None:
            if subject.is_started:
                yield warning(
                    "Each query opens a connection of its own. Call start_connection_pool() in "
                    "the lifespan."
                )
            continue
        [row] = await table.raw(
            "SELECT current_setting('max_connections')::int "
            "- current_setting('superuser_reserved_connections')::int AS available"
        )
        size = engine.pool.get_max_size()
        needed, available = subject.workers * size, row["available"]
        sums = f"{subject.workers} times {size} connections, and the server has {available}"
        if needed > available:
            yield warning(f"The pools may open {sums}. Lower max_size, or raise max_connections.")
        else:
            yield ok(f"The pools open at most {sums}.")


async def has_our_time(subject: Subject) -> AsyncIterator[Result]:
    """Compare the clock of the database with that of this process."""
    for users in subject.owners:
        [row] = await users.table.raw(_NOW[users.table._meta.db.engine_type])
        drift = abs(float(row["now"]) - users.clock().timestamp())
        advice = (
            f"The clocks of the database and of this process differ by {drift:.0f} s. "
            "Set both by NTP."
        )
        if drift > FAR_DRIFT:
            yield error(advice)
        elif drift > DRIFT:
            yield warning(advice)
        else:
            yield ok("The database and this process agree on the time.")
