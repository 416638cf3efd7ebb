"""Databases that fastapi-users 15 itself made: the command moves their users, who sign in."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import (
    EmailStatus,
    OAuthAccount,
    Password,
    SessionAuth,
    User,
    install,
    session_router,
)
from piccolo_api_fastapi.users.passwords.foreign import PREFIX
from tests.conftest import PASSWORD, log_in, new_client, use_engine
from tests.integration.command_line import run_command
from tests.integration.test_migrations import Project, project
from tests.integration.test_upgrades import restore

pytestmark = pytest.mark.slow

__all__ = ["project"]

FOLDER = Path(__file__).parent / "from_fastapi_users"
LONG = "correct horse battery staple, and more than seventy-two bytes of it, to be sure"
"""The password of one of the dumps."""

COMMAND = ("piccolo_api_fastapi", "migrate_fastapi_users")
MOVED = (
    "Moved: 4 users, 1 of them with a verified address, 0 that wait for it, 0 without a password; "
    "1 OAuth accounts."
)


@pytest.mark.security(113)
async def test_move(database: Any, project: Project) -> None:
    """The dry run tells what the run does; then each user signs in with the password from there."""
    kind = "sqlite" if isinstance(database, SQLiteEngine) else "postgres"
    await restore(project.engine, (FOLDER / f"{kind}.sql").read_text(encoding="utf-8"))
    await project.piccolo("migrations", "forwards", "all")
    printed = await project.piccolo(*COMMAND, "--dry_run", "--columns=first_name")
    assert MOVED in printed
    printed = await project.piccolo(*COMMAND, "--superusers_are_admins", "--columns=first_name")
    assert MOVED in printed
    assert "5 moved before" in await project.piccolo(*COMMAND, "--erase")
    code, printed = await asyncio.to_thread(
        run_command, project.folder, (*COMMAND, "--table=accounts"), ""
    )
    assert (code, printed) == (1, 'There is no table "accounts". Pass schema and table.\n')

    use_engine(project.engine)
    await sign_in()
    [ada] = await User.select().where(User.email == "ada@example.com")
    assert (ada["first_name"], ada["admin"], ada["superuser"]) == ("Ada", True, True)
    assert await EmailStatus.select(EmailStatus.user) == [{"user": ada["id"]}]
    [account] = await OAuthAccount.select(OAuthAccount.user, OAuthAccount.subject)
    assert account == {"user": ada["id"], "subject": "108"}
    foreign = await Password.select(Password.user.email).where(Password.hash.like(f"{PREFIX}%"))
    assert foreign == [{"user.email": "linus@example.com"}]


async def sign_in() -> None:
    """Sign each user in, twice; the second time with a hash of this library."""
    app = FastAPI()
    install(app)
    app.include_router(session_router(SessionAuth()), prefix="/auth")
    passwords = {
        "ada@example.com": PASSWORD,
        "grace@example.com": PASSWORD,
        "long@example.com": LONG,
    }
    async with new_client(app) as client:
        for name, password in passwords.items():
            assert (await log_in(client, name, "a wrong password")).status_code == 401
            assert (await log_in(client, name, password)).status_code == 200
            assert (await log_in(client, name, password)).status_code == 200
        assert (await log_in(client, "long@example.com", LONG[:72])).status_code == 401
        assert (await log_in(client, "linus@example.com")).status_code == 401
