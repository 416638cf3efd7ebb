"""Pools of connections for an application that another loop than that of the tests asks."""

import asyncio
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from asyncpg.pool import Pool
    from piccolo.engine.postgres import PostgresEngine


class Pools:
    """Stands in for the pool of an engine: for each loop it is the pool of that loop."""

    def __init__(self) -> None:
        self._engine: PostgresEngine | None = None
        self._pools: dict[asyncio.AbstractEventLoop, Pool] = {}

    def __getattr__(self, name: str) -> Any:
        return getattr(self._pools[asyncio.get_running_loop()], name)

    async def stand_in(self, engine: Any) -> None:
        """Stand in for the pool of this engine, which is that of the running loop."""
        if engine.pool is not self:
            self._pools[asyncio.get_running_loop()] = engine.pool
            self._engine, engine.pool = engine, self

    async def open(self) -> None:
        """Open a pool for the running loop, if it has none."""
        loop = asyncio.get_running_loop()
        if self._engine is not None and loop not in self._pools:
            another = type(self._engine)(self._engine.config)
            await another.start_connection_pool(min_size=1)
            assert another.pool is not None
            self._pools[loop] = another.pool

    def close(self) -> None:
        """Give the engine its pool back, and close the others."""
        if self._engine is None:
            return
        (_, self._engine.pool), *others = self._pools.items()
        for loop, pool in others:
            asyncio.run_coroutine_threadsafe(pool.close(), loop).result(30)
        self._engine, self._pools = None, {}


POOLS = Pools()
"""Those of the applications below `OpensPools`; the fixture `pooled` lets them stand in."""


class OpensPools:
    """Middleware that opens a pool for the loop that asks."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Ask the application."""
        if scope["type"] == "http":
            await POOLS.open()
        await self._app(scope, receive, send)
