"""
`python -m benchmarks.growth_probe SIDE STEP …`: one step of the growth job, as JSON.

It runs in processes of its own, so that a sweep and the look-ups beside it do not share a
Python. Steps are `fill FROM TO`, `look SECONDS SIZE ENGINE`, `sweep SECONDS ENGINE`, `hold`,
`verify` and `limit`. The engine is `piccolo` or, on SQLite, `kept`: `PersistentSQLiteEngine`.
"""

import asyncio
import base64
import gc
import hashlib
import json
import os
import random
import sqlite3
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import asyncpg
from piccolo.engine.postgres import PostgresEngine
from starlette.authentication import AuthenticationError
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    Claims,
    Key,
    KeyRing,
    MemoryStore,
    RateLimit,
    Session,
    SessionAuth,
    delete_expired_sessions,
)
from piccolo_api_fastapi.errors import SessionEnded
from piccolo_api_fastapi.schemes.jwt.access_tokens import CACHE_SIZE, AccessTokens

from . import machine
from .contenders.vocabulary import SECRET
from .databases import PG, database_of_this_process, kind_of_this_process, piccolo_engine
from .samples import percentile

HELD = 5000
"""Different sessions that a process is asked for, to see what they leave behind."""

LIMITED = 40_000
"""Keys of a rate limit; its store keeps a hundred thousand."""

FLOOD = 400_000
"""Keys of which most have to be forgotten."""

UNSEEN = 20
"""One session in so many was not seen for an hour: to look it up writes that it is in use."""

Look = Callable[[HTTPConnection], Awaitable[Any]]


def token(number: int) -> str:
    """The session token of a row, the same in every process."""
    random_part = base64.urlsafe_b64encode(hashlib.sha256(str(number).encode()).digest())
    body = f"ses_{random_part.decode().rstrip('=')}"
    return body + f"{zlib.crc32(body.encode()):08x}"


