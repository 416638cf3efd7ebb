"""Every store there is, on real servers, with a clock that the test moves."""

from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from piccolo_api_fastapi import MemoryStore, PiccoloStore, RedisStore
from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.rate_limiting import hints as self_checks
from piccolo_api_fastapi.rate_limiting.stores.store import Store
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import REDIS_URL, need_redis, open_database

STORES = ["memory", "redis", "sqlite", "postgres"]
PATIENT = timedelta(seconds=30)


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """Nothing has been said yet."""
    self_checks._said.clear()
    yield
    self_checks._said.clear()


@pytest.fixture
def time(clock: FrozenClock) -> Clock | None:
    """The clock of the stores."""
    return clock


@pytest.fixture(params=STORES)
async def store(
    request: pytest.FixtureRequest, time: Clock | None, sqlite_path: Path, database_name: str
) -> AsyncIterator[Store]:
    """Each store in turn."""
    async with AsyncExitStack() as stack:
        if request.param == "memory":
            yield MemoryStore(clock=time)
        elif request.param == "redis":
            need_redis()
            redis = RedisStore(REDIS_URL, prefix=f"test-{uuid4()}", timeout=PATIENT, clock=time)
            stack.push_async_callback(redis.close)
            yield redis
        else:
            await stack.enter_async_context(
                open_database(request.param, sqlite_path, database_name)
            )
            yield PiccoloStore(timeout=PATIENT, clock=time)
