"""Work that a request promised is done after its response, whatever becomes of the request."""

import asyncio
import logging
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import Response

from piccolo_api_fastapi.mail.delivery import Later, dependencies
from tests.conftest import new_client


class Steps(list[str]):
    """What happened, in order; `go` lets the work end."""

    def __init__(self) -> None:
        super().__init__()
        self.begun, self.go, self.done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def work(self, name: str) -> None:
        """Do the work, once it may."""
        self.append(f"{name} begins")
        self.begun.set()
        await self.go.wait()
        self.append(f"{name} ends")
        self.done.set()


def application(steps: Steps, middlewares: int = 0) -> FastAPI:
    """An application with middlewares, and a route that promises work."""
    app = FastAPI()
    for _ in range(middlewares):

        @app.middleware("http")
        async def pass_on(request: Request, call_next: Any) -> Response:
            answer: Response = await call_next(request)
            return answer

    @app.post("/mail")
    async def mail(later: Later) -> dict[str, str]:
        later.add(steps.work, "mail")
        return {}

    @app.post("/fail")
    async def fail(later: Later) -> dict[str, str]:
        async def broken() -> None:
            raise RuntimeError

        later.add(broken)
        return {}

    @app.post("/none")
    async def none(later: Later) -> dict[str, str]:
        assert later is not None
        return {}

    return app


async def ask(app: FastAPI, path: str, steps: list[str], read: Any = None) -> None:
    """Send a request, and note when its response begins, which `read` may delay."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            if read is not None:
                await read()
            steps.append(f"response {message['status']}")

    scope: dict[str, Any] = {"type": "http", "method": "POST", "path": path, "headers": []}
    scope |= {"query_string": b"", "client": ("127.0.0.1", 1), "root_path": "", "scheme": "https"}
    await app(scope, receive, send)


async def test_after_the_response() -> None:
    """The work begins after the response has begun, and the server waits until it is done."""
    steps = Steps()
    steps.go.set()
    await ask(application(steps), "/mail", steps)
    assert steps == ["response 200", "mail begins", "mail ends"]


@pytest.mark.parametrize("middlewares", [0, 1, 2])
async def test_a_cancelled_request(middlewares: int) -> None:
    """A request that is cancelled after its response loses no work."""
    steps = Steps()
    request = asyncio.create_task(ask(application(steps, middlewares), "/mail", steps))
    await asyncio.wait_for(steps.begun.wait(), 10)
    request.cancel()
    await asyncio.sleep(0)
    steps.go.set()
    with pytest.raises(asyncio.CancelledError):
        await request
    await asyncio.wait_for(steps.done.wait(), 10)
    assert steps == ["response 200", "mail begins", "mail ends"]


async def test_a_response_that_nobody_reads(monkeypatch: pytest.MonkeyPatch) -> None:
    """The work does not wait for a client for longer than a moment."""
    monkeypatch.setattr(dependencies, "PATIENCE", 0)
    steps = Steps()
    steps.go.set()
    await asyncio.wait_for(ask(application(steps), "/mail", steps, read=steps.done.wait), 10)
    assert steps == ["mail begins", "mail ends", "response 200"]


async def test_errors(caplog: pytest.LogCaptureFixture) -> None:
    """An error is logged, and nobody waits for it; without work there is nothing to do."""
    async with new_client(application(Steps())) as client:
        with caplog.at_level(logging.ERROR):
            assert (await client.post("/fail")).status_code == 200
            assert (await client.post("/none")).status_code == 200
    [record] = caplog.records
    assert record.getMessage() == "broken failed after the response was sent."
