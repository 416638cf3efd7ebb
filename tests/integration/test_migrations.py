"""The migrations and the commands, run by Piccolo's own command line."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import create_db_tables

from piccolo_api_fastapi import (
    TOTP,
    APIToken,
    ClientInfo,
    FoldedIdentifiers,
    Login,
    Password,
    RefreshFamily,
    Session,
    User,
    Users,
    XChaCha20Poly1305,
)
from piccolo_api_fastapi.errors import InvalidCredentials
from piccolo_api_fastapi.testing import totp_code
from piccolo_api_fastapi.users.tables import MARKER
from tests.conftest import PASSWORD, PG, STOCK, use_engine
from tests.integration.command_line import run_command
from tests.integration.planting import CONFIGURATION

pytestmark = pytest.mark.slow

EXTRA_INDEXES = ("piccolo_api_fastapi_user_email", "piccolo_api_fastapi_user_username")
"""Made by a migration, since a table class can't say `lower(email)`."""


class Project:
    """A folder with a Piccolo configuration, and the command line in it."""

    def __init__(self, folder: Path, engine: Any, code: str) -> None:
        self.folder = folder
        self.engine = engine
        (folder / "project_conf.py").write_text(CONFIGURATION.format(engine=code))

    async def piccolo(self, *arguments: str, typed: str = "") -> str:
        """Run `piccolo …` in a process and return what it prints."""
        code, printed = await asyncio.to_thread(run_command, self.folder, arguments, typed)
        assert code == 0, printed
        return printed


@pytest.fixture
async def project(
    database: Any, database_name: str, tmp_path: Path, memory_path: Path
) -> AsyncIterator[Project]:
    """A project on a database of its own, empty, of the kind of the test database."""
    if isinstance(database, SQLiteEngine):
        path = str(memory_path / "project.sqlite")
        yield Project(tmp_path, SQLiteEngine(path=path), f"SQLiteEngine(path={path!r})")
    else:
        name = f"{database_name}_project"
        await database._run_in_new_connection(f'CREATE DATABASE "{name}"')
        config = {**PG, "database": name}
        yield Project(tmp_path, PostgresEngine(config=config), f"PostgresEngine(config={config!r})")
        await database._run_in_new_connection(f'DROP DATABASE "{name}" WITH (FORCE)')
    use_engine(database)


COLUMNS = """
SELECT column_name, data_type, character_maximum_length, is_nullable, column_default
FROM information_schema.columns WHERE table_name = '{}'
"""
INDEXES = "SELECT indexdef FROM pg_indexes WHERE tablename = '{}'"
CONSTRAINTS = """
SELECT pg_get_constraintdef(oid) AS definition FROM pg_constraint WHERE conrelid = to_regclass('{}')
"""


async def run(engine: Any, sql: str) -> list[dict[str, Any]]:
    """The rows of a statement."""
    rows = await engine._run_in_new_connection(sql)
    return [dict(row) for row in rows]


async def postgres_schema(engine: Any, table: str) -> set[str]:
    """Columns, indexes and constraints of a table."""
    found: set[str] = set()
    for query in (COLUMNS, INDEXES, CONSTRAINTS):
        found |= {str(row) for row in await run(engine, query.format(table))}
    return found


async def sqlite_schema(engine: Any, table: str) -> set[str]:
    """The same of a SQLite file."""
    [definition] = await run(engine, f"SELECT sql FROM sqlite_master WHERE name = '{table}'")  # noqa: S608 - our names
    found = {"AUTOINCREMENT"} if "AUTOINCREMENT" in definition["sql"] else set()
    for column in await run(engine, f"PRAGMA table_info({table})"):
        del column["cid"]
        found.add(str(column))
    for key in await run(engine, f"PRAGMA foreign_key_list({table})"):
        found.add(str(key))
    for index in await run(engine, f"PRAGMA index_list({table})"):
        parts = await run(engine, f"PRAGMA index_info({index['name']})")
        columns = [part["name"] for part in parts]
        name = index["name"] if index["origin"] == "c" else ""
        found.add(f"index {name} {columns} {index['unique']} {index['partial']}")
    return found


async def schema(engine: Any) -> dict[str, set[str]]:
    """The tables of the library and the users, each with what it consists of."""
    read = sqlite_schema if isinstance(engine, SQLiteEngine) else postgres_schema
    names = [table._meta.tablename for table in STOCK]
    return {name: await read(engine, name) for name in names}


