"""
Try the installed package on the database of the last release; `tools/release.py` runs this.

    python try_wheel.py restore
    python try_wheel.py use

It runs in a folder of its own, outside the checkout.
"""

import asyncio
import json
import sqlite3
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI

import piccolo_api_fastapi
from piccolo_api_fastapi import Session, SessionAuth, User, Users
from piccolo_api_fastapi.doctor import as_text, examine
from piccolo_api_fastapi.testing import FrozenClock

PASSWORD = "a password of the release check"


def client_of(app: FastAPI) -> httpx.AsyncClient:
    """Return a client that calls an application in this process."""
    transport = httpx.ASGITransport(app=app)
    return httpx.AsyncClient(transport=transport, base_url="https://testserver")


def restore() -> None:
    """Load the dump of the last release into an empty database."""
    with closing(sqlite3.connect("release.sqlite")) as connection:
        connection.executescript(Path("release.sql").read_text(encoding="utf-8"))


async def try_smallest() -> None:
    """Refuse a stranger, sign a new user in, and document the routes."""
    from examples.smallest.app import app

    await Users().create("release", PASSWORD, email="release@example.com")
    async with client_of(app) as client:
        assert (await client.get("/me")).status_code == httpx.codes.UNAUTHORIZED
        assert (await client.get("/openapi.json")).json()["paths"]["/me"]["get"]["security"]
        credentials = {"username": "release", "password": PASSWORD}
        answer = await client.post("/auth/login", json=credentials)
        assert answer.status_code == httpx.codes.OK, answer.text
        assert (await client.get("/me")).json() == {"username": "release"}


async def try_old_session(cookie: str) -> None:
    """Accept the session that a user of the last release had."""
    row: Any = await Session.objects().first()
    session = SessionAuth(Users(clock=FrozenClock(row.created_at + timedelta(minutes=1))))
    app = FastAPI()

    @app.get("/me")
    async def me(user: Annotated[User, Depends(session)]) -> str:
        return str(user.username)

    async with client_of(app) as client:
        answer = await client.get("/me", headers={"Cookie": f"__Host-session={cookie}"})
        assert answer.status_code == httpx.codes.OK, answer.text


async def examine_schema() -> None:
    """Let the doctor compare the tables and the migrations with those of the wheel."""
    from examples.smallest.app import app

    examination = await examine(app)
    passed = {finding.code for finding in examination.of("ok")}
    assert {"database", "tables", "migrations"} <= passed, as_text(examination)


async def use(cookie: str) -> None:
    """Use the database that was moved forwards."""
    assert "site-packages" in str(piccolo_api_fastapi.__file__), piccolo_api_fastapi.__file__
    await examine_schema()
    await try_old_session(cookie)
    await try_smallest()


if __name__ == "__main__":
    if sys.argv[1] == "restore":
        restore()
    else:
        secrets = json.loads(Path("release.json").read_text(encoding="utf-8"))
        asyncio.run(use(secrets["cookie"]))
