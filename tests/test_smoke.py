"""The whole of it, once: log in, be somebody, log out."""

import httpx

from piccolo_api_fastapi import User
from tests.conftest import bearer, get_tokens, log_in


async def test_session_and_jwt(client: httpx.AsyncClient, ada: User) -> None:
    """A browser and an app of one user are both let in, until they leave."""
    assert (await client.get("/me")).status_code == 401
    assert (await log_in(client)).status_code == 200
    assert (await client.get("/me")).json() == {"username": "ada"}
    tokens = await get_tokens(client)
    assert (await client.get("/jwt", headers=bearer(tokens["access_token"]))).status_code == 200
    answer = await client.post("/auth/logout")
    assert answer.status_code == 204
    assert (await client.get("/me")).status_code == 401
