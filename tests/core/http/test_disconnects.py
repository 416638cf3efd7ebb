"""Clients that go away while they send a body: no traceback, on routes of either kind."""

import logging
import socket
from typing import Any

import pytest
from fastapi import Depends, FastAPI, Request
from fastapi.routing import iter_route_contexts
from starlette.requests import ClientDisconnect
from starlette.types import Message

from piccolo_api_fastapi import (
    Captcha,
    RateLimit,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    by_body,
    install,
    token_router,
)
from tests.conftest import reaches_no_sql
from tests.integration.serving import serving

UNSAFE = {"POST", "PUT", "PATCH", "DELETE"}
FORM = "application/x-www-form-urlencoded"


async def send_half(app: FastAPI, method: str, path: str, content_type: str) -> list[Message]:
    """What is answered to half a body, after which the client is gone."""
    incoming = [{"type": "http.request", "body": b'{"username"', "more_body": True}]
    sent: list[Message] = []

    async def receive() -> Any:
        return incoming.pop() if incoming else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", content_type.encode()), (b"content-length", b"100")]
    scope: dict[str, Any] = {"type": "http", "method": method, "path": path, "headers": headers}
    scope |= {"query_string": b"", "root_path": "", "scheme": "https", "client": ("192.0.2.1", 1)}
    await app(scope, receive, send)
    return sent


@reaches_no_sql
async def test_every_prebuilt_route(
    app: FastAPI, users: Users[User], session: SessionAuth[User]
) -> None:
    """Each answers a 400 that nobody reads, before anything is asked of the database."""
    app.include_router(token_router(TokenAuth(users), session), prefix="/auth")
    asked = 0
    for route in iter_route_contexts(app.routes):
        for method in UNSAFE & set(route.methods or ()):
            if (path := route.path_format or "").startswith("/auth"):
                for kind in ("application/json", FORM):
                    start, *_ = await send_half(app, method, path, kind)
                    assert (start["status"], path) == (400, path)
                    asked += 1
    assert asked > 20


@pytest.mark.parametrize("kind", ["application/json", FORM, "a/b"])
@pytest.mark.parametrize("path", ["/reads", "/puzzle", "/limited"])
@pytest.mark.parametrize("is_installed", [True, False])
async def test_own_routes(path: str, kind: str, *, is_installed: bool) -> None:
    """No dependency raises on an application's own routes, nor any route once installed."""
    app = FastAPI()
    if is_installed:
        install(app)

    @app.post("/reads")
    async def reads(request: Request) -> None:
        await request.body()

    @app.post("/puzzle", dependencies=[Depends(Captcha(lambda *_: True))])
    @app.post("/limited", dependencies=[Depends(RateLimit("9/second", key=by_body("name")))])
    async def nothing() -> None:
        return None

    if path == "/reads" and not is_installed:
        with pytest.raises(ClientDisconnect):
            await send_half(app, "POST", path, kind)
        return
    start, *_ = await send_half(app, "POST", path, kind)
    assert start["status"] == {"/reads": 400, "/puzzle": 403, "/limited": 200}[path]


@reaches_no_sql
def test_on_a_socket(
    database_of_any_loop: Any, app: FastAPI, caplog: pytest.LogCaptureFixture
) -> None:
    """A server logs no traceback."""
    half = (
        b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b'Content-Length: 100\r\n\r\n{"username":'
    )
    with caplog.at_level(logging.INFO), serving(app) as address:
        host, _, port = address.removeprefix("http://").partition(":")
        for _ in range(3):
            with socket.create_connection((host, int(port))) as client:
                client.sendall(half)
    assert "Traceback" not in caplog.text
    assert "ASGI" not in caplog.text
