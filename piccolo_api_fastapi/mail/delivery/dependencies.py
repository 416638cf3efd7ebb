"""`Afterwards`: work that a request promised, which is done after its response."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, TypeAlias

from fastapi import Depends

from .service import in_a_task

PATIENCE = 5.0
"""Seconds after which work starts although the client has not read the response."""

_running: set[asyncio.Task[None]] = set()


class Afterwards:
    """
    The work of one request, in tasks of its own.

    Starlette's `BackgroundTasks` belong to the request: a server or a middleware that cancels it,
    because the client went away, cancels them too, though the request was accepted. Tasks of
    their own go on. Like background tasks, they start after the response, so that its time says
    nothing about them; and the server waits for them before it counts the request as done. A
    client that does not read the response delays them for no more than five seconds.
    """

    def __init__(self) -> None:
        self._works: list[tuple[Callable[..., Awaitable[Any]], tuple[Any, ...]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._timer: asyncio.TimerHandle | None = None

    def add(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """
        Do something after the response. Errors are logged.

        Args:
            work: The async function.
            arguments: Its arguments.
        """
        self._works.append((work, arguments))
        loop = asyncio.get_running_loop()
        self._timer = self._timer or loop.call_later(PATIENCE, self._start)

    def _start(self) -> None:
        self._tasks += [in_a_task(_running, work, *given) for work, given in self._works]
        self._works.clear()

    async def run(self) -> None:
        """Start the work, and wait for it unless the request is cancelled."""
        if self._timer is not None:
            self._timer.cancel()
            self._start()
            await asyncio.shield(asyncio.gather(*self._tasks))


async def _afterwards() -> AsyncIterator[Afterwards]:
    """The dependency that collects the work of a request. FastAPI ends it after the response."""
    afterwards = Afterwards()
    try:
        yield afterwards
    finally:
        await afterwards.run()


Later: TypeAlias = Annotated[Afterwards, Depends(_afterwards)]
"""The parameter of an endpoint that collects the work to do after its response."""
