"""What dependencies want said with the answer, and the middleware that says it."""

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
"""By the specification of ASGI; a WebSocket that was accepted has its status already."""
_STATUS = "piccolo_api_fastapi.status"


class Answer:
    """
    What is known of the answer to a request while it is made.

    Attributes:
        headers: Wanted on it, whatever makes it; one that it has already stays.
        status: Its status, once it has begun.
        on_begin: Told the status when it has begun.
    """

    __slots__ = ("headers", "on_begin", "status")

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.status: int | None = None
        self.on_begin: list[Callable[[int], Awaitable[None]]] = []

    def begin(self, message: Message) -> bool:
        """Complete what may be the beginning of an answer; whether it is."""
        self.status = message.get("status", _OF_WEBSOCKETS.get(message["type"]))
        begins = self.status is not None
        if begins and self.headers and message["type"] != "websocket.close":  # which has none
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            for name, value in self.headers.items():
                headers.setdefault(name, value)
            message["headers"] = headers.raw
        return begins

    async def tell(self) -> None:
        """Tell those who wait for the status."""
        for hear in self.on_begin:
            await hear(self.status or 0)


def answer_of(scope: Scope) -> Answer | None:
    """The notes on the answer of a request; `None` without `install`."""
    answer: Answer | None = scope.get(ANSWER)
    return answer


def note_status(scope: Scope, status: int) -> None:
    """Note the status of an answer that was made where no middleware sees it."""
    scope[_STATUS] = status


def status_of(scope: Scope) -> int | None:
    """The status of the answer, once it is known."""
    answer = answer_of(scope)
    status: int | None = answer.status if answer is not None else None
    return scope.get(_STATUS) if status is None else status


Admit: TypeAlias = Callable[[HTTPConnection], AbstractAsyncContextManager[object]]
"""Surrounds a request, or refuses it with an `HTTPException` before any dependency has run."""


class AnswerMiddleware:
    """
    Gives every answer the headers that dependencies ask for: responses, streams and errors alike.

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
        refuse: Callable[[HTTPException], Response],
    ) -> None:
        self.app = app
        self.client_address = client_address
        self.admit = admit
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is mounted in an application that is installed adds nothing."""
        if scope["type"] == "lifespan" or ANSWER in scope:
            await self.app(scope, receive, send)
            return
        answer = scope[ANSWER] = Answer()
        if self.client_address is not None:
            scope[CLIENT_ADDRESS] = self.client_address
            scope.pop(CLIENT, None)  # an application around this one found it in its own way

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
                await self.refuse(error)(scope, receive, complete)
                return
            await self.app(scope, receive, complete)
