"""Serve an application that has to know its own address."""

from typing import Any

from starlette.types import Receive, Scope, Send


class Later:
    """An ASGI application that is made when its address is known."""

    app: Any

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on."""
        await self.app(scope, receive, send)
