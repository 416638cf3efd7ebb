"""What is stored about a user: seen, changed and deleted."""

import sqlite3
from datetime import timedelta
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import (
    AuthEvent,
    EmailStatus,
    EventRecord,
    MailLifetimes,
    Password,
    RefreshFamily,
    Session,
    SessionAuth,
    Ticket,
    User,
    Users,
    record_events,
    subscribe,
)
from piccolo_api_fastapi.errors import Forbidden
from piccolo_api_fastapi.mail import (
    AccountClosed,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox, acting_as, race
from tests.accounts.conftest import (
    NEW,
    MakeApp,
    change_email,
    change_password,
    enter,
    names,
    orders,
    register,
)
from tests.conftest import PASSWORD, get_tokens, log_in, new_client, reaches_no_sql


@pytest.fixture
async def ada(client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock) -> User:
    """A user with a verified address, who is signed in."""
    return await enter(client, outbox, clock)


@pytest.mark.parametrize(
    ("interval", "wait"), [(timedelta(hours=2), "7200"), (timedelta(seconds=0.5), "1")]
)
async def test_changes_within_the_interval(
    make_app: MakeApp, outbox: Outbox, clock: FrozenClock, interval: timedelta, wait: str
) -> None:
    """A second request for another address is told to wait for the interval of the application."""
    async with new_client(make_app(lifetimes=MailLifetimes(interval=interval))) as client:
        await enter(client, outbox, clock)
        assert (await change_email(client)).status_code == 202
        answer = await change_email(client)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, wait)


@reaches_no_sql
async def test_strangers(client: httpx.AsyncClient, database: Any) -> None:
    """Nobody who is not signed in gets anywhere (D-U7)."""
    for method, path in (
        ("POST", "change-password"),
        ("POST", "change-email"),
        ("GET", "me"),
        ("PATCH", "me"),
        ("DELETE", "me"),
    ):
        body: Any = None if method == "GET" else {}
        answer = await client.request(method, f"/auth/{path}", json=body)
        assert answer.status_code == 401, path
        assert answer.headers["www-authenticate"]


async def test_me(client: httpx.AsyncClient, ada: User, events: list[AuthEvent]) -> None:
    """The columns of the allow-list can be seen and changed, each by itself."""
    answer = await client.patch("/auth/me", json={"first_name": "Ada"})
    assert answer.status_code == 200
    assert (answer.json()["first_name"], answer.json()["last_name"]) == ("Ada", "")
    answer = await client.patch("/auth/me", json={"last_name": None})
    assert (answer.json()["first_name"], answer.json()["last_name"]) == ("Ada", None)
    assert (await client.patch("/auth/me", json={})).json()["first_name"] == "Ada"
    answer = await client.patch("/auth/me", json={"first_name": "x" * 300})
    assert answer.status_code == 422
    assert "user_updated" in names(events)


@reaches_no_sql
async def test_no_columns(make_app: MakeApp, users: Users[User]) -> None:
    """Without an allow-list there is nothing to change."""
    async with new_client(make_app()) as client:
        assert (await client.patch("/auth/me", json={})).status_code == 405


async def close(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    """Close the account."""
    return await client.request("DELETE", "/auth/me", json={"current_password": PASSWORD, **body})


async def test_close(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """What belongs to the account goes with it, events stay; the owner is told."""
    await get_tokens(client)
    end = record_events()
    assert (await close(client, current_password="wrong")).status_code == 401
    assert (await close(client, current_password=None)).status_code == 401
    assert (await close(client)).status_code == 204
    end()
    for table in (User, Password, Session, RefreshFamily, Ticket, EmailStatus):
        assert await table.count() == 0, table
    assert outbox.last(AccountClosed).to == "ada@example.com"
    rows = await EventRecord.select(EventRecord.name, EventRecord.user)
    assert {"name": "user_deleted", "user": str(ada.id)} in rows
    assert (await client.get("/auth/me")).status_code == 401
    assert (await log_in(client)).status_code == 401
    assert (await register(client)).status_code == 202


async def test_what_an_application_has_to_say(client: httpx.AsyncClient, ada: User) -> None:
    """A listener before the commit finds the user still there, and can refuse."""

    async def refuse(event: AuthEvent) -> None:
        if event.name == "user_deleted" and await User.exists().where(User.id == event.user):
            raise Forbidden

    end = subscribe(refuse, when="before_commit")
    assert (await close(client)).status_code == 403
    end()
    assert (await client.get("/auth/me")).status_code == 200


@pytest.mark.parametrize("kind", ["restrict", "no action", "deferred"])
async def test_what_refers_to_the_user(
    client: httpx.AsyncClient, ada: User, events: list[AuthEvent], kind: str
) -> None:
    """Rows of an application that keep the user are a 409, and nothing is deleted."""
    async with orders(kind) as order:
        await order.insert(order(user=ada.id))
        events.clear()
        answer = await close(client)
        assert (answer.status_code, answer.json()["code"]) == (409, "account_in_use")
        assert "user_deleted" not in names(events)
        assert await Session.count() == await Password.count() == 1
        assert (await client.get("/auth/me")).status_code == 200

        async def clear_up(event: AuthEvent) -> None:
            if event.name == "user_deleted":
                await order.delete().where(order.user == event.user)

        end = subscribe(clear_up, when="before_commit")
        assert (await close(client)).status_code == 204
        end()
        assert await User.count() == await order.count() == 0


async def test_a_listener_that_fails(client: httpx.AsyncClient, ada: User) -> None:
    """The error of a listener is its own, also if it is one of the database."""

    async def fail(event: AuthEvent) -> None:
        if event.name == "user_deleted":
            raise sqlite3.IntegrityError("FOREIGN KEY constraint failed")

    end = subscribe(fail, when="before_commit")
    assert (await close(client)).json()["code"] != "account_in_use"
    end()
    assert (await client.get("/auth/me")).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "change-password", {"new_password": NEW}),
        ("POST", "change-email", {"email": "lovelace@example.com"}),
        ("PATCH", "me", {"first_name": "Ada"}),
        ("DELETE", "me", {}),
    ],
)
async def test_an_account_that_is_gone(
    client: httpx.AsyncClient,
    session: SessionAuth[User],
    outbox: Outbox,
    events: list[AuthEvent],
    method: str,
    path: str,
    body: dict[str, Any],
) -> None:
    """It was closed after the caller was found: 401, nothing is done and nothing told."""
    with acting_as(session, User(id=10**6, username="ada", email="ada@example.com")):
        answer = await client.request(method, f"/auth/{path}", json=body)
    assert answer.status_code == 401, answer.text
    assert answer.headers["www-authenticate"]
    assert names(events) == []
    assert len(outbox.messages) == 0


@pytest.mark.usefixtures("unlimited")
async def test_closed_once(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """24 who close an account at once: one does, one event, one mail; the others get a 401."""
    events.clear()
    answers: list[Any] = await race(lambda: close(client))
    assert sorted(answer.status_code for answer in answers) == [204] + [401] * 23
    assert names(events).count("user_deleted") == 1
    assert [type(message) for message in outbox.messages].count(AccountClosed) == 1


async def test_without_mail(make_app: MakeApp, session: SessionAuth[User]) -> None:
    """Changes that need no mail work without."""
    app = make_app(mail=None, base_url=None, schemes=[session])
    async with new_client(app) as client:
        await register(client)
        await log_in(client)
        assert (await client.get("/auth/me")).json()["email_verified"] is False
        assert (await change_password(client)).status_code == 204
        assert (await change_email(client)).status_code == 404
        assert (await close(client, current_password=NEW)).status_code == 204
