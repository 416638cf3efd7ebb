"""Tables of an application, two people, and routers for them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo.table import create_db_tables

from piccolo_api_fastapi import SessionAuth, User, Users, install, session_router
from tests.conftest import log_in, new_client
from tests.crud.tables import TABLES

_made: set[int] = set()
"""The engines that have the tables."""


@pytest.fixture
async def database(database: Any) -> AsyncIterator[Any]:
    """The database with the tables of these tests, which are empty."""
    if id(database) not in _made:
        for table in TABLES:
            table._meta._db = database
        await create_db_tables(*TABLES, if_not_exists=True)
        _made.add(id(database))
    yield database
    for table in reversed(TABLES):
        await table.delete(force=True)


def make_app(session: SessionAuth[User], **routers: Any) -> FastAPI:
    """An application with routers at the paths of their names."""
    app = FastAPI()
    install(app, check_tables=False)
    app.include_router(session_router(session), prefix="/auth")
    for name, router in routers.items():
        app.include_router(router, prefix=f"/{name}")
    return app


@pytest.fixture
async def people(users: Users[User], ada: User, grace: User) -> dict[str, User]:
    """Ada, an ordinary user; Grace, an administrator; Bob, another ordinary user."""
    bob = await users.create("bob", "correct horse battery", email="bob@example.com")
    return {"ada": ada, "grace": grace, "bob": bob}


@asynccontextmanager
async def signed_in(app: FastAPI, name: str) -> AsyncIterator[httpx.AsyncClient]:
    """A client in which a person is signed in."""
    async with new_client(app) as client:
        answer = await log_in(client, name)
        assert answer.status_code == 200
        yield client


@pytest.fixture
async def client(app: FastAPI, ada: User) -> AsyncIterator[httpx.AsyncClient]:
    """Ada's client."""
    async with signed_in(app, "ada") as client:
        yield client
