"""The databases of a run: one for each contender family, so that none sees another's rows."""

import asyncio
import os
import sqlite3
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Literal

import asyncpg
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import TABLE_REGISTRY

from piccolo_api_fastapi import PersistentSQLiteEngine, PooledPostgresEngine

Kind = Literal["postgres", "sqlite"]

POOL_SIZE = 4
"""Connections of each server; all of them are up at once."""

PG: dict[str, Any] = {
    "host": os.environ.get("PG_HOST", "127.0.0.1"),
    "port": int(os.environ.get("PG_PORT", "5432")),
    "user": os.environ.get("PG_USER", "postgres"),
    "password": os.environ.get("PG_PASSWORD", ""),
}


def kind_of_this_process() -> Kind:
    """Which database this server or preparation is to use; the harness says so."""
    return "postgres" if os.environ["BENCH_KIND"] == "postgres" else "sqlite"


def database_of_this_process() -> str:
    """The name of the PostgreSQL database, or the path of the SQLite file."""
    return os.environ["BENCH_DATABASE"]


def piccolo_engine(*, keeps: bool = False) -> Any:
    """
    Piccolo's engine on the database of this process; every table is put on it.

    Args:
        keeps: The library's engine, which keeps connections on SQLite, and on PostgreSQL what
            their sessions are like.
    """
    engine: Any
    if kind_of_this_process() == "postgres":
        kind = PooledPostgresEngine if keeps else PostgresEngine
        engine = kind(config={**PG, "database": database_of_this_process()})
    elif keeps:
        engine = PersistentSQLiteEngine(database_of_this_process())
    else:
        engine = SQLiteEngine(path=database_of_this_process(), timeout=30)
    for table in TABLE_REGISTRY:
        table._meta._db = engine  # noqa: SLF001
    return engine


async def run_on_postgres(work: Callable[[Any], Awaitable[Any]]) -> Any:
    """What `work` gives for a connection to the maintenance database."""
    connection = await asyncpg.connect(**PG, database="postgres")
    try:
        return await work(connection)
    finally:
        await connection.close()


def postgres_version() -> str | None:
    """Of the server; `None` when none answers."""
    try:
        version = asyncio.run(run_on_postgres(lambda c: c.fetchval("SHOW server_version")))
    except OSError:
        return None
    return str(version).partition(" ")[0]


def backends_of(database: str) -> list[int]:
    """The processes of PostgreSQL that serve a database."""
    query = "SELECT pid FROM pg_stat_activity WHERE datname = $1"
    rows = asyncio.run(run_on_postgres(lambda c: c.fetch(query, database)))
    return [row["pid"] for row in rows]


def create(kind: Kind, family: str, folder: Path) -> str:
    """An empty database; its name or path."""
    if kind == "sqlite":
        return str(folder / f"{family}.sqlite")
    name = f"piccolo_api_fastapi_bench_{os.getpid()}_{family}"
    asyncio.run(run_on_postgres(lambda c: c.execute(f'CREATE DATABASE "{name}"')))
    return name


def drop(kind: Kind, database: str) -> None:
    """Remove a database and whoever is connected to it."""
    if kind == "sqlite":
        Path(database).unlink(missing_ok=True)
    else:
        statement = f'DROP DATABASE IF EXISTS "{database}" WITH (FORCE)'
        asyncio.run(run_on_postgres(lambda c: c.execute(statement)))


def sqlite_version() -> str:
    """Of the library that Python was built with."""
    return sqlite3.sqlite_version
