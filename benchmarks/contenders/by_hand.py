"""The least that does the job, written by hand with none of the care."""

import asyncio
import hashlib
import json
import os
import secrets
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any, TypeAlias
from uuid import UUID, uuid4

import aiosqlite
import asyncpg
import jwt as pyjwt
import nacl.pwhash
from fastapi import Depends, FastAPI, HTTPException, Request, Response
from piccolo.engine.postgres import PostgresEngine

from benchmarks.databases import (
    PG,
    POOL_SIZE,
    database_of_this_process,
    kind_of_this_process,
    piccolo_engine,
)
from piccolo_api_fastapi import Session

from . import ours
from .vocabulary import (
    SECRET,
    Credentials,
    Headers,
    Me,
    Post,
    add_ping,
    bearer,
    cookie_of,
    post_json,
    private_key,
)

Fetch: TypeAlias = Callable[..., Awaitable[list[Any]]]
Find: TypeAlias = Callable[[Request], Awaitable[Any]]

BY_SESSION = """
    SELECT u.id, u.username, u.active FROM auth_session s JOIN piccolo_user u ON u.id = s."user"
    WHERE s.digest = {} AND s.expires_at > {}
"""
BY_SUBJECT = "SELECT id, username, active FROM piccolo_user WHERE username = {}"
BY_NAME = """
    SELECT u.id, u.username, u.active, p.hash FROM piccolo_user u
    JOIN auth_password p ON p."user" = u.id WHERE u.username = {}
"""
NEW_SESSION = """
    INSERT INTO auth_session
    (id, digest, "user", created_at, last_seen_at, expires_at, absolute_expires_at)
    VALUES ({}, {}, {}, {}, {}, {}, {})
"""
COOKIE = "session"

_hashing = ThreadPoolExecutor(len(os.sched_getaffinity(0)))

prepare = ours.prepare


def application(variant: str) -> FastAPI:
    """The route, guarded as `variant` says, and a login."""
    through = "piccolo" if variant.endswith("piccolo") else "driver"
    pool = 1 if variant.startswith("pyjwt") else POOL_SIZE
    app = FastAPI(lifespan=_lifespan_of(through, pool))
    add_ping(app)
    kind, _, algorithm = variant.partition("-")
    if kind == "pyjwt":
        signing, verifying = _keys(algorithm)
        find = _by_claims(verifying, algorithm)
    elif kind == "jwt":
        signing, algorithm = SECRET, "HS256"
        find = _by_jwt(app)
    else:
        signing = None
        find = _by_session(app)
    app.post("/login")(_log_in_with_token(app, signing, algorithm) if signing else _log_in(app))

    @app.get("/me")
    async def me(user: Annotated[Any, Depends(find)]) -> Me:
        return Me(username=user["username"])

    return app


def _keys(algorithm: str) -> tuple[Any, Any]:
    """Key objects: PyJWT would parse a PEM for every token."""
    if algorithm == "HS256":
        return SECRET, SECRET
    key = private_key(algorithm)
    return key, key.public_key()


def _decode(request: Request, key: Any, algorithm: str) -> dict[str, Any]:
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    try:
        return pyjwt.decode(token, key, algorithms=[algorithm], audience="bench", issuer="bench")
    except pyjwt.PyJWTError:
        raise HTTPException(401) from None


def _by_claims(key: Any, algorithm: str) -> Find:
    async def by_claims(request: Request) -> dict[str, Any]:
        return {"username": _decode(request, key, algorithm)["sub"]}

    return by_claims


def _by_jwt(app: FastAPI) -> Find:
    async def by_jwt(request: Request) -> Any:
        subject = _decode(request, SECRET, "HS256")["sub"]
        for user in await app.state.fetch(BY_SUBJECT, subject):
            if user["active"]:
                return user
        raise HTTPException(401)

    return by_jwt


def _by_session(app: FastAPI) -> Find:
    async def by_session(request: Request) -> Any:
        digest = hashlib.sha256(request.cookies.get(COOKIE, "").encode()).hexdigest()
        for user in await app.state.fetch(BY_SESSION, digest, datetime.now(timezone.utc)):
            if user["active"]:
                return user
        raise HTTPException(401)

    return by_session


