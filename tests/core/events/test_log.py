"""Events in a table."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import (
    AuthEvent,
    ConfigurationError,
    EventRecord,
    Session,
    User,
    Users,
    delete_old_events,
    protect_events,
    record_events,
)
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.core.events.events import emit
from piccolo_api_fastapi.errors import StoreUnavailable
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, bearer, get_tokens, log_in


@pytest.fixture
def recording(database: Any) -> Iterator[None]:
    """Events are recorded during the test."""
    end = record_events()
    yield
    end()


async def names() -> list[str]:
    """The names of all recorded events, the oldest first."""
    rows = await EventRecord.select(EventRecord.name, EventRecord.at)
    return sorted(row["name"] for row in rows)


@pytest.mark.security(116)
async def test_who_what_when_where(
    recording: None, client: httpx.AsyncClient, ada: User, clock: FrozenClock
) -> None:
    """Each operation, good or bad, is one row that says who, what, when, where, and how it went."""
    await log_in(client, password="wrong")
    await log_in(client)
    await client.post("/auth/logout")
    tokens = await get_tokens(client)
    await client.post("/auth/token/revoke", data={"token": tokens["access_token"]})
    assert await names() == [
        "authn_login_fail",
        "authn_login_success",
        "authn_login_success",
        "authn_token_created",
        "authn_token_revoked",
        "session_ended",
        "user_created",
    ]
    query = EventRecord.select().where(EventRecord.name.like("authn_login_%"))
    failed, succeeded, _ = await query.order_by(EventRecord.outcome)
    assert failed["outcome"] == "failure"
    assert failed["user"] == str(ada.id)
    assert succeeded["outcome"] == "success"
    assert succeeded["user"] == str(ada.id)
    assert succeeded["at"] == clock.now
    assert succeeded["ip"] == "127.0.0.1"
    assert succeeded["user_agent"].startswith("python-httpx/")
    assert json.loads(succeeded["data"]) == {"factor": "password"}


async def test_recorded_twice(users: Users[User]) -> None:
    """However often the recording is begun, each event is one row, and one end ends it, once."""
    ends = [record_events(), record_events()]
    await users.create("ada", PASSWORD)
    assert await names() == ["user_created"]
    ends[0]()
    ends[1]()
    await users.create("grace", PASSWORD)
    assert await names() == ["user_created"]
    again = record_events()
    ends[0]()  # it was the end of another recording
    await users.create("joan", PASSWORD)
    again()
    assert await names() == ["user_created", "user_created"]


@pytest.mark.security(115)
async def test_no_secrets(recording: None, client: httpx.AsyncClient, ada: User) -> None:
    """No password, token or cookie is in the table."""
    await log_in(client)
    await log_in(client, password="c4n4ry wrong password")
    tokens = await get_tokens(client)
    await client.get("/me", headers=bearer(tokens["access_token"]))
    secrets = [PASSWORD, "c4n4ry", client.cookies["__Host-session"], *map(str, tokens.values())]
    stored = str(await EventRecord.select())
    assert [secret for secret in secrets if len(secret) > 6 and secret in stored] == []


@pytest.mark.security(116)
async def test_one_transaction(recording: None, users: Users[User]) -> None:
    """The record is committed with the change, and undone with it."""

    async def fail() -> None:
        async with transaction(User):
            await users.create("bob", PASSWORD)
            assert await names() == ["user_created"]
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await names() == []
    assert await User.count() == 0


async def test_what_cannot_be_recorded_does_not_happen(
    recording: None, client: httpx.AsyncClient, ada: User, database: Any
) -> None:
    """Without its table a logout is not done: the session lives."""
    await log_in(client)
    await EventRecord.raw("ALTER TABLE auth_event RENAME TO elsewhere")
    answer = await client.post("/auth/logout")
    await EventRecord.raw("ALTER TABLE elsewhere RENAME TO auth_event")
    assert answer.status_code == 500
    assert await Session.count() == 1


@pytest.mark.security(117)
async def test_append_only(database: Any) -> None:
    """Once protected, no event can be changed, and none deleted before its time."""
    now = datetime.now(timezone.utc)
    for age in (0, 29, 31, 400):
        row: Any = {"at": now - timedelta(days=age), "name": "x", "outcome": "", "data": "{}"}
        await EventRecord.insert(EventRecord(**row))
    await protect_events()
    await protect_events(keep=timedelta(days=30))
    try:
        for statement in (
            "UPDATE auth_event SET name = 'y'",
            "DELETE FROM auth_event",
            *(["TRUNCATE auth_event"] if not isinstance(database, SQLiteEngine) else []),
        ):
            with pytest.raises(Exception, match="append-only"):
                await EventRecord.raw(statement)
        assert await delete_old_events(before=now - timedelta(days=365), batch=1) == 1
        assert await delete_old_events(before=now - timedelta(days=30)) == 1
        assert await EventRecord.count() == 2
    finally:
        for trigger in ("no_update", "no_delete", "no_truncate"):
            on = "" if isinstance(database, SQLiteEngine) else "ON auth_event"
            await EventRecord.raw(f"DROP TRIGGER IF EXISTS auth_event_{trigger} {on}")


async def test_keep(database: Any) -> None:
    """Protection for no time is none."""
    with pytest.raises(ConfigurationError):
        await protect_events(keep=timedelta(hours=23))


@pytest.mark.security(105)
async def test_odd_details(recording: None, clock: FrozenClock) -> None:
    """Details of any kind are stored as JSON."""
    await emit(AuthEvent("x", clock(), data={"text": "a\x00\r\n\x1b", "at": clock.now}))
    [row] = await EventRecord.select()
    assert row["data"] == '{"at": "2026-01-01 00:00:00+00:00", "text": "a\\u0000\\r\\n\\u001b"}'


async def test_outage(recording: None, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """A database that is down is a 503."""

    def down(*_: Any) -> None:
        raise OSError

    monkeypatch.setattr(EventRecord, "insert", down)
    with pytest.raises(StoreUnavailable):
        await emit(AuthEvent("x", clock()))
