"""
Rows of every kind in a database of this release, and its dump, for the tests of later releases.

    python -m tests.integration.planting 0.1.0

writes `tests/integration/upgrades/0.1.0.*`, once for each release. Once the release is out,
its dumps are never written again. It needs PostgreSQL with `pg_dump`.
"""

import asyncio
import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import (
    TOTP,
    AnyOf,
    JWTAuth,
    Login,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    XChaCha20Poly1305,
    jwt_router,
    record_events,
    session_router,
    token_router,
)
from piccolo_api_fastapi.testing import FrozenClock, cheap_hashing, totp_code
from tests.conftest import KEY, PASSWORD, PG, SECRET, get_tokens, log_in, new_client, use_engine
from tests.integration.command_line import run_command

FOLDER = Path(__file__).parent / "upgrades"

AT = datetime(2026, 11, 27, 12, tzinfo=timezone.utc)
"""When the rows were written; tests go on at this time."""

CONFIGURATION = """
from piccolo.conf.apps import AppRegistry
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine

DB = {engine}

APP_REGISTRY = AppRegistry(
    apps=["piccolo.apps.user.piccolo_app", "piccolo_api_fastapi.piccolo_app"]
)
"""


def serve(clock: FrozenClock) -> tuple[FastAPI, TOTP, TokenAuth[User]]:
    """An application with every scheme below `/auth`, and `/me` for all of them."""
    users = Users(clock=clock)
    totp = TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")
    login = Login(users, factors=[totp])
    session, token = SessionAuth(users), TokenAuth(users)
    jwt = JWTAuth(users, secret=SECRET)
    app = FastAPI()
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(jwt_router(jwt, login), prefix="/auth")
    app.include_router(token_router(token, session), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[User, Depends(AnyOf(session, jwt, token))]) -> str:
        return str(user.username)

    return app, totp, token


async def plant(engine: Any) -> dict[str, str]:
    """
    Write rows: two users, a session, a family, an API token, an authenticator and a challenge.

    Returns:
        The secrets that belong to them.
    """
    use_engine(engine)
    stop = record_events()
    app, totp, token = serve(FrozenClock(AT))
    users: Users[User] = totp.users
    ada = await users.create("ada", PASSWORD, email="ada@example.com")
    await users.create("grace", PASSWORD, email="grace@example.com")
    async with new_client(app) as client:
        await log_in(client, "grace")
        cookie = client.cookies["__Host-session"]
        client.cookies.clear()
        refresh = (await get_tokens(client, "grace"))["refresh_token"]
        uri = (await totp.begin(ada)).uri
        [code, *_] = await totp.confirm(ada, totp_code(uri, AT))
        challenge = (await log_in(client)).json()["challenge"]
    api_token = (await token.create(ada, "report")).secret
    stop()
    return {
        "cookie": cookie,
        "refresh": refresh,
        "uri": uri,
        "recovery_code": code,
        "challenge": challenge,
        "api_token": api_token,
    }


def _write(release: str, kind: str, engine: Any, code: str, dump: Callable[[], str]) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "project_conf.py").write_text(CONFIGURATION.format(engine=code))
        exit_code, printed = run_command(folder, ("migrations", "forwards", "all"), "")
    if exit_code:
        raise SystemExit(printed)
    with cheap_hashing():
        secrets = asyncio.run(plant(engine))
    (FOLDER / f"{release}.{kind}.sql").write_text(dump())
    (FOLDER / f"{release}.{kind}.json").write_text(json.dumps(secrets, indent=2) + "\n")


def write_sqlite(release: str) -> None:
    """Dump a SQLite file."""
    with TemporaryDirectory() as name:
        path = str(Path(name) / "release.sqlite")

        def dump() -> str:
            with closing(sqlite3.connect(path)) as connection:
                return "\n".join(connection.iterdump()) + "\n"

        _write(release, "sqlite", SQLiteEngine(path=path), f"SQLiteEngine(path={path!r})", dump)


def write_postgres(release: str) -> None:
    """Dump a PostgreSQL database."""
    name = "piccolo_api_fastapi_release"
    server = PostgresEngine(config={**PG, "database": "postgres"})
    asyncio.run(server._run_in_new_connection(f'CREATE DATABASE "{name}"'))
    config = {**PG, "database": name}

    def dump() -> str:
        where = ["-h", PG["host"], "-p", str(PG["port"]), "-U", PG["user"], name]
        command = ["pg_dump", "--inserts", "--no-owner", "--no-privileges", *where]
        environment = {**os.environ, "PGPASSWORD": PG["password"]}
        made = subprocess.run(command, env=environment, capture_output=True, check=True, text=True)
        lines = made.stdout.splitlines()
        kept = [line for line in lines if line and not line.startswith(("--", "\\", "SET "))]
        return "\n".join(kept) + "\n"

    try:
        code = f"PostgresEngine(config={config!r})"
        _write(release, "postgres", PostgresEngine(config=config), code, dump)
    finally:
        asyncio.run(server._run_in_new_connection(f'DROP DATABASE "{name}" WITH (FORCE)'))


if __name__ == "__main__":
    [release] = sys.argv[1:]
    FOLDER.mkdir(exist_ok=True)
    write_sqlite(release)
    write_postgres(release)
