"""Locks by name, kept as long as somebody holds one or waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from piccolo_api_fastapi.errors import HasherBusy


class _Lock(asyncio.Lock):
    """A lock that knows how many hold it or wait."""

    users = 0


class KeyedLocks:
    """A lock for each key, in each event loop for itself."""

    def __init__(self) -> None:
        self._locks: dict[tuple[int, str], _Lock] = {}

    @asynccontextmanager
    async def hold(self, key: str, patience: float) -> AsyncIterator[None]:
        """
        Hold the lock of a key.

        Args:
            key: The key, such as the name that is being guessed at.
            patience: Seconds to wait for it.

        Raises:
            HasherBusy: The lock could not be acquired within `patience` seconds.
        """
        name = (id(asyncio.get_running_loop()), key)
        lock = self._locks.setdefault(name, _Lock())
        lock.users += 1
        try:
            await _acquire(lock, patience)
            try:
                yield
            finally:
                lock.release()
        finally:
            lock.users -= 1
            if not lock.users:
                del self._locks[name]


async def _acquire(lock: asyncio.Lock, patience: float) -> None:
    """
    Acquire a lock in time. `asyncio.wait_for` may lose one that comes as its caller is cancelled
    (python/cpython#86296), and nobody would get it again.
    """
    acquiring = asyncio.ensure_future(lock.acquire())
    try:
        await asyncio.wait({acquiring}, timeout=patience)
    except asyncio.CancelledError:
        if not acquiring.cancel():  # it came at this very moment
            lock.release()
        raise
    if acquiring.cancel():
        raise HasherBusy
