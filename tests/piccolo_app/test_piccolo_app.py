"""The Piccolo app and its tables."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import (
    APIToken,
    AuthTables,
    EventRecord,
    RefreshFamily,
    Session,
    Tickets,
    TokenAuth,
    User,
    Users,
    auth_tables,
    delete_expired,
)
from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.core.database.auth_tables import attribute_of
from piccolo_api_fastapi.core.database.user_tables import user_table_of
from piccolo_api_fastapi.piccolo_app import APP_CONFIG
from piccolo_api_fastapi.piccolo_app.commands import (
    generate_encryption_key,
)
from piccolo_api_fastapi.testing import FrozenClock
from tests.commands import command
from tests.conftest import PASSWORD, get_tokens, log_in
from tests.migrations import changes_found
from tests.models import Customer, Member


def test_tables() -> None:
    """The stock ones for `User`, others for other tables, the same ones each time."""
    assert auth_tables() is auth_tables(User) or list(auth_tables()) == list(auth_tables(User))
    assert auth_tables(Customer) is auth_tables(Customer)
    assert list(APP_CONFIG.table_classes) == list(auth_tables())
    assert {attribute_of(table) for table in auth_tables()} == set(AuthTables.__annotations__)
    with pytest.raises(AttributeError, match="No table is called 'driver'"):
        auth_tables().driver  # noqa: B018
    names = {
        table._meta.tablename for owner in (User, Customer, Member) for table in auth_tables(owner)
    }
    assert len(names) == 3 * len(list(auth_tables()))
    for table in auth_tables(Member):
        own = auth_tables(Member)
        if table in (own.event, own.rate_limit_state, own.role):
            continue  # outlive the user
        assert user_table_of(table) is Member
        assert table._meta.get_column_by_name("user")._meta.params["on_delete"].value == "CASCADE"


async def test_migrations_are_complete() -> None:
    """Piccolo finds nothing to change, so `migrations new all --auto` writes nothing for us."""
    assert await changes_found(APP_CONFIG) == []


async def test_clean(
    client: httpx.AsyncClient,
    users: Users[User],
    ada: User,
    clock: FrozenClock,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """The command deletes what has expired by the real clock (D-S9)."""
    await log_in(client)
    await get_tokens(client)
    token = TokenAuth(users, expires_in=timedelta(days=30))
    await token.create(ada, "old")
    clock.advance(timedelta(days=365 * 50))
    await token.create(ada, "new")
    await log_in(client)
    client.cookies.clear()
    await command("clean")()
    expected = (
        "Deleted 1 API tokens, 0 changes of address, 1 counts of wrong passwords, "
        "0 grants of roles, 0 known browsers, 0 messages, 0 rate limits, 1 refresh families, "
        "0 sessions, 0 tickets, 0 unverified registrations.\n"
    )
    assert capsys.readouterr().out == expected
    assert await Session.count() == 1
    assert await RefreshFamily.count() == 0
    assert await APIToken.select(APIToken.name) == [{"name": "new"}]


async def test_tables_of_other_users(database: Any, clock: FrozenClock) -> None:
    """One call deletes what has expired of a user table of one's own."""
    customers = Users(Customer, clock=clock)
    ada = await customers.create("ada", PASSWORD)
    tickets = Tickets(customers, "test", lifetime=timedelta(minutes=1), attempts=1)
    await tickets.issue(ada)
    tables = auth_tables(Customer)
    assert set((await delete_expired(tables, now=clock())).values()) == {0}
    clock.advance(timedelta(days=2))
    assert (await delete_expired(tables, now=clock()))["tickets"] == 1
    assert await tables.ticket.count() == 0


async def test_secret_columns(client: httpx.AsyncClient, users: Users[User], ada: User) -> None:
    """Digests are secret columns: `exclude_secrets` and Piccolo Admin leave them out."""
    await log_in(client)
    await get_tokens(client)
    await TokenAuth(users).create(ada, "report")
    rows: list[dict[str, Any]] = []
    for table in (Session, RefreshFamily, APIToken):
        rows += await table.select(exclude_secrets=True)
    for row in rows:
        assert not [value for value in row.values() if isinstance(value, str) and len(value) == 64]


async def test_encryption_commands(
    database: Any, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One prints a key that the other takes from the environment."""
    await generate_encryption_key()
    key = capsys.readouterr().out.strip()
    monkeypatch.setenv("AUTH_ENCRYPTION_KEYS", key)
    await command("reencrypt")()
    assert capsys.readouterr().out == "Encrypted 0 secrets anew.\n"


@pytest.mark.security(117)
async def test_event_commands(database: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """Retention is a command, and so is the protection of what is retained."""
    for age in (0, 50, 400):
        row: Any = {"at": utcnow() - timedelta(days=age), "name": "x", "outcome": "", "data": "{}"}
        await EventRecord.insert(EventRecord(**row))
    await command("delete_events")()
    await command("delete_events")(days=10)
    assert capsys.readouterr().out == "Deleted 1 events.\n" * 2
    await command("protect_event_log")()
    assert capsys.readouterr().out == "Events are append-only now.\n"
    with pytest.raises(Exception, match="append-only"):
        await EventRecord.raw("UPDATE auth_event SET name = 'y'")
    await unprotect(database)


async def unprotect(database: Any) -> None:
    """Let the other tests empty the table."""
    for trigger in ("no_update", "no_delete", "no_truncate"):
        on = "" if isinstance(database, SQLiteEngine) else "ON auth_event"
        await EventRecord.raw(f"DROP TRIGGER IF EXISTS auth_event_{trigger} {on}")
