"""The passwordless site: from the address to the session, with what is printed."""

import re
from typing import Any

import httpx
import pytest

from examples.passwordless.app import app
from tests.conftest import new_client, reaches_no_sql

ADA = {"email": "ada@example.com"}


@pytest.fixture
async def client(database: Any) -> Any:
    """A client of the example."""
    async with new_client(app) as client:
        yield client


async def test_a_link(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Sign up by the link that the console shows, in the browser that asked for it."""
    assert (await client.post("/auth/login/email", json=ADA)).status_code == 202
    printed = capsys.readouterr().out
    token = re.search(r"http://127\.0\.0\.1:8000/login-by-email#token=(\S+)", printed)
    assert token is not None
    async with new_client(app) as other:
        answer = await other.post("/auth/login/email/link", json={"token": token[1]})
        assert answer.json() == {"status": "confirm_code"}
    answer = await client.post("/auth/login/email/link", json={"token": token[1]})
    assert answer.json()["status"] == "signed_in"
    assert (await client.get("/me")).json() == ADA


async def test_a_code(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Sign up by the code."""
    await client.post("/auth/login/email", json=ADA)
    code = re.search(r"type the code (\d{8})", capsys.readouterr().out)
    assert code is not None
    answer = await client.post("/auth/login/email/code", json={**ADA, "code": code[1]})
    assert answer.json()["status"] == "signed_in"


@reaches_no_sql
@pytest.mark.security(167)
@pytest.mark.parametrize("path", ["/", "/login-by-email"])
async def test_the_pages(client: httpx.AsyncClient, path: str) -> None:
    """They tell nobody where they are, are not kept, and send nothing without a press."""
    answer = await client.get(path)
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "http" not in answer.text
    assert ("onsubmit" if path == "/" else "onclick") in answer.text