def with_indexes(
    created: dict[str, set[str]], migrated: dict[str, set[str]]
) -> dict[str, set[str]]:
    """The tables as their classes say, and the two indexes."""
    extra = sorted(migrated["piccolo_user"] - created["piccolo_user"])
    assert len(extra) == len(EXTRA_INDEXES)
    assert all(name in index for name, index in zip(EXTRA_INDEXES, extra, strict=True))
    return {**created, "piccolo_user": created["piccolo_user"] | set(extra)}


async def test_migrations(database: Any, project: Project) -> None:
    """From nothing they make what the table classes say and two indexes; undone, they leave it."""
    created = await schema(database)
    await project.piccolo("migrations", "forwards", "all")
    migrated = await schema(project.engine)
    expected = with_indexes(created, migrated)
    assert expected == migrated

    printed = await project.piccolo("migrations", "forwards", "all")
    assert printed.count("No migrations need to be run") == 2
    assert expected == await schema(project.engine)

    if isinstance(project.engine, SQLiteEngine):
        return  # Piccolo 1.30 can't drop a table there: it asks for CASCADE
    app = "piccolo_api_fastapi"
    await project.piccolo("migrations", "backwards", app, "all", "--auto_agree=true")
    undone: dict[str, set[str]] = {table: set() for table in created}
    undone["piccolo_user"] = created["piccolo_user"]
    assert undone == await schema(project.engine)


@pytest.mark.slow
async def test_ids(project: Project) -> None:
    """After the migration, and after the command, no user gets the id of a deleted one."""
    await project.piccolo("migrations", "forwards", "user")
    use_engine(project.engine)
    await create_user(project, "ada")
    await project.piccolo("migrations", "forwards", "all")
    await project.piccolo("piccolo_api_fastapi", "never_reuse_ids")
    for last, name in (("ada", "grace"), ("grace", "hopper")):
        await User.delete().where(User.username == last)
        await create_user(project, name)
    assert await User.select(User.id) == [{"id": 3}]


async def create_user(project: Project, name: str) -> None:
    """Create a user by Piccolo's own command."""
    identity = (f"--username={name}", f"--email={name}@example.com", f"--password={PASSWORD}")
    flags = ("--is_admin=false", "--is_superuser=false", "--is_active")
    await project.piccolo("user", "create", *identity, *flags)


async def log_in(password: str) -> None:
    """Log ada in."""
    await Login(Users()).start("ada", password, ClientInfo())


async def columns() -> tuple[str, str]:
    """What is in the column of the user, and in the table beside it."""
    [user] = await User.select(User.password)
    beside = await Password.select(Password.hash)
    return user["password"], "".join(row["hash"] for row in beside)


@pytest.mark.slow
async def test_user_commands(project: Project) -> None:
    """
    Users made and passwords set by Piccolo's commands work, and move to `auth_password`;
    so do users of a project that gets this library later.
    """
    await project.piccolo("migrations", "forwards", "user")
    identity = ("--username=ada", "--email=ada@example.com", f"--password={PASSWORD}")
    flags = ("--is_admin=false", "--is_superuser=false", "--is_active")
    assert "Created User 1" in await project.piccolo("user", "create", *identity, *flags)
    await project.piccolo("migrations", "forwards", "all")
    use_engine(project.engine)
    column, encoded = await columns()
    assert column.startswith("pbkdf2_sha256$600000$")
    assert not encoded
    with pytest.raises(InvalidCredentials):
        await log_in("another horse battery")
    await log_in(PASSWORD)
    column, encoded = await columns()
    assert column == MARKER
    assert encoded.startswith("$argon2id$")

    typed = "ada\nanother horse battery\nanother horse battery\n"
    printed = await project.piccolo("user", "change_password", typed=typed)
    assert "Updated password for ada" in printed
    column, _ = await columns()
    assert column.startswith("pbkdf2_sha256$")
    with pytest.raises(InvalidCredentials):
        await log_in(PASSWORD)
    await log_in("another horse battery")
    before, (column, encoded) = encoded, await columns()
    assert column == MARKER
    assert encoded.startswith("$argon2id$")
    assert encoded != before
    await log_in("another horse battery")


