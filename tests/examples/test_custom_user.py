"""A shop with customers of its own: by cookie, by JWT, and migrated by Piccolo's own CLI."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import UUID

import httpx
import pytest
from piccolo.table import create_db_tables, drop_db_tables

from examples.custom_user.app import app, customers
from examples.custom_user.piccolo_app import APP_CONFIG
from examples.custom_user.tables import Customer, tables
from piccolo_api_fastapi import EventRecord
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client
from tests.migrations import changes_found

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
async def ada(database: Any) -> AsyncIterator[Customer]:
    """A customer, in tables of the shop."""
    await create_db_tables(*tables)
    yield await customers.create("ada", PASSWORD, phone="+44 20 7946 0000")
    await drop_db_tables(*tables)


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    """A client of the shop."""
    async with new_client(app) as client:
        yield client


async def test_by_cookie(client: httpx.AsyncClient, ada: Customer) -> None:
    """A customer logs in by cookie; the answers tell the UUID."""
    assert (await client.get("/me")).status_code == 401
    answer = await log_in(client)
    assert answer.json()["user"] == {"id": str(ada.id), "username": "ada", "email": None}
    me = (await client.get("/me")).json()
    assert me == {"id": str(ada.id), "username": "ada", "phone": "+44 20 7946 0000"}
    assert isinstance(ada.id, UUID)


async def test_by_jwt(client: httpx.AsyncClient, ada: Customer) -> None:
    """A customer gets, uses and refreshes tokens."""
    tokens = await get_tokens(client)
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    access = (await client.post("/auth/token", data=form)).json()["access_token"]
    me = await client.get("/me", headers=bearer(access))
    assert (me.status_code, me.json()["id"]) == (200, str(ada.id))


async def test_unhappy(client: httpx.AsyncClient, ada: Customer) -> None:
    """A wrong password, a bad token and an unknown customer are refused."""
    assert (await log_in(client, password="wrong")).status_code == 401
    assert (await log_in(client, "grace")).status_code == 401
    assert (await client.get("/me", headers=bearer("nonsense"))).status_code == 401


async def test_credentials_end(client: httpx.AsyncClient, ada: Customer) -> None:
    """A new password ends the sessions and tokens of this customer, and of no other."""
    await customers.create("grace", PASSWORD)
    await log_in(client)
    tokens = bearer((await get_tokens(client))["access_token"])
    other = bearer((await get_tokens(client, "grace"))["access_token"])
    await customers.set_password(ada, "another correct horse")
    assert (await client.get("/me")).status_code == 401
    assert (await client.get("/me", headers=tokens)).status_code == 401
    assert (await client.get("/me", headers=other)).status_code == 200
    assert (await log_in(client, password="another correct horse")).status_code == 200


async def test_deleted(client: httpx.AsyncClient, ada: Customer) -> None:
    """Sessions and families go with their customer."""
    await log_in(client)
    await get_tokens(client)
    owned = [table for table in tables if not issubclass(table, EventRecord)]
    await Customer.delete().where(Customer.username == "ada")
    assert {await table.count() for table in owned} == {0}
    assert (await client.get("/me")).status_code == 401


@pytest.mark.slow
def test_migrations(tmp_path: Path) -> None:
    """Piccolo's CLI makes all tables on a fresh file."""
    path = tmp_path / "shop.sqlite"
    conf = "examples.custom_user.piccolo_conf"
    subprocess.run(
        [sys.executable, "-m", "piccolo.main", "migrations", "forwards", "all"],
        cwd=ROOT,
        env={**os.environ, "PICCOLO_CONF": conf, "SHOP_DB": str(path)},
        check=True,
        capture_output=True,
    )
    connection = sqlite3.connect(path)
    query = "SELECT name FROM sqlite_master WHERE type = 'table' AND name LIKE 'shop_%'"
    made = {name for (name,) in connection.execute(query)}
    connection.close()
    assert made == {table._meta.tablename for table in tables}


async def test_migrations_are_complete() -> None:
    """After the migrations, Piccolo finds nothing to change."""
    assert await changes_found(APP_CONFIG) == []
