"""The smallest application is a whole one."""

from typing import Any

import pytest

from examples.smallest.app import app, session
from tests.conftest import PASSWORD, log_in, new_client


@pytest.fixture
async def ada(database: Any) -> None:
    """An ordinary user."""
    await session.users.create("ada", PASSWORD)


async def test_login(ada: None) -> None:
    """The user logs in, is let in, logs out, and is not let in with the old cookie."""
    async with new_client(app) as client:
        answer = await client.get("/me")
        assert (
            answer.status_code,
            answer.json(),
        ) == (401, {"detail": "Authentication is required."})
        assert "www-authenticate" in answer.headers
        assert (await log_in(client)).status_code == 200
        assert (await client.get("/me")).json() == {"username": "ada"}
        old = dict(client.cookies)
        assert (await client.post("/auth/logout")).status_code == 204
        assert list(client.cookies) == ["__Host-known-device"]
        client.cookies.update(old)
        assert (await client.get("/me")).status_code == 401


async def test_wrong_password(ada: None) -> None:
    """A wrong password gives no cookie."""
    async with new_client(app) as client:
        answer = await log_in(client, password="wrong")
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_credentials")
        assert not client.cookies


async def test_other_sites(ada: None) -> None:
    """A page of another site can neither log the browser in nor out."""
    async with new_client(app) as client:
        await log_in(client)
        client.headers["Sec-Fetch-Site"] = "cross-site"
        assert (await log_in(client)).status_code == 403
        assert (await client.post("/auth/logout")).status_code == 403
        assert (await client.get("/me")).status_code == 200
