"""What each of several processes does to one limit."""

import asyncio
from contextlib import AsyncExitStack
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
    async with AsyncExitStack() as stack:
        if kind == "redis":
            store: Any = RedisStore(where, timeout=PATIENT)
            stack.push_async_callback(store.close)
        else:
            store = PiccoloStore(timeout=PATIENT)
            engine: Any = SQLiteEngine(path=where, timeout=60) if kind == "sqlite" else None
            if engine is None:
                engine = PostgresEngine(config=where)
                await engine.start_connection_pool(min_size=1, max_size=4)
                stack.push_async_callback(engine.close_connection_pool)
            use_engine(engine)
        asked = RateLimit(limit, "100000/day", scope=scope, store=store, on_error="deny")
        results = await race(lambda: asked.hit("ada"), calls)
    return len([result for result in results if not isinstance(result, Exception)])
