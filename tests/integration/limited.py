"""What each of several processes does to one limit."""

import asyncio
from typing import Any

from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import PiccoloStore, RateLimit, RedisStore
from piccolo_api_fastapi.testing import race
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
    store: Any = PiccoloStore(timeout=PATIENT)
    if kind == "redis":
        store = RedisStore(where, timeout=PATIENT)
    elif kind == "postgres":
        engine = PostgresEngine(config=where)
        use_engine(engine)
        await engine.start_connection_pool(min_size=1, max_size=4)
    else:
        use_engine(SQLiteEngine(path=where, timeout=60))
    asked = RateLimit(limit, "100000/day", scope=scope, store=store, on_error="deny")
    results = await race(lambda: asked.hit("ada"), calls)
    if kind == "redis":
        await store.close()
    elif kind == "postgres":
        await engine.close_connection_pool()
    return len([result for result in results if not isinstance(result, Exception)])
