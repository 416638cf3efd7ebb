"""Databases of earlier releases, moved forwards: the schema is that of a new one, rows live on."""

import json
import sqlite3
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi.testing import FrozenClock, totp_code
from tests.conftest import PASSWORD, bearer, log_in, new_client, use_engine
from tests.integration.planting import AT, FOLDER, serve
from tests.integration.test_migrations import Project, project, schema, with_indexes

pytestmark = pytest.mark.slow

__all__ = ["project"]

RELEASES = sorted({path.name.removesuffix(".sqlite.sql") for path in FOLDER.glob("*.sqlite.sql")})


def read(name: str) -> str:
    """The text of a stored file."""
    return (FOLDER / name).read_text(encoding="utf-8")


async def restore(engine: Any, script: str) -> None:
    """Load a dump, which is SQL, into an empty database."""
    if isinstance(engine, SQLiteEngine):
        with closing(sqlite3.connect(engine.connection_kwargs["database"])) as connection:
            connection.executescript(script)
        return
    connection = await engine.get_new_connection()
    try:
        await connection.execute(script)
    finally:
        await connection.close()


def test_there_are_releases() -> None:
    """The tests below read real dumps, of both databases."""
    assert RELEASES
    names = {f"{release}.{kind}.sql" for release in RELEASES for kind in ("sqlite", "postgres")}
    assert names == {path.name for path in FOLDER.glob("*.sql")}


@pytest.mark.security(113)
@pytest.mark.parametrize("release", RELEASES)
async def test_from(database: Any, project: Project, release: str) -> None:
    """Whoever was signed in stays so; passwords, authenticators and tokens go on."""
    created = await schema(database)
    kind = "sqlite" if isinstance(database, SQLiteEngine) else "postgres"
    await restore(project.engine, read(f"{release}.{kind}.sql"))
    await project.piccolo("migrations", "forwards", "all")
    moved = await schema(project.engine)
    assert with_indexes(created, moved) == moved

    use_engine(project.engine)
    secrets = json.loads(read(f"{release}.{kind}.json"))
    clock = FrozenClock(AT + timedelta(minutes=1))
    app, _, _ = serve(clock)
    async with new_client(app) as client:
        answer = await client.get("/me", headers={"Cookie": f"__Host-session={secrets['cookie']}"})
        assert answer.json() == "grace"
        form = {"grant_type": "refresh_token", "refresh_token": secrets["refresh"]}
        access = (await client.post("/auth/token", data=form)).json()["access_token"]
        assert (await client.get("/me", headers=bearer(access))).json() == "grace"
        answer = await client.get("/me", headers=bearer(secrets["api_token"]))
        assert answer.json() == "ada"
        body = {"challenge": secrets["challenge"], "code": totp_code(secrets["uri"], clock.now)}
        assert (await client.post("/auth/login/mfa", json=body)).json()["status"] == "signed_in"
        challenge = (await log_in(client, "ada", PASSWORD)).json()["challenge"]
        body = {"challenge": challenge, "code": secrets["recovery_code"]}
        assert (await client.post("/auth/login/mfa", json=body)).json()["status"] == "signed_in"
