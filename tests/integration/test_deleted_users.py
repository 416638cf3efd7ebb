"""Users who are deleted while they are asked for something: 401 and never a 500."""

import asyncio
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AuthEvent,
    RefreshFamily,
    Session,
    TOTPSecret,
    User,
    Users,
    subscribe,
)
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client

CREDENTIALS = {"username": "ada", "password": PASSWORD}


async def test_the_user_goes_before_a_session_starts(client: httpx.AsyncClient, ada: User) -> None:
    """A login whose user is deleted right after the password was checked is a 401."""

    async def delete(event: AuthEvent) -> None:
        if event.name == "authn_login_success":
            await User.delete().where(User.id == event.user)

    end = subscribe(delete)
    answer = await log_in(client)
    end()
    assert answer.status_code == 401
    assert "set-cookie" not in answer.headers
    assert await Session.count() == 0


@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("path", ["/auth/mfa/totp", "/auth/login", "/auth/token"])
async def test_races(app: FastAPI, users: Users[User], path: str) -> None:
    """Of 24 requests at once, while the user is deleted, none is a 500, and none leaves a row."""
    body: dict[str, Any] = {
        "/auth/login": {"json": CREDENTIALS},
        "/auth/token": {"data": {"grant_type": "password", **CREDENTIALS}},
    }.get(path, {})
    for _ in range(5):
        ada = await users.create("ada", PASSWORD)
        async with new_client(app) as client:
            tokens = await get_tokens(client)
            headers = bearer(tokens["access_token"]) if "mfa" in path else {}

            async def ask(
                client: httpx.AsyncClient = client, headers: dict[str, str] = headers
            ) -> int:
                return (await client.post(path, headers=headers, **body)).status_code

            async def delete(key: Any = ada.id) -> int:
                await User.delete().where(User.id == key)
                return 0

            statuses = await asyncio.gather(
                *(ask() for _ in range(12)), delete(), *(ask() for _ in range(12))
            )
            assert not {status for status in statuses if status >= 500}
            assert await TOTPSecret.count() == await Session.count() == 0
            assert await RefreshFamily.count() == 0
