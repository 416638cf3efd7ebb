"""Response headers requested by dependencies, and the ASGI middleware that adds them."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeAlias

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .client import CLIENT
from .client_address import CLIENT_ADDRESS, ClientAddress

ANSWER = "piccolo_api_fastapi.answer"
_OF_WEBSOCKETS = {"websocket.accept": 101, "websocket.close": 403}
"""The statuses of ASGI messages without one. An accepted WebSocket has its status already."""
_STATUS = "piccolo_api_fastapi.status"


class Answer:
    """
    The response to a request, as far as it is known.

    Attributes:
        headers: The headers to add, unless the response has them already.
        status: The status, once the response has started.
        on_begin: The functions to call with the status when the response has started.
    """

    __slots__ = ("headers", "on_begin", "status")

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.status: int | None = None
        self.on_begin: list[Callable[[int], Awaitable[None]]] = []

    def begin(self, message: Message) -> bool:
        """Add the requested headers if the message starts the response. Returns whether it does."""
        self.status = message.get("status", _OF_WEBSOCKETS.get(message["type"]))
        begins = self.status is not None
        if begins and self.headers and message["type"] != "websocket.close":  # which has none
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            for name, value in self.headers.items():
                headers.setdefault(name, value)
            message["headers"] = headers.raw
        return begins

    async def tell(self) -> None:
        """Call the functions that wait for the status."""
        for hear in self.on_begin:
            await hear(self.status or 0)


def answer_of(scope: Scope) -> Answer | None:
    """Return the `Answer` of a request, or `None` without `install`."""
    answer: Answer | None = scope.get(ANSWER)
    return answer


def note_status(scope: Scope, status: int) -> None:
    """Record the status of a response for applications without the middleware."""
    scope[_STATUS] = status


def status_of(scope: Scope) -> int | None:
    """Return the status of the response, once it is known."""
    answer = answer_of(scope)
    status: int | None = answer.status if answer is not None else None
    return scope.get(_STATUS) if status is None else status


Admit: TypeAlias = Callable[[HTTPConnection], AbstractAsyncContextManager[object]]
"""Surrounds a request, or refuses it with an `HTTPException` before any dependency has run."""


class AnswerMiddleware:
    """
    Adds the headers that dependencies request to every response, streams and errors included.

    Args:
        app: The application.
        client_address: How the address of a client is found.
        admit: Surrounds each request, or refuses it.
        refuse: Makes the response to a request that `admit` refuses.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        client_address: ClientAddress | None,
        admit: Admit | None,
        refuse: Callable[[HTTPException, Scope], Response],
    ) -> None:
        self.app = app
        self.client_address = client_address
        self.admit = admit
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. An application mounted in an installed one adds nothing."""
        if scope["type"] == "lifespan" or ANSWER in scope:
            await self.app(scope, receive, send)
            return
        answer = scope[ANSWER] = Answer()
        if self.client_address is not None:
            scope[CLIENT_ADDRESS] = self.client_address
            scope.pop(CLIENT, None)  # an outer application may have found another

        async def complete(message: Message) -> None:
            begins = answer.status is None and answer.begin(message)
            await send(message)
            if begins and answer.on_begin:
                await answer.tell()

        if self.admit is None:
            await self.app(scope, receive, complete)
            return
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.admit(HTTPConnection(scope)))
            except HTTPException as error:
                await self.refuse(error, scope)(scope, receive, complete)
                return
            await self.app(scope, receive, complete)
