"""Look-ups that wait together: one statement, the same answers, and nobody suffers for another."""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import pytest

from piccolo_api_fastapi import Session, User, Users
from piccolo_api_fastapi.core.database import lookups
from piccolo_api_fastapi.core.database.lookups import Lookup
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import StoreUnavailable
from piccolo_api_fastapi.testing import race

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)
KEYS = [f"digest-{number:02}" for number in range(24)]

on_postgres = pytest.mark.parametrize("database", ["postgres"], indirect=True)
"""Only there look-ups share statements."""


def lookup_of(*, is_batched: bool = True) -> Lookup:
    """Looks sessions up."""

    def build(is_wanted: Any, now: datetime) -> Any:
        return Session.select(Session.id, Session.user.username.as_alias("name")).where(
            is_wanted, Session.expires_at > now
        )

    return Lookup(Session, Session.digest, build, "digest", is_batched=is_batched)


@pytest.fixture
async def keys(database: Any, users: Users[User]) -> list[str]:
    """The keys of the sessions of as many users."""
    for key in KEYS:
        user = await users.create(key)
        later = NOW + timedelta(hours=1)
        row = Session(
            id=uuid4(),
            digest=key,
            user=user.id,
            created_at=NOW,
            last_seen_at=NOW,
            expires_at=later,
            absolute_expires_at=later,
        )
        await Session.insert(row)
    return KEYS


async def find_all(lookup: Lookup, keys: list[str]) -> list[str | None]:
    """The names of the users of these keys, looked up at once."""
    rows = await asyncio.gather(*(lookup.find(key, NOW) for key in keys))
    return [None if row is None else row["name"] for row in rows]


async def test_each_gets_its_own(keys: list[str]) -> None:
    """Rows go to those who asked for them, known and unknown keys, and each has a row to change."""
    lookup = lookup_of()
    wanted = [*keys, "nobody", *keys]
    assert await find_all(lookup, wanted) == [*keys, None, *keys]
    rows = await asyncio.gather(*(lookup.find(keys[0], NOW) for _ in range(9)))
    assert len({id(row) for row in rows}) == 9
    assert await lookup.find(keys[0], NOW + timedelta(hours=1)) is None


@on_postgres
async def test_statements(keys: list[str], statements: list[str]) -> None:
    """24 look-ups at once take two statements, one that is alone takes one of the plain kind."""
    lookup = lookup_of()
    await lookup.find(keys[0], NOW)
    assert len(statements) == 1
    assert "ANY" not in statements.pop()
    assert await find_all(lookup, keys) == keys
    assert ["ANY($1)" in statement for statement in statements] == [False, True]
    statements.clear()
    assert await find_all(lookup_of(is_batched=False), keys) == keys
    assert len(statements) == 24


@on_postgres
async def test_bound(keys: list[str], statements: list[str], monkeypatch: Any) -> None:
    """A statement looks for so many rows at most, and an engine runs so many statements."""
    monkeypatch.setattr(lookups, "ROWS", 4)
    assert await find_all(lookup_of(), keys) == keys
    assert len(statements) == 1 + 6


async def test_transactions(keys: list[str]) -> None:
    """A look-up in a transaction sees what the transaction did."""
    lookup = lookup_of()

    async with transaction(Session):
        await Session.delete().where(Session.digest == keys[0])
        assert [await lookup.find(key, NOW) for key in (keys[0], keys[0])] == [None, None]
        assert await lookup.find(keys[1], NOW) is not None
    assert await find_all(lookup, keys) == [None, *keys[1:]]


Fault = Callable[[str], None]


