"""`Afterwards`: work that a request promised, which is done after its response."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Annotated, Any, TypeAlias

from fastapi import Depends

from .service import in_a_task

_running: set[asyncio.Task[None]] = set()


class Afterwards:
    """
    The work of one request, in tasks of its own.

    Starlette's `BackgroundTasks` belong to the request: a server or a middleware that cancels it,
    because the client went away, cancels them too, though the request was accepted. Tasks of
    their own go on. Like background tasks, they start after the response, so that its time says
    nothing about them; and the server waits for them before it counts the request as done.
    """

    def __init__(self) -> None:
        self._works: list[tuple[Callable[..., Awaitable[Any]], tuple[Any, ...]]] = []

    def add(self, work: Callable[..., Awaitable[Any]], *arguments: Any) -> None:
        """
        Do something after the response. Errors are logged.

        Args:
            work: The async function.
            arguments: Its arguments.
        """
        self._works.append((work, arguments))

    async def run(self) -> None:
        """Start the work, and wait for it unless the request is cancelled."""
        if tasks := [in_a_task(_running, work, *given) for work, given in self._works]:
            await asyncio.shield(asyncio.gather(*tasks))


async def _afterwards() -> AsyncIterator[Afterwards]:
    """The dependency that collects the work of a request. FastAPI ends it after the response."""
    afterwards = Afterwards()
    try:
        yield afterwards
    finally:
        await afterwards.run()


Later: TypeAlias = Annotated[Afterwards, Depends(_afterwards)]
"""The parameter of an endpoint that collects the work to do after its response."""
