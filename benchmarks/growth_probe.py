"""
`python -m benchmarks.growth_probe SIDE STEP …`: one step of the growth job, as JSON.

It runs in processes of its own, so that a sweep and the look-ups beside it do not share a
Python. Steps are `fill FROM TO`, `look SECONDS` and `sweep`.
"""

import asyncio
import hashlib
import json
import random
import sqlite3
import sys
import time
import zlib
from collections.abc import Awaitable, Callable, Iterator
from datetime import datetime, timedelta, timezone
from typing import Any
from uuid import uuid4

import asyncpg
from piccolo.engine.postgres import PostgresEngine
from starlette.authentication import AuthenticationError
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import Session, SessionAuth, delete_expired_sessions
from piccolo_api_fastapi.errors import SessionEnded

from .databases import PG, database_of_this_process, kind_of_this_process, piccolo_engine
from .samples import percentile

KNOWN = 200
"""Live sessions whose tokens are known, spread over the rows; they are what is looked up."""

Look = Callable[[HTTPConnection], Awaitable[Any]]


def token(number: int) -> str:
    """The same session token in every process."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    body = "ses_" + "".join(random.Random(number).choices(letters, k=43))
    return body + f"{zlib.crc32(body.encode()):08x}"


def rows_here(first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Rows of `auth_session`; every second one has expired."""
    now = datetime.now(timezone.utc)
    for number in range(first, last):
        expires = now + timedelta(days=1 if number % 2 == 0 else -1, microseconds=number)
        text = token(number) if number < 2 * KNOWN else str(number)
        digest = hashlib.sha256(text.encode()).hexdigest()
        yield uuid4(), digest, 1, now, now, expires, expires


def rows_of_piccolo_api(first: int, last: int) -> Iterator[tuple[Any, ...]]:
    """Rows of `sessions`, likewise."""
    now = datetime.now(timezone.utc)
    for number in range(first, last):
        expires = now + timedelta(days=1 if number % 2 == 0 else -1, microseconds=number)
        yield token(number) if number < 2 * KNOWN else str(number), 1, expires, expires


SIDES: dict[str, tuple[str, tuple[str, ...], Callable[[int, int], Iterator[tuple[Any, ...]]]]] = {
    "ours": (
        "auth_session",
        (
            *("id", "digest", "user", "created_at", "last_seen_at"),
            *("expires_at", "absolute_expires_at"),
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
    """Add rows; the size of the table and its indexes for each."""
    table, columns, rows = SIDES[side]
    if kind_of_this_process() == "sqlite":
        return _fill_sqlite(table, columns, rows(int(first), int(last)), int(last))
    connection = await asyncpg.connect(**PG, database=database_of_this_process())
    records = (
        tuple(_naive(value) if side == "piccolo_api_" else value for value in row)
        for row in rows(int(first), int(last))
    )
    await connection.copy_records_to_table(table, records=records, columns=columns)
    await connection.execute(f"ANALYZE {table}")
    size = await connection.fetchval(f"SELECT pg_total_relation_size('{table}')")
    await connection.close()
    return {"bytes_per_row": size / int(last)}


def _naive(value: Any) -> Any:
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def _fill_sqlite(
    table: str, columns: tuple[str, ...], rows: Iterator[tuple[Any, ...]], total: int
) -> dict[str, float]:
    connection = sqlite3.connect(database_of_this_process())
    names, places = ", ".join(f'"{name}"' for name in columns), ", ".join("?" * len(columns))
    as_text = (
        tuple(value if isinstance(value, int) else str(value) for value in row) for row in rows
    )
    with connection:
        connection.executemany(f"INSERT INTO {table} ({names}) VALUES ({places})", as_text)
    connection.execute("ANALYZE")
    (size,) = connection.execute(
        "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()"
    ).fetchone()
    connection.close()
    return {"bytes_per_row": size / total}


async def look(side: str, seconds: str) -> dict[str, float]:
    """Look one session after the other up, as a request does: milliseconds of hits and misses."""
    authenticate, cookie, refusals = _look_of(side)
    engine = piccolo_engine()
    if isinstance(engine, PostgresEngine):
        await engine.start_connection_pool(min_size=2, max_size=2)
    hits, misses = [], []
    until, number = time.perf_counter() + float(seconds), 0
    while time.perf_counter() < until or not misses:
        number += 1
        is_hit = number % 4 != 0
        key = number * 2 % (2 * KNOWN) if is_hit else 2 * KNOWN + number
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b""}
        headers = [(b"cookie", f"{cookie}={token(key)}".encode())]
        connection = HTTPConnection(scope | {"headers": headers})
        begin = time.perf_counter()
        try:
            await authenticate(connection)
        except refusals:
            is_hit = False
        (hits if is_hit else misses).append((time.perf_counter() - begin) * 1e3)
    if isinstance(engine, PostgresEngine):
        await engine.close_connection_pool()
    both = hits + misses
    return {
        "hit_ms": percentile(hits, 0.5),
        "miss_ms": percentile(misses, 0.5),
        "p999_ms": percentile(both, 0.999),
        "longest_ms": max(both),
        "count": len(both),
    }


def _look_of(side: str) -> tuple[Look, str, type[Exception]]:
    if side == "ours":
        return SessionAuth().authenticate, "__Host-session", SessionEnded
    from piccolo_api.session_auth.middleware import SessionsAuthBackend  # noqa: PLC0415 - a peer

    return SessionsAuthBackend(admin_only=False).authenticate, "id", AuthenticationError


async def sweep(_: str) -> dict[str, float]:
    """Delete what has expired, as `piccolo piccolo_api_fastapi clean` does."""
    engine = piccolo_engine()
    if isinstance(engine, PostgresEngine):
        await engine.start_connection_pool(min_size=1, max_size=1)
    begin = time.perf_counter()
    count = await delete_expired_sessions(Session, now=datetime.now(timezone.utc))
    taken = time.perf_counter() - begin
    if isinstance(engine, PostgresEngine):
        await engine.close_connection_pool()
    return {"rows": count, "seconds": taken}


STEPS: dict[str, Callable[..., Awaitable[dict[str, float]]]] = {
    "fill": fill,
    "look": look,
    "sweep": sweep,
}

if __name__ == "__main__":
    _, chosen, step, *rest = sys.argv
    print(json.dumps(asyncio.run(STEPS[step](chosen, *rest))))  # type: ignore[arg-type]
