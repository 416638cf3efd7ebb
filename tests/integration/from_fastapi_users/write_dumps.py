"""
Databases that fastapi-users 15 made, and their dumps, for the tests of the migration.

    pip install 'fastapi-users[sqlalchemy]==15.*' aiosqlite asyncpg
    python tests/integration/from_fastapi_users/write_dumps.py

writes `sqlite.sql` and `postgres.sql` beside this file, in an environment that needs neither this
library nor Piccolo. It needs PostgreSQL with `pg_dump`.
"""
# pyright: reportMissingImports=false

import asyncio
import os
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote
from uuid import UUID

import asyncpg
from fastapi_users import BaseUserManager, UUIDIDMixin, schemas
from fastapi_users.db import (
    SQLAlchemyBaseOAuthAccountTableUUID,
    SQLAlchemyBaseUserTableUUID,
    SQLAlchemyUserDatabase,
)
from fastapi_users.password import PasswordHelper
from pwdlib import PasswordHash  # type: ignore[import-not-found]
from pwdlib.hashers.bcrypt import BcryptHasher  # type: ignore[import-not-found]
from sqlalchemy import String
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

FOLDER = Path(__file__).parent
PASSWORD = "correct horse battery"
LONG = "correct horse battery staple, and more than seventy-two bytes of it, to be sure"
NAME = "piccolo_api_fastapi_from_fastapi_users"
PG: dict[str, Any] = {
    "host": os.environ.get("PG_HOST", "127.0.0.1"),
    "port": int(os.environ.get("PG_PORT", "5432")),
    "user": os.environ.get("PG_USER", "postgres"),
    "password": os.environ.get("PG_PASSWORD", ""),
}


class Base(DeclarativeBase):  # type: ignore[misc]
    """The declarative base."""


class OAuthAccount(SQLAlchemyBaseOAuthAccountTableUUID, Base):  # type: ignore[misc]
    """The table `oauth_account`."""


class User(SQLAlchemyBaseUserTableUUID, Base):  # type: ignore[misc]
    """The table `user`, with a further column."""

    first_name: Mapped[str | None] = mapped_column(String(100))
    oauth_accounts: Mapped[list[OAuthAccount]] = relationship(lazy="joined")


class UserCreate(schemas.BaseUserCreate):  # type: ignore[misc]
    """The body of a registration."""

    first_name: str | None = None


class UserManager(UUIDIDMixin, BaseUserManager[User, UUID]):  # type: ignore[misc]
    """The user manager, with all defaults."""


async def fill(url: str) -> None:
    """Make the tables, and the users by their manager."""
    engine = create_async_engine(url)
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with AsyncSession(engine, expire_on_commit=False) as session:
        database = SQLAlchemyUserDatabase(session, User, OAuthAccount)
        manager = UserManager(database)
        # Older hashes: bcrypt, cheap. Since bcrypt 5 new ones are of 72 bytes at most.
        old = UserManager(database, PasswordHelper(PasswordHash((BcryptHasher(rounds=4),))))
        ada = UserCreate(
            email="Ada@Example.com",
            password=PASSWORD,
            first_name="Ada",
            is_superuser=True,
            is_verified=True,
        )
        await manager.create(ada)
        # The client of httpx-oauth for Google gives such ids.
        await manager.oauth_callback(
            "google", "an access token", "people/108", "Ada@example.com", associate_by_email=True
        )
        await old.create(UserCreate(email="grace@example.com", password=PASSWORD))
        await old.create(UserCreate(email="long@example.com", password=LONG[:72]))
        linus = UserCreate(email="linus@example.com", password=PASSWORD, is_active=False)
        await manager.create(linus)
    await engine.dispose()


def dump_sqlite() -> str:
    """The dump of a SQLite file."""
    with TemporaryDirectory() as name:
        path = str(Path(name) / "users.sqlite")
        asyncio.run(fill(f"sqlite+aiosqlite:///{path}"))
        with closing(sqlite3.connect(path)) as connection:
            return "\n".join(connection.iterdump()) + "\n"


async def execute(sql: str) -> None:
    """Run a statement on the server."""
    connection = await asyncpg.connect(**PG, database="postgres")
    await connection.execute(sql)
    await connection.close()


def dump_postgres() -> str:
    """The dump of a PostgreSQL database."""
    asyncio.run(execute(f'CREATE DATABASE "{NAME}"'))
    credentials = f"{quote(PG['user'])}:{quote(PG['password'])}"
    url = f"postgresql+asyncpg://{credentials}@{PG['host']}:{PG['port']}/{NAME}"
    try:
        asyncio.run(fill(url))
        where = ["-h", PG["host"], "-p", str(PG["port"]), "-U", PG["user"], NAME]
        command = ["pg_dump", "--inserts", "--no-owner", "--no-privileges", *where]
        environment = {**os.environ, "PGPASSWORD": PG["password"]}
        made = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
    finally:
        asyncio.run(execute(f'DROP DATABASE "{NAME}" WITH (FORCE)'))
    lines = made.stdout.splitlines()
    kept = [line for line in lines if line and not line.startswith(("--", "\\", "SET "))]
    return "\n".join(kept) + "\n"


if __name__ == "__main__":
    (FOLDER / "sqlite.sql").write_text(dump_sqlite())
    (FOLDER / "postgres.sql").write_text(dump_postgres())