def rows_here(first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """
    Rows of `auth_session`; every second one has expired. Nearly all count as seen a moment ago, as
    those in use do: what a session costs that was not is measured by itself.
    """
    now, scheme = datetime.now(timezone.utc), SessionAuth().name
    for number in range(first, last):
        expires = now + timedelta(days=1 if number % 2 == 0 else -1, microseconds=number)
        digest = hashlib.sha256(token(number).encode()).hexdigest()
        seen = now + timedelta(hours=1 if number % UNSEEN else -1)
        yield uuid4(), digest, 1, scheme, now, seen, expires, expires, "{}", False


def rows_of_piccolo_api(first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Rows of `sessions`, likewise; it has local times without a zone."""
    now = datetime.now()  # noqa: DTZ005
    for number in range(first, last):
        expires = now + timedelta(days=1 if number % 2 == 0 else -1, microseconds=number)
        yield token(number), 1, expires, expires


Rows = Callable[[int, int], Iterator[tuple[Any, ...]]]

SIDES: dict[str, tuple[str, tuple[str, ...], Rows]] = {
    "ours": (
        "auth_session",
        (
            *("id", "digest", "user", "scheme", "created_at", "last_seen_at"),
            *("expires_at", "absolute_expires_at", "factors", "is_enrolling"),
        ),
        rows_here,
    ),
    "piccolo_api_": (
        "sessions",
        ("token", "user_id", "expiry_date", "max_expiry_date"),
        rows_of_piccolo_api,
    ),
}


async def fill(side: str, first: str, last: str) -> dict[str, float]:
    """Add rows; the size of the table and its indexes for each, and how long it took."""
    begin = time.perf_counter()
    size = await _fill(*SIDES[side], int(first), int(last))
    return {"bytes_per_row": size / int(last), "seconds": time.perf_counter() - begin}


async def _fill(table: str, columns: tuple[str, ...], rows: Rows, first: int, last: int) -> float:
    if kind_of_this_process() == "sqlite":
        return _fill_sqlite(table, columns, rows(first, last))
    connection = await asyncpg.connect(**PG, database=database_of_this_process())
    await connection.copy_records_to_table(table, records=rows(first, last), columns=columns)
    await connection.execute(f"ANALYZE {table}")
    size: float = await connection.fetchval(f"SELECT pg_total_relation_size('{table}')")
    await connection.close()
    return size


def _fill_sqlite(table: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]]) -> float:
    connection = sqlite3.connect(database_of_this_process())
    names, places = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    as_text = (
        tuple(value if isinstance(value, int) else str(value) for value in row) for row in rows
    )
    with connection:
        connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", as_text)
    connection.execute("ANALYZE")
    size: float
    (size,) = connection.execute(
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    ).fetchone()
    connection.close()
    return size


async def look(side: str, seconds: str, size: str, engine: str) -> dict[str, float]:
    """Look up sessions from all over the table, as a request does: hits, misses, and first ones."""
    authenticate, cookie, refusals = _look_of(side)
    taken: dict[str, list[float]] = {"hit": [], "miss": [], "unseen": []}
    async with _connected(engine):
        await authenticate(connection_with(cookie, 2))  # builds the statement
        until = time.perf_counter() + float(seconds)
        while time.perf_counter() < until or not all(taken.values()):
            kind, key = _pick(int(size))
            connection = connection_with(cookie, key)
            begin = time.perf_counter()
            with suppress(refusals):
                await authenticate(connection)
            taken[kind].append((time.perf_counter() - begin) * 1e3)
    both = taken["hit"] + taken["miss"]
    return {
        "hit_ms": percentile(taken["hit"], 0.5),
        "miss_ms": percentile(taken["miss"], 0.5),
        "unseen_ms": percentile(taken["unseen"], 0.5),
        "p999_ms": percentile(both, 0.999),
        "longest_ms": max(both),
        "longest_unseen_ms": max(taken["unseen"]),
        "count": len(both),
    }


def _pick(size: int) -> tuple[str, int]:
    """Which session is asked for next."""
    chance = random.random()
    if chance < 0.25:
        return "miss", -random.randrange(1, 1 << 40)
    number = random.randrange(size // 2) * 2
    if chance < 0.27:
        return "unseen", number - number % UNSEEN
    return "hit", number if number % UNSEEN else 2


@asynccontextmanager
async def _connected(engine: str) -> AsyncIterator[None]:
    """The engine of this process, as a server has it."""
    made = piccolo_engine(keeps=engine == "kept")
    if isinstance(made, PostgresEngine):
        await made.start_connection_pool(min_size=2, max_size=2)
        yield
        await made.close_connection_pool()
    elif engine == "kept":
        await made.start_connection_pool()
        yield
        await made.close_connection_pool()
    else:
        yield


def connection_with(cookie: str, number: int) -> HTTPConnection:
    """A request that comes with the session of a row."""
    headers = [(b"cookie", f"{cookie}={token(number)}".encode())]
    return HTTPConnection(
        {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": headers}
    )


def _look_of(side: str) -> tuple[Look, str, type[Exception]]:
    if side == "ours":
        return SessionAuth().authenticate, "__Host-session", SessionEnded
    from piccolo_api.session_auth.middleware import SessionsAuthBackend

    backend: Any = SessionsAuthBackend(admin_only=False)
    return backend.authenticate, "id", AuthenticationError


async def sweep(_: str, seconds: str, engine: str) -> dict[str, float]:
    """Delete what has expired, as `piccolo piccolo_api_fastapi clean` does, for so long at most."""
    async with _connected(engine):
        now = datetime.now(timezone.utc)
        before = await Session.count()
        begin = time.perf_counter()
        with suppress(asyncio.TimeoutError):
            await asyncio.wait_for(delete_expired_sessions(Session, now=now), float(seconds))
        taken = time.perf_counter() - begin
        return {"rows": before - await Session.count(), "seconds": taken}


async def hold(side: str) -> dict[str, float]:
    """What each of many sessions leaves behind in the process that was asked for it once."""
    authenticate, cookie, _ = _look_of(side)
    async with _connected("piccolo"):
        for number in range(HELD // 10):
            await authenticate(connection_with(cookie, number * 2))
        before = _private_bytes()
        for number in range(HELD // 10, HELD):
            await authenticate(connection_with(cookie, number * 2))
        return {"bytes_each": (_private_bytes() - before) / (HELD * 0.9)}


async def verify(_: str) -> dict[str, float]:
    """What a verified access token leaves behind, up to the bound of the cache and beyond."""
    access = AccessTokens(KeyRing(Key.from_secret(SECRET)), "bench", "bench", timedelta(hours=1))
    now = datetime.now(timezone.utc)
    tokens = []
    for number in range(3 * CACHE_SIZE):
        ids = str(number), str(uuid4()), uuid4().hex
        claims = Claims(*ids, now, now + timedelta(hours=1), frozenset({"admin"}))
        tokens.append(access.encode(claims))
    grown = []
    for part in range(3):
        before = _private_bytes()
        for text in tokens[part * CACHE_SIZE : (part + 1) * CACHE_SIZE]:
            access.decode(text, now)
        grown.append((_private_bytes() - before) / CACHE_SIZE)
    return {"bytes_each": grown[0], "bytes_each_beyond": grown[2]}


async def limit(_: str) -> dict[str, float]:
    """What a key of a rate limit takes in the memory of a worker."""
    limited = RateLimit("10/minute", scope="benchmark", store=MemoryStore())
    await limited.hit("the first")
    before = _private_bytes()
    for number in range(LIMITED):
        await limited.hit(f"203.0.113.{number}")
    each = (_private_bytes() - before) / LIMITED
    for number in range(FLOOD):
        await limited.hit(f"198.51.{number}")
    return {"bytes_each": each, "mib_at_cap": (_private_bytes() - before) / 2**20}


def _private_bytes() -> int:
    gc.collect()
    return machine.private_kib(os.getpid()) * 1024


STEPS: dict[str, Callable[..., Awaitable[dict[str, float]]]] = {
    "fill": fill,
    "look": look,
    "sweep": sweep,
    "hold": hold,
    "verify": verify,
    "limit": limit,
}

if __name__ == "__main__":
    _, chosen, step, *rest = sys.argv
    print(json.dumps(asyncio.run(STEPS[step](chosen, *rest))))  # type: ignore[arg-type]
