"""Checks of the stores of rate limits."""

from collections.abc import AsyncIterator
from typing import Any

from piccolo_api_fastapi.rate_limiting.limiter import Limiter
from piccolo_api_fastapi.rate_limiting.stores.memory_store import MemoryStore
from piccolo_api_fastapi.rate_limiting.stores.redis_store import RedisStore

from .subject import Subject
from .values import Result, error, ok, warning


async def is_redis_up(subject: Subject) -> AsyncIterator[Result]:
    """Send a `PING` to each Redis, over a connection of its own."""
    for store in _stores(subject):
        if not isinstance(store, RedisStore):
            continue
        line = store._connect()  # noqa: SLF001 - a store shows no connection
        try:
            await line.send(("PING",))
        except Exception as problem:  # noqa: BLE001 - the message may have the URL
            yield error(
                f"Redis does not answer ({type(problem).__name__}), so limits are not shared. "
                "Check the URL of RedisStore, and whether the server runs."
            )
        else:
            yield ok("Redis answers.")
        finally:
            await line.close()


async def is_shared(subject: Subject) -> AsyncIterator[Result]:
    """Look whether several processes count in one store."""
    stores = _stores(subject)
    if any(isinstance(store, MemoryStore) for store in stores) and subject.workers > 1:
        yield warning(
            f"Each of {subject.workers} workers counts for itself, which multiplies the limits. "
            "Call use_store(RedisStore(…)) or use_store(PiccoloStore())."
        )
    elif stores:
        yield ok("All workers count rate limits together.")


def _stores(subject: Subject) -> list[Any]:
    """Return the stores of all limits, each once."""
    return list({id(limiter.store): limiter.store for limiter in subject.all(Limiter)}.values())
