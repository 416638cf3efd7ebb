"""
Limits that workers share, by plan, and on a WebSocket.

`uvicorn examples.rate_limits.app:app --workers 2` with Redis at `REDIS_URL`.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import Depends, FastAPI, Header, WebSocket

from piccolo_api_fastapi import (
    ClientAddress,
    FailureLimit,
    Quota,
    RateLimit,
    RedisStore,
    install,
    public,
)
from piccolo_api_fastapi.errors import TooManyRequests

STORE = RedisStore(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"))
CUSTOMERS = {"key-of-ada": "paid", "key-of-grace": "staff"}
PLANS = {"free": "3/minute", "paid": "6/minute", "staff": None}


async def customer(x_api_key: Annotated[str, Header()] = "") -> str:
    """Whose API key was sent; a real one is not in the source."""
    return x_api_key if x_api_key in CUSTOMERS else "nobody"


async def plan(name: Annotated[str, Depends(customer)]) -> str | None:
    """What a customer has paid for; `None` is no limit."""
    return PLANS[CUSTOMERS.get(name, "free")]


by_plan = RateLimit(plan, key=customer, store=STORE, scope="api")
connections = RateLimit("5/minute", store=STORE)
messages = RateLimit("3/second", store=STORE, scope="messages")


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Close the connection to Redis in the end."""
    yield
    await STORE.close()


app = FastAPI(lifespan=lifespan)
install(
    app,
    client_address=ClientAddress(trusted=["10.0.0.0/8"]),
    limit=FailureLimit("100/minute", store=STORE),
)


@app.get("/weather")
@public
async def weather(quota: Annotated[Quota, Depends(by_plan)]) -> dict[str, str | int | None]:
    """The weather, as often as one has paid for."""
    return {"weather": "fine", "left": quota.remaining}


@app.websocket("/echo")
@public
async def echo(websocket: WebSocket, _: Annotated[Quota, Depends(connections)]) -> None:
    """Five connections a minute, and three messages a second on each."""
    await websocket.accept()
    async for text in websocket.iter_text():
        try:
            await messages.hit(str(id(websocket)))
        except TooManyRequests:
            await websocket.send_text("Not so fast.")
        else:
            await websocket.send_text(text)
