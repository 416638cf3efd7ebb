"""Serves an application on a real socket, for clients that need one."""

import asyncio
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


class _Server(uvicorn.Server):
    """Says when it has started, and leaves the signals of the tests alone."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.is_up = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self.is_up.set()

    async def main_loop(self) -> None:
        """Notice soon that the test is over; uvicorn looks ten times a second."""
        await self.on_tick(0)
        while not self.should_exit:  # noqa: ASYNC110 - uvicorn sets a flag
            await asyncio.sleep(0.01)


@contextmanager
def serving(app: Any, certificate: tuple[str, str] | None = None) -> Iterator[str]:
    """
    Within it, the application is served by uvicorn in a thread.

    Args:
        app: Any ASGI application.
        certificate: The paths of a certificate and its key, for https.

    Yields:
        Its address, such as `http://127.0.0.1:49152`.
    """
    listener = socket.create_server(("127.0.0.1", 0))
    public, key = certificate or (None, None)
    config = uvicorn.Config(
        app,
        ssl_certfile=public,
        ssl_keyfile=key,
        loop="uvloop" if os.environ.get("EVENT_LOOP") == "uvloop" else "asyncio",
        log_config=None,
        lifespan="off",
        ws="none",
        timeout_graceful_shutdown=0,  # nobody waits for answers when the test is over
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        assert server.is_up.wait(10)
        yield f"http{'s' if certificate else ''}://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)
        listener.close()
        assert not thread.is_alive()
