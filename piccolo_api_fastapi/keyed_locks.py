"""Locks by name, kept as long as somebody holds one or waits for it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from .errors import HasherBusy


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
            key: Which.
            patience: Seconds to wait for it.

        Raises:
            HasherBusy: It was not to be had in time.
        """
        name = (id(asyncio.get_running_loop()), key)
        lock = self._locks.setdefault(name, _Lock())
        lock.users += 1
        try:
            try:
                await asyncio.wait_for(lock.acquire(), patience)
            except asyncio.TimeoutError:
                raise HasherBusy from None
            try:
                yield
            finally:
                lock.release()
        finally:
            lock.users -= 1
            if not lock.users:
                del self._locks[name]
