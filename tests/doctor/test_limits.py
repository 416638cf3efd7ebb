"""Checks of the stores of rate limits."""

from typing import Any

import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import MemoryStore, PiccoloStore, RateLimit, RedisStore, install, use_store
from tests.conftest import REDIS_URL, need_redis
from tests.doctor.examining import endpoint, found, severities


def limited(*limits: RateLimit, **options: Any) -> FastAPI:
    """An application with these limits."""
    app = FastAPI()
    for number, limit in enumerate(limits):
        app.get(f"/{number}", dependencies=[Depends(limit)])(endpoint)
    return app


async def test_redis() -> None:
    """A server that answers, over a connection that is closed again; two limits share it."""
    need_redis()
    store = RedisStore(REDIS_URL)
    app = limited(RateLimit("1/hour", store=store), RateLimit("2/hour", store=store))
    assert await found(app, "redis") == ["ok: Redis answers."]


async def test_no_redis() -> None:
    """A server that does not answer. The password in its URL is not shown."""
    app = limited(RateLimit("1/hour", store=RedisStore("redis://:hidden@127.0.0.1:1")))
    [line] = await found(app, "redis")
    assert line.startswith("error: Redis does not answer (ConnectionError), so limits")
    assert "hidden" not in line


@pytest.mark.parametrize(
    ("concurrency", "workers", "expected"),
    [
        ("", 0, "ok"),
        ("1", 0, "ok"),
        ("many", 0, "ok"),
        ("4", 0, "warning"),
        ("", 2, "warning"),
        ("4", 1, "ok"),
    ],
)
async def test_memory(
    monkeypatch: pytest.MonkeyPatch, concurrency: str, workers: int, expected: str
) -> None:
    """Counts in memory are those of one process."""
    monkeypatch.setenv("WEB_CONCURRENCY", concurrency)
    app = limited(RateLimit("1/hour"))
    assert await severities(app, "memory_store", workers=workers) == [expected]


async def test_stores() -> None:
    """The store is that of each limit, or else the one of `use_store`; it may be of `install`."""
    app = limited()
    assert await found(app, "memory_store", workers=2) == []
    install(app, limit=RateLimit("600/minute"))
    [line] = await found(app, "memory_store", workers=2)
    assert line.startswith("warning: Each of 2 workers counts for itself")
    use_store(PiccoloStore())
    assert await severities(app, "memory_store", workers=2) == ["ok"]
    app = limited(RateLimit("1/hour", store=MemoryStore()))
    assert await severities(app, "memory_store", workers=2) == ["warning"]
