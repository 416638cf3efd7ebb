"""A log-in with a provider, from beginning to end."""

import httpx
from fastapi import FastAPI

from piccolo_api_fastapi import OAuthAccount, User

from .conftest import VERIFIED, begin, query_of, sign_in
from .hostile import Provider


async def test_sign_up_and_log_in(
    app: FastAPI, client: httpx.AsyncClient, provider: Provider
) -> None:
    """The first log-in makes a user, the second finds it."""
    provider.claims = VERIFIED
    answer = await sign_in(client, provider, next="/movies")
    assert (answer.status_code, answer.headers["location"]) == (303, "/movies"), answer.text
    assert (await client.get("/me")).json() == "ada@example.com"
    answer = await sign_in(client, provider)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")
    assert (await User.count(), await OAuthAccount.count()) == (1, 1)
    [row] = (await client.get("/auth/oauth/accounts")).json()
    assert row["last_login_at"] is not None


async def test_begin(client: httpx.AsyncClient) -> None:
    """What the provider is asked."""
    asked = query_of(await begin(client))
    assert asked["code_challenge_method"] == "S256"
    assert asked["redirect_uri"] == "https://testserver/auth/oauth/company/callback"
    assert asked["scope"] == "openid email profile"
