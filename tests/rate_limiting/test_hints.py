"""What is probably a mistake is said, once."""

import logging
import sys

import pytest
from fastapi import FastAPI
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import RateLimit, by_address
from piccolo_api_fastapi.rate_limiting import hints as self_checks
from tests.conftest import new_client


def connection(peer: tuple[str, int] | None, *headers: bytes, **scope: object) -> HTTPConnection:
    """A request with headers of these names."""
    raw = [(name, b"203.0.113.9") for name in headers]
    return HTTPConnection({"type": "http", "headers": raw, "client": peer, **scope})


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The warnings."""
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


def test_no_address(caplog: pytest.LogCaptureFixture) -> None:
    """A request without an address is pointed out, and once."""
    for peer in (None, ("testclient", 1)):
        assert by_address(connection(peer)) is None
    [message] = said(caplog)
    assert "no client address" in message


async def test_limits_made_while_serving(caplog: pytest.LogCaptureFixture) -> None:
    """So is a limit that is made for each request."""
    RateLimit("1/minute")
    assert said(caplog) == []
    app = FastAPI()

    @app.get("/")
    async def root() -> int | None:
        return (await RateLimit("10/minute", scope="x").hit("ada")).remaining

    async with new_client(app) as client:
        assert [(await client.get("/")).json() for _ in range(3)] == [9, 8, 7]
    [message] = said(caplog)
    assert "during a request" in message


@pytest.mark.parametrize(
    ("argv", "concurrency", "expected"),
    [
        (["uvicorn", "app:app"], None, None),
        (["uvicorn", "app:app", "--workers", "1"], None, None),
        (["uvicorn", "app:app", "--workers", "4"], None, "4"),
        (["gunicorn", "-w", "3", "app:app"], None, "3"),
        (["gunicorn", "--workers=2"], None, "2"),
        (["uvicorn", "app:app"], "8", "8"),
        (["uvicorn", "app:app"], "1", None),
        (["uvicorn", "app:app"], "auto", None),
    ],
)
async def test_workers(
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    argv: list[str],
    concurrency: str | None,
    expected: str | None,
) -> None:
    """So are several workers that each count for themselves."""
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.delenv("WEB_CONCURRENCY", raising=False)
    if concurrency is not None:
        monkeypatch.setenv("WEB_CONCURRENCY", concurrency)
    for key in ("ada", "grace"):
        await RateLimit("1/minute", scope="x").hit(key)
    said_of_workers = [message.partition(" workers")[0] for message in said(caplog)]
    assert said_of_workers == ([f"The server has {expected}"] if expected else [])
    assert self_checks.has_said("workers") is bool(expected)