@pytest.mark.slow
async def test_clean(project: Project) -> None:
    """`piccolo piccolo_api_fastapi clean` deletes what has expired and nothing else."""
    use_engine(project.engine)
    await create_db_tables(*STOCK)
    ada = await Users().create("ada", PASSWORD)
    now = datetime.now(timezone.utc)
    past, future = now - timedelta(days=1), now + timedelta(days=1)
    for digest, end in (("a", past), ("b", past), ("c", future)):
        row: dict[str, Any] = {"user": ada.id, "created_at": past, "expires_at": end}
        session: dict[str, Any] = {
            "digest": digest,
            "last_seen_at": past,
            "absolute_expires_at": future,
        }
        family: dict[str, Any] = {"current_digest": digest, "rotated_at": past, "scope": ""}
        await Session.insert(Session(id=uuid4(), **row, **session))
        await RefreshFamily.insert(RefreshFamily(id=uuid4(), **row, **family))

    printed = await project.piccolo("piccolo_api_fastapi", "clean")
    assert "2 refresh families, 2 sessions, 0 tickets" in printed
    assert await Session.select(Session.digest) == [{"digest": "c"}]
    column = RefreshFamily.current_digest
    assert await RefreshFamily.select(column) == [{"current_digest": "c"}]


@pytest.mark.slow
async def test_encryption_commands(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """A command prints a key, another encrypts everything anew, and says how much there was."""
    old, new = [
        (await project.piccolo("piccolo_api_fastapi", "generate_encryption_key")).split()[-1]
        for _ in range(2)
    ]
    assert old != new
    await project.piccolo("migrations", "forwards", "all")
    use_engine(project.engine)
    ada = await Users().create("ada", PASSWORD)
    before = TOTP(encryption=XChaCha20Poly1305(old), issuer="Movies")
    uri = (await before.begin(ada)).uri
    await before.confirm(ada, totp_code(uri, datetime.now(timezone.utc)))
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", f"{new},{old}")
    printed = await project.piccolo("piccolo_api_fastapi", "reencrypt")
    assert "Encrypted 1 secrets anew." in printed
    after = TOTP(encryption=XChaCha20Poly1305(new), issuer="Movies")
    later = datetime.now(timezone.utc) + timedelta(seconds=30)
    await after.verify(ada, totp_code(uri, later))


@pytest.mark.slow
async def test_token_commands(project: Project) -> None:
    """API tokens are made and revoked by `piccolo piccolo_api_fastapi …`."""
    use_engine(project.engine)
    await create_db_tables(*STOCK)
    run = partial(project.piccolo, "piccolo_api_fastapi")
    assert "Created the service deploy." in await run("create_service_user", "deploy")
    made = await run("create_api_token", "deploy", "release", "--scopes=a,b", "--days=30")
    secret = made.split()[-1]
    [row] = await APIToken.select()
    assert row["digest"] == hashlib.sha256(secret.encode()).hexdigest()
    assert (row["name"], row["scope"]) == ("release", "a b")
    assert row["expires_at"] > row["created_at"] + timedelta(days=29)
    assert "Revoked." in await run("revoke_api_token", secret)
    assert await APIToken.exists().where(APIToken.revoked_at.is_not_null())


async def test_older_users(project: Project) -> None:
    """
    Users of Piccolo's command line are found in every spelling, those from before the migration
    and those from after it. Two that are the same are named, and hinder neither.
    """
    await project.piccolo("migrations", "forwards", "user")
    for name in ("Ada", "ADA", "ｏｄｄ"):
        await create_user(project, name)
    printed = await project.piccolo("migrations", "forwards", "all")
    assert "Users 1 and 2 have the same username: ada" in printed
    assert "Users 1 and 2 have the same e-mail address: ada@example.com" in printed
    await create_user(project, "Иван")
    use_engine(project.engine)
    for typed, key in (("ada", 1), ("ADA", 2), ("odd@EXAMPLE.com", 3), ("иван", 4), ("ИВАН", 4)):
        user = await Users().find(typed)
        assert user is not None
        assert user.id == key
    printed = await project.piccolo("piccolo_api_fastapi", "fold_users")
    assert "All users are folded; 2 conflicts." in printed
    assert await FoldedIdentifiers.count() == 4
