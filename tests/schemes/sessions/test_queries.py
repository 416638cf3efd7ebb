"""Statements on sessions change live rows only, and only the row they are for."""

import asyncio
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi import Session, SessionAuth, User, Users, session_router
from piccolo_api_fastapi.errors import SessionEnded
from piccolo_api_fastapi.schemes.sessions import queries
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import PASSWORD, log_in, new_client

NAME = "__Host-session"


def connection_of(client: httpx.AsyncClient) -> HTTPConnection:
    """A request with the cookie of a browser."""
    cookie = f"{NAME}={client.cookies[NAME]}".encode()
    return HTTPConnection({"type": "http", "method": "GET", "headers": [(b"cookie", cookie)]})


async def test_the_list_has_no_expired_sessions(
    client: httpx.AsyncClient, app: FastAPI, ada: User, clock: FrozenClock
) -> None:
    """A session that has expired and is not yet deleted is not listed."""
    async with new_client(app) as idle:
        await log_in(idle)
        clock.advance(timedelta(days=1))
        await log_in(client)
        clock.advance(timedelta(days=13) - timedelta(seconds=1))
        assert len((await client.get("/auth/sessions")).json()) == 2
        clock.advance(timedelta(seconds=1))
        [listed] = (await client.get("/auth/sessions")).json()
    assert listed["current"] is True
    assert await Session.count() == 2


@pytest.mark.security(22)
async def test_an_expired_session_gets_no_new_cookie(
    client: httpx.AsyncClient, session: SessionAuth[User], ada: User, clock: FrozenClock
) -> None:
    """A session that expires during a request is not continued by a new token."""
    await log_in(client)
    connection = connection_of(client)
    identity = await session.find(connection)
    assert identity is not None
    clock.advance(timedelta(days=14))
    before = await Session.select()
    with pytest.raises(SessionEnded):
        await session.replace_secret(identity, connection, Response())
    with pytest.raises(SessionEnded):
        await session.record_factor(identity, "password", connection, Response())
    assert before == await Session.select()
    clock.now -= timedelta(seconds=1)
    response = Response()
    await session.replace_secret(identity, connection, response)
    assert response.headers["set-cookie"].startswith(f"{NAME}=ses_")


async def test_activity_is_written_to_one_session_once_a_minute(
    client: httpx.AsyncClient,
    app: FastAPI,
    session: SessionAuth[User],
    ada: User,
    clock: FrozenClock,
) -> None:
    """Activity changes its own row; requests that found the same row write it once."""
    async with new_client(app) as other:
        await log_in(other)
        [untouched] = await Session.objects()
        await log_in(client)
    digest = queries.SESSION_TOKEN.digest(client.cookies[NAME])
    assert digest is not None
    start = clock.now
    found = await queries.find(session._find, digest, start)
    assert found is not None
    minute = timedelta(minutes=1)
    await race(lambda: queries.touch(Session, found, start + minute, session.lifetimes))
    later = start + minute + timedelta(seconds=59)
    await queries.touch(Session, found, later, session.lifetimes)
    seen = {row.id: row.last_seen_at for row in await Session.objects()}
    assert seen == {untouched.id: start, found.id: start + minute}
    await queries.touch(Session, found, start + 2 * minute, session.lifetimes)
    row = await Session.objects().get(Session.id == found.id)
    assert row is not None
    assert row.last_seen_at == start + 2 * minute


async def test_the_cap_ends_the_session_that_began_first(
    users: Users[User], ada: User, clock: FrozenClock
) -> None:
    """Beyond the cap the oldest login gives way, however recently it was used."""
    app = FastAPI()
    session = SessionAuth(users, cap=2)
    app.include_router(session_router(session), prefix="/auth")
    async with new_client(app) as first, new_client(app) as second, new_client(app) as third:
        await log_in(first)
        clock.advance(timedelta(hours=1))
        await log_in(second)
        clock.advance(timedelta(hours=1))
        assert (await first.get("/auth/sessions")).status_code == 200
        clock.advance(timedelta(hours=1))
        await log_in(third)
        answers = [await browser.get("/auth/sessions") for browser in (first, second, third)]
    assert [answer.status_code for answer in answers] == [401, 200, 200]


@pytest.mark.parametrize(("options", "expected"), [({}, 100), ({"cap": None}, 102)])
async def test_the_default_cap(
    users: Users[User],
    ada: User,
    clock: FrozenClock,
    options: dict[str, Any],
    expected: int,
) -> None:
    """A user has a hundred sessions at most, unless `None` lifts the cap."""
    session = SessionAuth(users, **options)
    connection = HTTPConnection({"type": "http", "headers": [], "client": ("127.0.0.1", 1)})
    for _ in range(102):
        clock.advance(timedelta(seconds=1))
        await session.sign_in(connection, Response(), ada)
    assert expected == await Session.count()


async def test_a_clock_that_is_behind(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """A login is not ended by its own cap, though the server's clock is behind."""
    session = SessionAuth(users, cap=2)
    connection = HTTPConnection({"type": "http", "headers": [], "client": ("127.0.0.1", 1)})
    for _ in range(2):
        await session.sign_in(connection, Response(), ada)
    clock.advance(timedelta(minutes=-1))
    await session.sign_in(connection, Response(), ada)
    assert await Session.exists().where(Session.created_at == clock.now)
    assert await Session.count() == 2


@pytest.mark.slow
@pytest.mark.security(23)
async def test_no_request_after_the_end(
    app: FastAPI, session: SessionAuth[User], users: Users[User], unlimited: None
) -> None:
    """Of 24 sessions that end by logout or with their user, none is accepted after the commit."""
    ended: set[str] = set()
    accepted_late: list[str] = []

    async def use(name: str, client: httpx.AsyncClient) -> None:
        for _ in range(6):
            was_ended = name in ended
            answer = await client.get("/session")
            if answer.status_code == 200 and was_ended:
                accepted_late.append(name)

    async def end(number: int, name: str, client: httpx.AsyncClient) -> None:
        if number % 2:
            cookie = dict(client.cookies)
            await client.post("/auth/logout")
            client.cookies.update(cookie)
        else:
            await User.update({User.active: False}).where(User.username == name)
        ended.add(name)

    async with AsyncExitStack() as stack:
        jobs = []
        for number in range(24):
            name = f"user{number}"
            await users.create(name, PASSWORD)
            client = await stack.enter_async_context(new_client(app))
            await log_in(client, name)
            jobs += [use(name, client), end(number, name, client)]
        await asyncio.gather(*jobs)
    assert len(ended) == 24
    assert accepted_late == []
