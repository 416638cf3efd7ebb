"""The migration of users from a table of fastapi-users with numbers for ids."""

import sys
from typing import Any

import bcrypt
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Accounts,
    AuthEvent,
    ConfigurationError,
    EmailStatus,
    Password,
    User,
    Users,
    accounts_router,
    auth_commands,
)
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import InvalidCredentials
from piccolo_api_fastapi.mail import VerifyEmail
from piccolo_api_fastapi.piccolo_app import FastAPIUsersTables, migrate_from_fastapi_users
from piccolo_api_fastapi.piccolo_app.from_fastapi_users import old_tables
from piccolo_api_fastapi.piccolo_app.from_fastapi_users.old_tables import ERASED
from piccolo_api_fastapi.piccolo_app.from_fastapi_users.report import MovedUsers, Refused
from piccolo_api_fastapi.testing import FrozenClock, Outbox, cheap_pbkdf2_hasher, race
from piccolo_api_fastapi.users.passwords.foreign import PREFIX
from tests.conftest import PASSWORD, new_client, reaches_no_sql
from tests.piccolo_app.from_fastapi_users.conftest import HASH, Old


async def test_move(old: Old, users: Users[User], clock: FrozenClock) -> None:
    """Users sign in as before; their flags and verified addresses are the same."""
    await old.add(41, "Ada@EXAMPLE.com", is_superuser=True, is_verified=True)
    crypt = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    await old.add(42, "grace@example.com", crypt)
    await old.add(43, "linus@example.com", is_active=False)
    assert await migrate_from_fastapi_users(users) == MovedUsers(users=3, verified=1)

    ada, grace = await users.find("ada@example.com"), await users.find("grace@example.com")
    linus = await users.find("linus@example.com")
    assert ada is not None
    assert grace is not None
    assert linus is not None
    assert (ada.username, ada.email) == ("ada@example.com", "ada@example.com")
    assert (ada.superuser, ada.admin, ada.active) == (True, False, True)
    assert (grace.superuser, linus.active) == (False, False)
    assert await users.has_verified_email(ada)
    assert not await users.has_verified_email(grace)
    assert await EmailStatus.select(EmailStatus.verified_at) == [{"verified_at": clock.now}]
    expected = [("41", str(ada.id)), ("42", str(grace.id)), ("43", str(linus.id))]
    assert await old.ledger() == expected

    for name in ("ada@example.com", "GRACE@example.com"):
        for _ in range(2):
            assert (await users.verify(name, PASSWORD)).user.active
        with pytest.raises(InvalidCredentials):
            await users.verify(name, "wrong")
    foreign = await Password.select(Password.user).where(Password.hash.like(f"{PREFIX}%"))
    assert foreign == [{"user": linus.id}]


async def test_requires_verification(old: Old, users: Users[User]) -> None:
    """Users sign in once they have verified their address, if asked for; disabled ones never."""
    await old.add(1, "ada@example.com")
    await old.add(2, "grace@example.com", is_verified=True)
    await old.add(3, "linus@example.com", is_active=False)
    moved = await migrate_from_fastapi_users(users, requires_verification=True)
    assert moved == MovedUsers(users=3, verified=1, waiting=1)
    await users.verify("grace@example.com", PASSWORD)
    with pytest.raises(InvalidCredentials):
        await users.verify("ada@example.com", PASSWORD)

    outbox = Outbox()
    accounts = Accounts(users, mail=outbox, base_url="https://example.com")
    app = FastAPI()
    app.include_router(accounts_router(accounts))
    async with new_client(app) as client:
        for name in ("linus", "ada"):
            await client.post("/verify-email/request", json={"email": f"{name}@example.com"})
        [message] = outbox.messages
        assert message.to == "ada@example.com"
        await client.post("/verify-email", json={"token": outbox.token(VerifyEmail)})
    await users.verify("ada@example.com", PASSWORD)


async def test_again(old: Old, users: Users[User]) -> None:
    """A user is moved once: who was deleted stays deleted, and a changed password stays changed."""
    await old.add(1, "ada@example.com")
    await old.add(2, "grace@example.com")
    await migrate_from_fastapi_users(users)
    ada = await users.find("ada@example.com")
    assert ada is not None
    await users.set_password(ada, "another horse battery")
    await User.delete().where(User.email == "grace@example.com")
    await old.add(3, "linus@example.com")
    assert await migrate_from_fastapi_users(users) == MovedUsers(users=1, moved_before=2)
    assert await users.find("grace@example.com") is None
    await users.verify("ada@example.com", "another horse battery")


