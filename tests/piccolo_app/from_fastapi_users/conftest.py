"""The tables of fastapi-users, made by SQL; what it makes itself is in tests/integration."""

import sqlite3
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from piccolo_api_fastapi import User
from piccolo_api_fastapi.piccolo_app.from_fastapi_users.ledger import LEDGER

HASH = (
    "$argon2id$v=19$m=32,t=1,p=4$MDEyMzQ1Njc4OWFiY2RlZg$useOCyYy33KRLpEBCts2qZ5uiOU7S0pxuEg4LbAoP4Y"
)
"""Argon2id of `PASSWORD` with four lanes."""

USERS = """
CREATE TABLE "{}" (id {} PRIMARY KEY, email VARCHAR(320) NOT NULL UNIQUE,
hashed_password VARCHAR(1024) NOT NULL, is_active BOOLEAN NOT NULL,
is_superuser BOOLEAN NOT NULL, is_verified BOOLEAN NOT NULL,
nickname VARCHAR(320), first_name VARCHAR(1000), phone VARCHAR(100),
country VARCHAR(2))
"""


class Old:
    """The table of fastapi-users beside a user table."""

    def __init__(self, table: Any, id_type: str, name: str = "user") -> None:
        self.table = table
        self.id_type = id_type
        self.name = name

    async def open(self) -> None:
        """Make the table."""
        await self.table.raw(USERS.format(self.name, self.id_type))

    async def add(self, id: Any, email: str, encoded: str = HASH, **columns: Any) -> None:  # noqa: A002
        """Insert a user."""
        values: dict[str, Any] = {
            "id": id,
            "email": email,
            "hashed_password": encoded,
            "is_active": True,
            "is_superuser": False,
            "is_verified": False,
            **columns,
        }
        names, marks = ", ".join(values), ", ".join(["{}"] * len(values))
        await self.table.raw(
            f'INSERT INTO "{self.name}" ({names}) VALUES ({marks})',  # noqa: S608 - our own names
            *values.values(),
        )

    async def hashes(self) -> list[str]:
        """The hashes, in the order of ids."""
        rows = await self.table.raw('SELECT hashed_password AS hash FROM "user" ORDER BY id')
        return [row["hash"] for row in rows]

    async def ledger(self) -> list[tuple[str, str]] | None:
        """The old and new ids that were recorded; `None` if there is no ledger."""
        try:
            rows = await self.table.raw(f"SELECT * FROM {LEDGER} ORDER BY old_id")  # noqa: S608
        except (sqlite3.OperationalError, asyncpg.UndefinedTableError):
            return None
        return [(row["old_id"], row["new_id"]) for row in rows]

    async def close(self) -> None:
        """Drop the tables."""
        for name in (self.name, "oauth_account", LEDGER):
            await self.table.raw(f'DROP TABLE IF EXISTS "{name}"')


@pytest.fixture
async def old(database: Any) -> AsyncIterator[Old]:
    """The table of fastapi-users with integers for ids, beside the stock table."""
    old = Old(User, "INTEGER")
    await old.open()
    yield old
    await old.close()
