"""What dependencies want said with the answer, and the middleware that says it."""

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import Any, Protocol

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .client_address import CLIENT_ADDRESS, ClientAddress
from .errors import AuthError

ANSWER = "piccolo_api_fastapi.answer"
_STATUS = "piccolo_api_fastapi.status"


class Answer:
    """
    What is known of the answer to a request while it is made.

    Attributes:
        headers: Wanted on it, whatever makes it; one that it has already stays.
        status: Its status, once it has begun.
    """

    __slots__ = ("headers", "status")

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.status: int | None = None

    def begin(self, message: Message) -> None:
        """Complete the beginning of an answer."""
        self.status = message["status"]
        if self.headers:
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            for name, value in self.headers.items():
                headers.setdefault(name, value)
            message["headers"] = headers.raw


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


class Admission(Protocol):
    """What can refuse a request before anything else sees it: a `RateLimit`."""

    asks_dependencies: bool
    """Whether it can't, since FastAPI has to solve something first."""

    @property
    def documented_errors(self) -> Sequence[type[AuthError]]:
        """What it can answer."""
        ...

    def admit(self, connection: HTTPConnection) -> AbstractAsyncContextManager[Any]:
        """
        Surrounds the whole of a request; no dependency has run.

        Raises:
            HTTPException: It is refused.
        """
        ...


class AnswerMiddleware:
    """
    Gives every answer the headers that dependencies ask for: responses, streams and errors alike.

    Args:
        app: The application.
        client_address: How the address of a client is found.
        limit: What is asked before the application is.
        refuse: Makes the answer to what `limit` refuses.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        client_address: ClientAddress | None,
        limit: Admission | None,
        refuse: Callable[[HTTPException], Response],
    ) -> None:
        self.app = app
        self.client_address = client_address
        self.limit = limit
        self.refuse = refuse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request; what is mounted in an application that is installed adds nothing."""
        if scope["type"] == "lifespan" or ANSWER in scope:
            await self.app(scope, receive, send)
            return
        answer = scope[ANSWER] = Answer()
        if self.client_address is not None:
            scope[CLIENT_ADDRESS] = self.client_address

        async def complete(message: Message) -> None:
            if message["type"] in ("http.response.start", "websocket.http.response.start"):
                answer.begin(message)
            await send(message)

        if self.limit is None:
            await self.app(scope, receive, complete)
            return
        async with AsyncExitStack() as stack:
            try:
                await stack.enter_async_context(self.limit.admit(HTTPConnection(scope)))
            except HTTPException as error:
                await self.refuse(error)(scope, receive, complete)
                return
            await self.app(scope, receive, complete)