async def test_events(old: Old, users: Users[User], events: list[AuthEvent]) -> None:
    """Every user who is created is an event; a dry run has none."""
    await old.add(1, "ada@example.com")
    await migrate_from_fastapi_users(users, dry_run=True)
    assert events == []
    await migrate_from_fastapi_users(users)
    assert [event.name for event in events] == ["user_created"]


async def test_refused(old: Old, users: Users[User]) -> None:
    """Duplicates by folding, users who are here already and impossible addresses are named."""
    await users.create("grace", email="grace@example.com")
    await old.add(1, "ada@example.com", is_verified=True)
    await old.add(2, "\uff21da@example.com")
    await old.add(3, "Grace@example.com", is_verified=True)
    await old.add(4, "no address")
    await old.add(5, f"{'x' * 60}@{'y' * 60}.com")
    await old.add(6, "linus@example.com")
    moved = await migrate_from_fastapi_users(users)
    twice = "Other rows have the same username or address when folded."
    assert moved == MovedUsers(
        users=1,
        refused=[
            Refused("1", "ada@example.com", twice),
            Refused("2", "\uff21da@example.com", twice),
            Refused("3", "Grace@example.com", "This username or e-mail address is taken."),
            Refused("4", "no address", "This is not an e-mail address."),
            Refused("5", f"{'x' * 60}@{'y' * 60}.com", "Use at most 100 characters."),
        ],
    )
    assert await User.count() == 2
    assert await EmailStatus.count() == 0
    await User.raw('DELETE FROM "user" WHERE id = 2')
    assert (await migrate_from_fastapi_users(users)).users == 1


async def test_usernames(old: Old, users: Users[User]) -> None:
    """They may be in a column, may be missing there, and are folded as well."""
    await old.add(1, "ada@example.com", nickname="Ada")
    await old.add(2, "grace@example.com", nickname=None)
    await old.add(3, "linus@example.com", nickname="dup")
    await old.add(4, "dennis@example.com", nickname="DUP")
    await old.add(5, "ken@example.com", nickname="brian@example.com")
    moved = await migrate_from_fastapi_users(users, source=FastAPIUsersTables(username="nickname"))
    assert (moved.users, [refused.id for refused in moved.refused]) == (2, ["3", "4", "5"])
    rows = await User.select(User.username, User.email).order_by(User.username)
    assert rows == [
        {"username": "ada", "email": "ada@example.com"},
        {"username": "grace@example.com", "email": "grace@example.com"},
    ]


async def test_domains_in_punycode(old: Old, users: Users[User]) -> None:
    """An address that is the username has the same form in both columns."""
    await old.add(1, "ada@xn--exmple-cua.com")
    assert (await migrate_from_fastapi_users(users)).users == 1
    assert await User.select(User.username, User.email) == [
        {"username": "ada@exämple.com", "email": "ada@exämple.com"}
    ]


async def test_further_columns(old: Old, users: Users[User]) -> None:
    """Those that are named are copied; superusers become administrators if asked for."""
    await old.add(1, "ada@example.com", first_name="Ada", is_superuser=True)
    await old.add(2, "grace@example.com", first_name=None)
    source = FastAPIUsersTables(columns=("first_name",))
    await migrate_from_fastapi_users(users, source=source, superusers_are_admins=True)
    rows = await User.select(User.first_name, User.admin, User.superuser).order_by(User.id)
    assert rows == [
        {"first_name": "Ada", "admin": True, "superuser": True},
        {"first_name": None, "admin": False, "superuser": False},
    ]


@pytest.mark.parametrize("encoded", ["", "!", "$2b$31$" + "." * 53, "$scrypt$ln=16,r=8,p=1$c2E$YQ"])
async def test_other_hashes(old: Old, users: Users[User], encoded: str) -> None:
    """What can't be checked stops everything, unless one says so."""
    await old.add(1, "ada@example.com", encoded)
    await old.add(2, "grace@example.com")
    with pytest.raises(ConfigurationError, match=r"^1 password hashes are neither .*Nothing was"):
        await migrate_from_fastapi_users(users, dry_run=True)
    with pytest.raises(ConfigurationError, match="Pass without_passwords"):
        await migrate_from_fastapi_users(users)
    assert await User.count() == 0
    assert await old.ledger() is None
    moved = await migrate_from_fastapi_users(users, without_passwords=True)
    assert moved == MovedUsers(users=2, without_password=1)
    with pytest.raises(InvalidCredentials):
        await users.verify("ada@example.com", PASSWORD)


