"""The threads that hash passwords, and the queue before them."""

import asyncio
import os
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache, partial
from typing import Any, TypeVar

from piccolo_api_fastapi.core.http.client import current_client
from piccolo_api_fastapi.errors import HasherBusy

T = TypeVar("T")


class HashingThreads:
    """
    A bounded number of threads with a bounded queue.

    More threads than cores make logins no faster, and each needs 19 MiB.

    Args:
        threads: The number of threads; by default the number of cores of this process.
        waiting: The maximum length of the queue.
        share: The maximum number of places in the queue for one client.
        patience: The maximum time in the queue, in seconds.
    """

    def __init__(
        self,
        *,
        threads: int | None = None,
        waiting: int = 256,
        share: int = 64,
        patience: float = 5.0,
    ) -> None:
        self.threads = threads or _cores()
        self.waiting = waiting
        self.share = share
        self.patience = patience
        self._pool = ThreadPoolExecutor(self.threads, thread_name_prefix="password-hashing")
        self._count = 0
        self._clients: Counter[str | None] = Counter()
        self._lock = threading.Lock()

    async def run(self, work: Callable[[], T]) -> T:
        """
        Run a function in a thread.

        Args:
            work: The function, such as one that hashes a password.

        Raises:
            HasherBusy: The queue is full, the client has used its share of it, or the call has
                waited too long.
        """
        future = self._submit(work)
        waiter = asyncio.wrap_future(future)
        try:
            await asyncio.wait({waiter}, timeout=self.patience)
            if not waiter.done() and future.cancel():
                raise HasherBusy(retry_after=int(self.patience) or 1)
            return await waiter
        finally:
            waiter.cancel()

    def _submit(self, work: Callable[[], T]) -> Future[T]:
        served = current_client()
        client = None if served is None else served.network
        with self._lock:
            if self._count >= self.threads + self.waiting:
                raise HasherBusy
            if client is not None and self._clients[client] >= self.threads + self.share:
                raise HasherBusy
            self._count += 1
            self._clients[client] += 1
        future = self._pool.submit(work)
        future.add_done_callback(partial(self._leave, client))
        return future

    def _leave(self, client: str | None, _: Future[Any]) -> None:
        with self._lock:
            self._count -= 1
            self._clients[client] -= 1
            if not self._clients[client]:
                del self._clients[client]


@cache
def shared_threads() -> HashingThreads:
    """Return the threads of this process, which all hashers share."""
    return HashingThreads()


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
