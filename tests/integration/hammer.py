"""What each of two processes does to one SQLite file."""

import asyncio
from collections import Counter
from typing import Any

import httpx
from fastapi import FastAPI
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import JWTAuth, Login, SessionAuth, Users, jwt_router, session_router
from piccolo_api_fastapi.testing import cheap_hasher
from tests.conftest import PASSWORD, SECRET, use_engine

TASKS = 4
WRITES_OF_A_ROUND = 5


def hammer(path: str, writes: int) -> Counter[tuple[str, int]]:
    """
    Log in and out, get, refresh and revoke tokens, several at a time.

    Args:
        path: The file; it has a user `ada`.
        writes: How many requests, all of which write.

    Returns:
        How often each route answered with which status.
    """
    use_engine(SQLiteEngine(path=path, timeout=30))
    return asyncio.run(_hammer(writes // WRITES_OF_A_ROUND // TASKS))


async def _hammer(rounds: int) -> Counter[tuple[str, int]]:
    users = Users(hasher=cheap_hasher())
    app = FastAPI()
    app.include_router(session_router(SessionAuth(users), Login(users)))
    app.include_router(jwt_router(JWTAuth(users, secret=SECRET, cap=None), Login(users)))
    counter: Counter[tuple[str, int]] = Counter()
    await asyncio.gather(*(_task(app, rounds, counter) for _ in range(TASKS)))
    return counter


async def _task(app: FastAPI, rounds: int, counter: Counter[tuple[str, int]]) -> None:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="https://testserver") as client:

        async def post(url: str, **body: Any) -> httpx.Response:
            answer = await client.post(url, **body)
            counter[url, answer.status_code] += 1
            return answer

        credentials = {"username": "ada", "password": PASSWORD}
        for _ in range(rounds):
            await post("/login", json=credentials)
            answer = await post("/token", data={"grant_type": "password", **credentials})
            token = answer.json()["refresh_token"]
            data = {"grant_type": "refresh_token", "refresh_token": token}
            answer = await post("/token", data=data)
            await post("/token/revoke", data={"token": answer.json()["refresh_token"]})
            await post("/logout")
