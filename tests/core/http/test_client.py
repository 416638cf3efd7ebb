"""The client of a request: worked out once, and known to events while it is served."""

from typing import Any

import httpx
from fastapi import FastAPI, Request
from starlette.types import Receive, Scope, Send

from piccolo_api_fastapi import ClientAddress, install
from piccolo_api_fastapi.core.http.client import (
    ClientInfo,
    client_info,
    current_client,
    serving,
)


def test_once_a_request() -> None:
    """The same object is returned for the same request, whoever asks."""
    scope: dict[str, Any] = {"type": "http", "headers": [], "client": ("192.0.2.1", 1)}
    first = client_info(Request(scope))
    assert first == ClientInfo(ip="192.0.2.1", network="192.0.2.1")
    assert client_info(Request(scope)) is first


def test_user_agent() -> None:
    """Whoever makes a `ClientInfo`: what the client calls itself is short and controls nothing."""
    client = ClientInfo(user_agent="a\r\nINFO user=1 \x1b[2K\u202e" + "A" * 15_000)
    assert client.user_agent == "a??INFO user=1 ?[2K?" + "A" * 235
    assert ClientInfo().user_agent is None


def test_serving() -> None:
    """The client is known while its request is served, and forgotten afterwards."""
    client = ClientInfo(ip="192.0.2.1")
    with serving(client):
        assert current_client() is client
    assert current_client() is None


async def test_an_application_within_another() -> None:
    """An application that is installed finds the client its own way, whatever asked before."""
    app = FastAPI()
    install(app, client_address=ClientAddress(trusted=1))

    @app.get("/")
    async def root(request: Request) -> str | None:
        return client_info(request).ip

    async def around(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            client_info(Request(scope))
        await app(scope, receive, send)

    transport = httpx.ASGITransport(around)
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        answer = await client.get("/", headers={"X-Forwarded-For": "203.0.113.9"})
    assert answer.json() == "203.0.113.9"