async def test_without_the_extra(
    old: Old, users: Users[User], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argon2id needs none; at the first bcrypt hash the migration stops."""
    monkeypatch.setitem(sys.modules, "bcrypt", None)
    await old.add(1, "ada@example.com")
    assert (await migrate_from_fastapi_users(users, dry_run=True)).users == 1
    await old.add(2, "grace@example.com", "$2b$04$" + "." * 53)
    for dry_run in (True, False):
        with pytest.raises(ConfigurationError, match="bcrypt hashes need an extra"):
            await migrate_from_fastapi_users(users, dry_run=dry_run)
    assert await User.count() == 0


async def test_erase(old: Old, users: Users[User]) -> None:
    """Hashes of moved users are erased there, once; those of others stay. A dry run erases none."""
    await old.add(1, "ada@example.com")
    await old.add(2, "no address")
    assert (await migrate_from_fastapi_users(users, dry_run=True, erase=True)).erased == 1
    assert await old.hashes() == [HASH, HASH]
    assert (await migrate_from_fastapi_users(users)).erased == 0
    assert (await migrate_from_fastapi_users(users, erase=True)).erased == 1
    assert await old.hashes() == [ERASED, HASH]
    assert (await migrate_from_fastapi_users(users, erase=True)).erased == 0
    await users.verify("ada@example.com", PASSWORD)


async def test_batches(old: Old, users: Users[User], monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of any size are read in pieces."""
    monkeypatch.setattr(old_tables, "_BATCH", 2)
    for number in range(5):
        await old.add(number, f"user{number}@example.com")
    assert (await migrate_from_fastapi_users(users)).users == 5
    assert (await migrate_from_fastapi_users(users)).moved_before == 5


async def test_runs_at_once(old: Old, users: Users[User]) -> None:
    """Of many runs one moves a user, and none fails."""
    await old.add(1, "ada@example.com")
    results: list[Any] = await race(lambda: migrate_from_fastapi_users(users), 4)
    assert sorted(moved.users for moved in results) == [0, 0, 0, 1]
    assert await User.count() == 1


async def test_dry_run_in_a_transaction(old: Old, users: Users[User]) -> None:
    """It could not undo what it did, and so it does nothing."""
    await old.add(1, "ada@example.com")
    async with transaction(User):
        with pytest.raises(ConfigurationError, match="transaction of its own"):
            await migrate_from_fastapi_users(users, dry_run=True)
        assert (await migrate_from_fastapi_users(users)).users == 1
    assert await User.count() == 1


@reaches_no_sql
async def test_interop(database: Any) -> None:
    """The column of Piccolo can't hold these hashes."""
    users = Users(interop=True, hasher=cheap_pbkdf2_hasher())
    with pytest.raises(ConfigurationError, match="interop=True"):
        await migrate_from_fastapi_users(users)


async def test_command(
    old: Old, users: Users[User], capsys: pytest.CaptureFixture[str], database: Any
) -> None:
    """The command reports what it did, and names who was refused."""
    await old.add(1, "ada@example.com", is_verified=True, nickname="ada", first_name="Ada")
    await old.add(2, "no address")
    command = {one.__name__: one for one in auth_commands(users)}["migrate_fastapi_users"]
    await command(dry_run=True, username="nickname", columns="first_name, ")
    assert capsys.readouterr().out == (
        "Dry run: nothing was changed. A run without --dry_run reports:\n"
        "Moved: 1 users, 1 of them with a verified address, 0 that wait for it, "
        "0 without a password; 0 OAuth accounts.\n"
        "Skipped: 0 moved before, 1 users refused.\n"
        "Left: 0 OAuth accounts.\n"
        "Erased: 0 password hashes, 0 OAuth accounts.\n"
        "Refused: 2 (no address): This is not an e-mail address.\n"
    )
    assert await User.count() == 0
    await command(username="nickname", columns="first_name", erase=True)
    assert "Erased: 1 password hashes, " in capsys.readouterr().out
    with pytest.raises(SystemExit, match="There is no table"):
        await command(table="accounts")
