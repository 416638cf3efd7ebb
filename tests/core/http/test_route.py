"""The route class of the prebuilt routers, on routes of its own."""

import sqlite3
from typing import Annotated, Any

from fastapi import APIRouter, Body, FastAPI, Form, Request
from fastapi.responses import PlainTextResponse
from starlette.exceptions import HTTPException

from piccolo_api_fastapi.core.http.route import AuthRoute
from tests.conftest import new_client


def app_with(endpoint: Any) -> FastAPI:
    """An application with one such route."""
    router = APIRouter(route_class=AuthRoute)
    router.add_api_route("/", endpoint, methods=["POST"])
    app = FastAPI()
    app.include_router(router)
    return app


async def test_errors_pass() -> None:
    """Whose fault it is decides: HTTP errors and outages are answers, bugs are raised."""
    errors: list[Exception] = [
        HTTPException(418, "Short and stout."),
        sqlite3.OperationalError("database is locked"),
        sqlite3.OperationalError("no such table: x"),
    ]

    async def endpoint() -> None:
        raise errors.pop(0)

    async with new_client(app_with(endpoint)) as client:
        answer = await client.post("/")
        assert (answer.status_code, answer.json()["code"]) == (418, "im_a_teapot")
        answer = await client.post("/")
        assert (answer.status_code, answer.json()["code"]) == (503, "store_unavailable")
        assert (await client.post("/")).status_code == 500


async def test_body_is_handed_on() -> None:
    """The endpoint sees the body that was checked, once, and then the connection."""

    async def endpoint(request: Request, value: Annotated[dict[str, int], Body()]) -> bool:
        assert value == {"a": 1}
        assert await request.json() == value
        return await request.is_disconnected()

    async with new_client(app_with(endpoint)) as client:
        assert (await client.post("/", json={"a": 1})).json() is False


async def test_disconnect() -> None:
    """A client that leaves is seen to have left."""
    messages: list[Any] = []

    async def endpoint(request: Request) -> None:
        messages.append(await request.receive())
        messages.append(await request.receive())

    app = app_with(endpoint)
    incoming = [{"type": "http.request", "body": b""}, {"type": "http.disconnect"}]

    async def receive() -> Any:
        return incoming.pop(0)

    async def send(_: Any) -> None:
        return None

    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "query_string": b""}
    await app(scope, receive, send)
    assert [message["type"] for message in messages] == ["http.request", "http.disconnect"]


async def test_form_without_errors() -> None:
    """A form of an ordinary route of this class is read as strictly."""

    async def endpoint(a: Annotated[str, Form()]) -> str:
        return a

    async with new_client(app_with(endpoint)) as client:
        assert (await client.post("/", data={"a": "1"})).json() == "1"
        assert (await client.post("/", data={"b": "1"})).status_code == 422


async def test_response_class() -> None:
    """A route of this class may have a response class of its own."""
    app = FastAPI()
    router = APIRouter(route_class=AuthRoute)

    @router.get("/", response_class=PlainTextResponse)
    async def endpoint() -> str:
        return "plain"

    app.include_router(router)
    async with new_client(app) as client:
        answer = await client.get("/")
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text == "plain"
