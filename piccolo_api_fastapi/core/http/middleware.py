"""Response headers requested by dependencies, and the ASGI middleware that adds them."""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from typing import TypeAlias

from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from piccolo_api_fastapi.errors import ConfigurationError

from .client import CLIENT
from .client_address import CLIENT_ADDRESS, ClientAddress

ANSWER = "piccolo_api_fastapi.answer"
_OF_WEBSOCKETS = {"websocket.accept": 101, "websocket.close": 403}
"""The statuses of ASGI messages without one. An accepted WebSocket has its status already."""
_STATUS = "piccolo_api_fastapi.status"
_ON_STATUS = "piccolo_api_fastapi.on_status"


class Answer:
    """
    The response to a request, as far as it is known.

    Attributes:
        headers: The headers to add, unless the response has them already.
        vary: The names of the request headers in which a credential was looked for. Caches must
            not give the response to requests in which these differ (RFC 9111 section 4.1).
        status: The status, once the response has started.
        nonce: The nonce of the page, once a dependency has asked for it.
        writers: The functions that write headers which depend on those of the response, each by
            the header that it writes.
    """

    __slots__ = ("headers", "nonce", "status", "vary", "writers")

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.vary = ""
        self.status: int | None = None
        self.nonce: str | None = None
        self.writers: dict[str, Callable[[MutableHeaders], None]] = {}

    def begin(self, message: Message) -> bool:
        """Add the requested headers if the message starts the response. Returns whether it does."""
        self.status = message.get("status", _OF_WEBSOCKETS.get(message["type"]))
        begins = self.status is not None
        asked = self.headers or self.vary or self.writers
        if begins and asked and message["type"] != "websocket.close":  # which has no headers
            headers = MutableHeaders(raw=list(message.get("headers", ())))
            self.complete(headers, is_cached=message["type"] == "http.response.start")
            message["headers"] = headers.raw
        return begins

    def complete(self, headers: MutableHeaders, *, is_cached: bool = True) -> None:
        """
        Add the requested headers to those of the response.

        Args:
            headers: The headers of the response.
            is_cached: Whether caches may keep the response: it is not that of a WebSocket.
        """
        for name, value in self.headers.items():
            headers.setdefault(name, value)
        for write in self.writers.values():
            write(headers)
        if self.vary and is_cached:
            headers.setdefault("Cache-Control", "private, no-cache")
            own = ", ".join(headers.getlist("Vary"))
            headers["Vary"] = _merged(own, self.vary) if own else self.vary


def answer_of(scope: Scope) -> Answer | None:
    """Return the `Answer` of a request, or `None` without `install`."""
    answer: Answer | None = scope.get(ANSWER)
    return answer


def note_vary(scope: Scope, names: str) -> None:
    """
    Record that the response depends on credentials in these request headers.

    Does nothing without `install`.
    """
    answer: Answer | None = scope.get(ANSWER)
    if answer is not None and names not in answer.vary:
        answer.vary = _merged(answer.vary, names) if answer.vary else names


def _merged(names: str, further: str) -> str:
    """Return the value of a `Vary` header with further names, each of them once."""
    known = {name.strip().casefold() for name in names.split(",")}
    missing = [name for name in further.split(", ") if name.casefold() not in known]
    return names if "*" in known else ", ".join([names, *missing])


def note_status(scope: Scope, status: int) -> None:
    """Record the status of a response for applications without the middleware."""
    scope[_STATUS] = status


def status_of(scope: Scope) -> int | None:
    """Return the status of the response, once it is known."""
    answer = answer_of(scope)
    status: int | None = answer.status if answer is not None else None
    return scope.get(_STATUS) if status is None else status


def on_status(scope: Scope, hear: Callable[[int], Awaitable[None]]) -> None:
    """
    Call a function with the status of the response before it is sent: a client may take as long
    as it likes to read a response, and a stream may last for hours.

    Without `install`, only prebuilt routes call it.
    """
    scope.setdefault(_ON_STATUS, []).append(hear)


async def tell_status(scope: Scope, status: int) -> None:
    """Call the functions that wait for the status, each of them once."""
    waiting = scope.get(_ON_STATUS, [])
    while waiting:
        await waiting.pop(0)(status)


Admit: TypeAlias = Callable[[HTTPConnection], AbstractAsyncContextManager[object]]
"""Surrounds a request, or refuses it with an `HTTPException` before any dependency has run."""

Check: TypeAlias = Callable[[], Awaitable[None]]
"""Looks whether the application can serve, and raises `ConfigurationError` if not."""

Prepare: TypeAlias = Callable[[Scope, Answer], None]
"""Requests headers for the response to any request, before the routes are asked."""


class AnswerMiddleware:
    """
    Adds the headers that dependencies request to every response, streams and errors included.

    Args:
        app: The application.
        client_address: How the address of a client is found.
        admit: Surrounds each request, or refuses it.
        refuse: Makes the response to a request that `admit` refuses.
        check: Is called once the application has started, before it serves.
        prepare: Requests headers for every response, also in a mounted application.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        client_address: ClientAddress | None,
        admit: Admit | None,
        refuse: Callable[[HTTPException, Scope], Response],
        check: Check | None,
        prepare: Prepare | None,
    ) -> None:
        self.app = app
        self.client_address = client_address
        self.admit = admit
        self.refuse = refuse
        self.check = check
        self.prepare = prepare

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request. An application mounted in an installed one adds its policy only."""
        if scope["type"] == "lifespan":
            checked = send if self.check is None else _checked(send, self.check)
            await self.app(scope, receive, checked)
            return
        is_mounted = ANSWER in scope
        answer: Answer = scope.setdefault(ANSWER, Answer())
        if self.prepare is not None:
            self.prepare(scope, answer)
        if is_mounted:
            await self.app(scope, receive, send)
            return
        if self.client_address is not None:
            scope[CLIENT_ADDRESS] = self.client_address
            scope.pop(CLIENT, None)  # an outer application may have found another

        waiting = scope.setdefault(_ON_STATUS, [])  # here, since routes may copy the scope

        async def complete(message: Message) -> None:
            begins = answer.status is None and answer.begin(message)
            if begins and waiting:
                await tell_status(scope, answer.status or 0)
            await send(message)

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


def _checked(send: Send, check: Check) -> Send:
    """
    Check before the start-up is reported to be complete, after the application's own lifespan.

    The exception ends that lifespan. The server is told the sentence, not the traceback.
    """
    failure = ""

    async def send_checked(message: Message) -> None:
        nonlocal failure
        if message["type"] == "lifespan.startup.complete":
            try:
                await check()
            except ConfigurationError as error:
                failure = str(error)
                raise
        elif failure:
            message["message"] = failure
        await send(message)

    return send_checked