async def _check(app: FastAPI, credentials: Credentials) -> Any:
    (user,) = await app.state.fetch(BY_NAME, credentials.username)
    arguments = (user["hash"].encode(), credentials.password.encode())
    loop = asyncio.get_running_loop()
    await loop.run_in_executor(_hashing, nacl.pwhash.verify, *arguments)
    return user


def _log_in(app: FastAPI) -> Callable[..., Awaitable[dict[str, str]]]:
    async def log_in(credentials: Credentials, response: Response) -> dict[str, str]:
        user = await _check(app, credentials)
        token, now = secrets.token_urlsafe(32), datetime.now(timezone.utc)
        digest = hashlib.sha256(token.encode()).hexdigest()
        until = now + timedelta(days=14)
        key: Any = uuid4() if kind_of_this_process() == "postgres" else str(uuid4())
        await app.state.fetch(NEW_SESSION, key, digest, user["id"], now, now, until, until)
        response.set_cookie(COOKIE, token, secure=True, httponly=True, samesite="lax")
        return {"username": user["username"]}

    return log_in


def _log_in_with_token(
    app: FastAPI, signing: Any, algorithm: str
) -> Callable[..., Awaitable[dict[str, str]]]:
    async def log_in(credentials: Credentials) -> dict[str, str]:
        user = await _check(app, credentials)
        expires = datetime.now(timezone.utc) + timedelta(hours=1)
        claims = {"sub": user["username"], "exp": expires, "iss": "bench", "aud": "bench"}
        claims["jti"] = uuid4().hex
        return {"token": pyjwt.encode(claims, signing, algorithm=algorithm)}

    return log_in


def _lifespan_of(through: str, pool: int) -> Callable[[FastAPI], Any]:
    open_ = {
        ("piccolo", "postgres"): _by_piccolo,
        ("piccolo", "sqlite"): _by_piccolo,
        ("driver", "postgres"): _by_asyncpg,
        ("driver", "sqlite"): _by_aiosqlite,
    }[through, kind_of_this_process()]

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_(pool) as fetch:
            app.state.fetch = fetch
            yield

    return lifespan


@asynccontextmanager
async def _by_piccolo(pool: int) -> AsyncIterator[Fetch]:
    """Raw SQL through Piccolo's engine."""
    engine = piccolo_engine()
    if isinstance(engine, PostgresEngine):
        await engine.start_connection_pool(min_size=pool, max_size=pool)

    async def fetch(sql: str, *values: Any) -> list[Any]:
        rows: list[Any] = await Session.raw(sql, *values)
        return rows

    yield fetch
    if isinstance(engine, PostgresEngine):
        await engine.close_connection_pool()


@asynccontextmanager
async def _by_asyncpg(size: int) -> AsyncIterator[Fetch]:
    """A pool of asyncpg, with its default reset."""
    numbered: dict[str, str] = {}
    for sql in (BY_SESSION, BY_SUBJECT, BY_NAME, NEW_SESSION):
        places = (f"${number}" for number in range(1, sql.count("{}") + 1))
        numbered[sql] = sql.format(*places)
    options = {**PG, "database": database_of_this_process()}
    async with asyncpg.create_pool(**options, min_size=size, max_size=size) as pool:

        async def fetch(sql: str, *values: Any) -> list[Any]:
            rows: list[Any] = await pool.fetch(numbered[sql], *values)
            return rows

        yield fetch


@asynccontextmanager
async def _by_aiosqlite(_: int) -> AsyncIterator[Fetch]:
    """One connection, kept."""
    connection = await aiosqlite.connect(database_of_this_process(), isolation_level=None)
    connection.row_factory = sqlite3.Row

    async def fetch(sql: str, *values: Any) -> list[Any]:
        bound = [str(value) if isinstance(value, (UUID, datetime)) else value for value in values]
        return list(await connection.execute_fetchall(sql.replace("{}", "?"), bound))

    yield fetch
    await connection.close()


def login(_: str) -> Post:
    """How to log in."""
    return post_json("/login")


def credential(headers: Any, body: bytes, variant: str) -> Headers:
    """What to send with a request, from the answer to the login."""
    if variant in ("driver", "piccolo"):
        return cookie_of(headers)
    return bearer(json.loads(body)["token"])
