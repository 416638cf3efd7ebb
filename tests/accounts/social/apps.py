"""An app that gets tokens for users who sign in with a provider in the browser."""

import base64
import hashlib
from typing import Any

import httpx

from .conftest import begin, come_back, query_of
from .hostile import Provider

ADDRESS = "com.example.movies://callback"
APP = {"ios": ADDRESS}
VERIFIER = "v" * 43
CHALLENGE = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)


async def return_to_app(client: httpx.AsyncClient, provider: Provider) -> dict[str, str]:
    """Sign in with a provider; the parameters that the app is sent."""
    url = await begin(client, app="ios", code_challenge=CHALLENGE)
    answer = await come_back(client, provider.authorize(url))
    assert answer.status_code == 303, answer.text
    location = answer.headers["location"]
    assert location.startswith(f"{ADDRESS}?")
    assert "__Host-session" not in client.cookies
    return query_of(location)


async def sign_in_app(client: httpx.AsyncClient, provider: Provider) -> str:
    """Sign in with a provider; the ticket that the app is sent."""
    return (await return_to_app(client, provider))["ticket"]


async def exchange(client: httpx.AsyncClient, ticket: str, **body: Any) -> httpx.Response:
    """Exchange the ticket for tokens."""
    whole = {"ticket": ticket, "code_verifier": VERIFIER, **body}
    return await client.post("/auth/token/oauth", json=whole)
