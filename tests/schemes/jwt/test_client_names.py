"""The claim `client_id` (RFC 9068 section 2.2): what the client sent, or the configured name."""

from base64 import b64encode
from collections.abc import Mapping
from typing import Any

import httpx
import jwt as pyjwt
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import JWTAuth, RefreshFamily, User, Users, jwt_router
from tests.conftest import PASSWORD, SECRET, get_tokens, new_client

DEFAULT = "piccolo_api_fastapi"


def basic(credentials: str) -> dict[str, str]:
    """The header by which a client names itself."""
    return {"Authorization": f"Basic {b64encode(credentials.encode()).decode()}"}


def client_id(tokens: Mapping[str, Any]) -> Any:
    """What an access token says."""
    claims = pyjwt.decode(tokens["access_token"], options={"verify_signature": False})
    return claims["client_id"]


async def ask(client: httpx.AsyncClient, headers: Any, **form: str) -> httpx.Response:
    """Ask for tokens by password."""
    data = {"grant_type": "password", "username": "ada", "password": PASSWORD, **form}
    return await client.post("/auth/token", data=data, headers=headers)


@pytest.mark.parametrize(
    ("headers", "form", "expected"),
    [
        ({}, {}, DEFAULT),
        ({}, {"client_id": ""}, DEFAULT),
        ({}, {"client_id": "app", "client_secret": "ignored"}, "app"),
        (basic("app:"), {}, "app"),
        (basic("my%20app%3A1:secret"), {}, "my app:1"),
        (basic("app:secret"), {"client_id": "app"}, "app"),
        ({"Authorization": "Bearer x"}, {"client_id": "app"}, "app"),
        ({"Authorization": "Basic !"}, {}, DEFAULT),
        (basic("café:"), {}, DEFAULT),
    ],
)
async def test_names(
    client: httpx.AsyncClient, ada: User, headers: Any, form: dict[str, str], expected: str
) -> None:
    """By form or by HTTP Basic, and in every access token of the family."""
    tokens = (await ask(client, headers, **form)).json()
    assert client_id(tokens) == expected
    for _ in range(2):
        refresh = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
        tokens = (await client.post("/auth/token", data=refresh)).json()
        assert client_id(tokens) == expected


@pytest.mark.parametrize(
    ("headers", "form"),
    [
        (basic("one:"), {"client_id": "another"}),
        ({}, {"client_id": "a" * 101}),
        ({}, {"client_id": "caf\u00e9"}),
        (basic("a%00b:"), {}),
    ],
)
async def test_malformed(
    client: httpx.AsyncClient, ada: User, headers: Any, form: dict[str, str]
) -> None:
    """A name that contradicts itself, or is none, starts nothing."""
    answer = await ask(client, headers, **form)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert await RefreshFamily.count() == 0


async def test_configured(users: Users[User], ada: User) -> None:
    """The configured name, and one that the application adds as a claim."""

    class Named(JWTAuth[User]):
        async def extra_claims(self, user: User) -> Mapping[str, Any]:
            return {"client_id": f"of {user.username}"}

    for jwt, expected in (
        (JWTAuth(users, secret=SECRET, client_id="shop"), "shop"),
        (Named(users, secret=SECRET), "of ada"),
    ):
        app = FastAPI()
        app.include_router(jwt_router(jwt), prefix="/auth")
        async with new_client(app) as client:
            tokens = await get_tokens(client)
        assert client_id(tokens) == expected
        claims = jwt.decode(tokens["access_token"])
        assert claims.client_id == expected
        assert claims.extra == {}
