"""The accounts: from the registration to the first comment, with what is printed."""

import re
from typing import Any

import httpx
import pytest

from examples.accounts.app import app
from tests.conftest import PASSWORD, log_in, new_client, reaches_no_sql


@pytest.fixture
async def client(database: Any) -> Any:
    """A client of the example."""
    async with new_client(app) as client:
        yield client


async def test_accounts(client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]) -> None:
    """Register, log in, verify by what the console shows, and comment."""
    ada = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    answer = await client.post("/auth/register", json={**ada, "first_name": "Ada"})
    assert answer.status_code == 202
    assert (await log_in(client)).status_code == 200
    assert (await client.post("/comments?text=Hello")).json()["code"] == "email_not_verified"
    printed = capsys.readouterr().out
    token = re.search(r"http://127\.0\.0\.1:8000/verify-email#token=(\S+)", printed)
    assert token is not None
    answer = await client.post("/auth/verify-email", json={"token": token[1]})
    assert answer.json() == {"status": "verified"}
    answer = await client.post("/comments?text=Hello")
    assert answer.json() == {"author": "ada", "text": "Hello"}
    assert (await client.get("/auth/me")).json()["first_name"] == "Ada"


@reaches_no_sql
@pytest.mark.security(89)
async def test_the_page(client: httpx.AsyncClient) -> None:
    """The page of the link reveals nothing to others, and uses nothing up by itself."""
    answer = await client.get("/verify-email")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "no-store"
    assert "location.hash" in answer.text