@contextmanager
def failing(engine: Any, fault: Fault, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Statements fail in this way meanwhile, before they are sent."""
    run = type(engine).run_querystring

    async def run_or_fail(self: Any, querystring: Any, *args: Any, **options: Any) -> Any:
        await asyncio.sleep(0)
        fault(querystring.compile_string(self.engine_type)[0])
        return await run(self, querystring, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(type(engine), "run_querystring", run_or_fail)
        yield


def outage(_: str) -> None:
    """The database is down."""
    raise ConnectionRefusedError


def refuses_lists(sql: str) -> None:
    """A value among many is one that the driver refuses."""
    if "ANY($1)" in sql:
        raise ValueError(sql)


async def test_outage(database: Any, keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """All that wait are told, and the next are served."""
    lookup = lookup_of()
    with failing(database, outage, monkeypatch):
        results = await asyncio.gather(
            *(lookup.find(key, NOW) for key in keys), return_exceptions=True
        )
    assert {type(result) for result in results} <= {ConnectionRefusedError, StoreUnavailable}
    assert await find_all(lookup, keys) == keys


@on_postgres
async def test_cancelled_in_an_outage(
    database: Any, keys: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A request that was cancelled while it waited is told nothing; the others are."""
    lookup = lookup_of()
    with failing(database, outage, monkeypatch):
        tasks = [asyncio.ensure_future(lookup.find(key, NOW)) for key in keys[:6]]
        await asyncio.sleep(0)
        tasks[3].cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
    kinds = [type(result) for result in results]
    assert kinds == [
        ConnectionRefusedError,
        StoreUnavailable,
        StoreUnavailable,
        asyncio.CancelledError,
        StoreUnavailable,
        StoreUnavailable,
    ]


@on_postgres
async def test_the_rest_of_the_time(keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waited for the statement has what is left of the time limit of one, and no more."""
    lookup = lookup_of()
    monkeypatch.setattr(lookups, "SOON", -1.0)  # even a moment counts
    assert await find_all(lookup, keys) == keys
    monkeypatch.setattr(Lookup, "seconds", 0.0)
    results = await asyncio.gather(*(lookup.find(key, NOW) for key in keys), return_exceptions=True)
    assert [type(result) for result in results] == [dict] + [StoreUnavailable] * 23


@on_postgres
async def test_a_bad_value(database: Any, keys: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """What fails for many is asked again by each alone."""
    with failing(database, refuses_lists, monkeypatch):
        assert await find_all(lookup_of(), keys) == keys


@pytest.mark.parametrize("cancelled", [0, 1, 2, 12, 23])
async def test_cancelled(keys: list[str], cancelled: int) -> None:
    """Nobody else notices that a request was cancelled."""
    lookup = lookup_of()
    tasks = [asyncio.ensure_future(lookup.find(key, NOW)) for key in keys]
    await asyncio.sleep(0)
    tasks[cancelled].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(results.pop(cancelled), asyncio.CancelledError)
    assert all(isinstance(result, dict) for result in results)
    assert await find_all(lookup, keys) == keys


@on_postgres
async def test_all_cancelled(keys: list[str]) -> None:
    """Nothing is left behind when all requests of a statement were cancelled."""
    lookup = lookup_of()
    tasks = [asyncio.ensure_future(lookup.find(key, NOW)) for key in keys]
    await asyncio.sleep(0)
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    assert await find_all(lookup, keys) == keys


async def test_nothing_from_before(keys: list[str]) -> None:
    """No look-up that begins after a commit finds what was deleted in it (24 against 24)."""
    lookup = lookup_of()
    gone: set[str] = set()
    late: list[str] = []

    async def ends(key: str) -> None:
        await Session.delete().where(Session.digest == key)
        gone.add(key)

    async def asks(key: str) -> None:
        for _ in range(6):
            was_gone = key in gone
            if await lookup.find(key, NOW) is not None and was_gone:
                late.append(key)

    jobs: list[Awaitable[None]] = []
    for key in keys:
        jobs += [asks(key), ends(key)]
    await asyncio.gather(*jobs)
    assert late == []
    assert await find_all(lookup, keys) == [None] * 24


@on_postgres
async def test_context(keys: list[str], database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A statement of its own sees the context of its request, a shared one that of none."""
    request: contextvars.ContextVar[str] = contextvars.ContextVar("request", default="")
    seen: list[tuple[bool, str]] = []

    def note(sql: str) -> None:
        seen.append(("ANY($1)" in sql, request.get()))

    async def ask(key: str) -> None:
        request.set(key)
        await lookup.find(key, NOW)
        assert request.get() == key

    lookup = lookup_of()
    with failing(database, note, monkeypatch):
        await asyncio.gather(*(asyncio.create_task(ask(key)) for key in keys))
    assert seen == [(False, keys[0]), (True, "")]


@on_postgres
async def test_two_lookups(keys: list[str], statements: list[str]) -> None:
    """They take turns, and share the number of statements in progress."""
    one, other = lookup_of(), lookup_of()
    found = await asyncio.gather(find_all(one, keys), find_all(other, keys))
    assert list(found) == [keys, keys]
    assert len(statements) == 3


@on_postgres
async def test_latest_time(keys: list[str]) -> None:
    """Of look-ups that share a statement, the latest time is that of all."""
    lookup, hour = lookup_of(), timedelta(hours=1)
    times = [NOW, NOW, NOW, NOW + hour, NOW]
    found = await asyncio.gather(
        *(lookup.find(key, now) for key, now in zip(keys, times, strict=False))
    )
    assert [row is not None for row in found] == [True, False, False, False, False]


@on_postgres
async def test_patience(keys: list[str], database: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look-ups that have waited for long give their statement only the rest of their time."""
    monkeypatch.setattr(lookups, "SOON", -1.0)
    monkeypatch.setattr(Lookup, "seconds", 0.0)
    results = await asyncio.gather(
        *(lookup_of().find(key, NOW) for key in keys[:2]),
        *(lookup_of().find(key, NOW) for key in keys[2:4]),
        return_exceptions=True,
    )
    assert [type(result) for result in results] == [dict] + [StoreUnavailable] * 3
    assert await find_all(lookup_of(), keys[:1]) == keys[:1]


async def test_races(keys: list[str]) -> None:
    """Many of the same."""
    lookup = lookup_of()
    found: list[Any] = await race(lambda: lookup.find(keys[3], NOW), n=100)
    assert {row["name"] for row in found} == {keys[3]}
