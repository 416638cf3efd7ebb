"""The application. What workers share is in PostgreSQL, and what they count in Redis."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from piccolo.engine import engine_finder

from piccolo_api_fastapi import (
    AnyOf,
    JWTAuth,
    Login,
    RedisStore,
    SessionAuth,
    User,
    install,
    jwt_router,
    session_router,
    use_store,
)

POOL_SIZE = int(os.environ.get("POOL_SIZE", "8"))
"""Connections of each worker: workers times this stays below `max_connections`."""


redis = RedisStore(
    os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"),
    prefix=os.environ.get("REDIS_PREFIX", "production"),
)
use_store(redis)  # or each worker would allow as many guesses as all together should


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """A pool for this worker."""
    engine: Any = engine_finder()
    await engine.start_connection_pool(min_size=2, max_size=POOL_SIZE)
    yield
    await engine.close_connection_pool()
    await redis.close()


session = SessionAuth()
jwt = JWTAuth(secret=os.environ["JWT_SECRET"])  # the same for every worker
CurrentUser = Annotated[User, Depends(AnyOf(session, jwt))]

app = FastAPI(title="piccolo_api_fastapi in production", lifespan=lifespan)
install(app)


@app.get("/me")
async def me(user: CurrentUser) -> dict[str, str]:
    """The current user. Routes that are asked often stand before the routers: they match first."""
    return {"username": user.username}


login = Login()
app.include_router(session_router(session, login), prefix="/auth")
app.include_router(jwt_router(jwt, login), prefix="/auth")
