"""What each of several processes does to one limit."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import PiccoloStore, RateLimit, RedisStore
from piccolo_api_fastapi.rate_limiting.stores.store import Store
from piccolo_api_fastapi.testing import race
from piccolo_api_fastapi.users.passwords.hasher import PasswordHasher
from tests.conftest import use_engine
from tests.rate_limiting.conftest import PATIENT


def storm(kind: str, where: Any, limit: str, scope: str, calls: int) -> int:
    """
    Ask for something many times at once.

    Args:
        kind: Of the store.
        where: The URL, the path or the configuration of its server.
        limit: The words.
        scope: What is limited.
        calls: How many.

    Returns:
        How many passed.
    """
    return asyncio.run(_storm(kind, where, limit, scope, calls))


async def _storm(kind: str, where: Any, limit: str, scope: str, calls: int) -> int:
    async with _store(kind, where) as store:
        asked = RateLimit(limit, "100000/day", scope=scope, store=store, on_error="deny")
        results = await race(lambda: asked.hit("ada"), calls)
    return len([result for result in results if not isinstance(result, Exception)])


def try_at_once(kind: str, where: Any, limit: str, scope: str, calls: int) -> list[str]:
    """
    Try something many times at once, and always well; each takes as long as a password.

    Args:
        kind: Of the store.
        where: As for `storm`.
        limit: The words.
        scope: What is limited.
        calls: How many.

    Returns:
        What went wrong.
    """
    return asyncio.run(_try_at_once(kind, where, limit, scope, calls))


async def _try_at_once(kind: str, where: Any, limit: str, scope: str, calls: int) -> list[str]:
    hasher = PasswordHasher()
    async with _store(kind, where) as store:
        asked = RateLimit(limit, scope=scope, store=store, on_error="deny")

        async def attempt() -> None:
            async with asked.attempt("ada"):
                await hasher.hash("correct horse battery")

        results = await race(attempt, calls)
    return [repr(result) for result in results if isinstance(result, Exception)]


@asynccontextmanager
async def _store(kind: str, where: Any) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        if kind == "redis":
            redis = RedisStore(where, timeout=PATIENT)
            stack.push_async_callback(redis.close)
            yield redis
            return
        engine: Any = SQLiteEngine(path=where, timeout=60) if kind == "sqlite" else None
        if engine is None:
            engine = PostgresEngine(config=where)
            await engine.start_connection_pool(min_size=1, max_size=4)
            stack.push_async_callback(engine.close_connection_pool)
        use_engine(engine)
        yield PiccoloStore(timeout=PATIENT)
