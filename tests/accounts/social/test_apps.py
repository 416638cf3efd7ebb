"""Apps: the ticket that the browser brings them, and the tokens that they get for it."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import OAuthAccount, User, Users
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import bearer, new_client

from .apps import ADDRESS, APP, CHALLENGE, exchange, return_to_app, sign_in_app
from .conftest import VERIFIED, MakeApp, begin, come_back, query_of
from .hostile import Provider


@pytest.fixture
def app(make_app: MakeApp) -> FastAPI:
    """An application with an app."""
    return make_app(apps=APP)


async def test_tokens(client: httpx.AsyncClient, provider: Provider) -> None:
    """A ticket and the verifier of the app give tokens, once."""
    provider.claims = VERIFIED
    parameters = await return_to_app(client, provider)
    assert parameters.keys() == {"ticket"}
    answer = await exchange(client, parameters["ticket"], scope="account", client_id="ios")
    pair = answer.json()
    assert (answer.status_code, pair["scope"]) == (200, "account")
    headers = bearer(pair["access_token"])
    assert (await client.get("/me", headers=headers)).json() == "ada@example.com"
    answer = await exchange(client, parameters["ticket"])
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_ticket")


@pytest.mark.security(143)
async def test_wrong_verifier(client: httpx.AsyncClient, provider: Provider) -> None:
    """A ticket is for the app that began, and is used up by a wrong verifier."""
    ticket = await sign_in_app(client, provider)
    for verifier in ("x" * 43, "v" * 43):
        answer = await exchange(client, ticket, code_verifier=verifier)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid_ticket")


@pytest.mark.parametrize(("after", "status"), [(59, 200), (60, 400)])
async def test_expires(
    client: httpx.AsyncClient, provider: Provider, clock: FrozenClock, after: int, status: int
) -> None:
    """It is valid for a minute."""
    ticket = await sign_in_app(client, provider)
    clock.advance(timedelta(seconds=after))
    assert (await exchange(client, ticket)).status_code == status


@pytest.mark.parametrize("change", ["password", "disabled", "unlinked"])
async def test_what_ends_a_ticket(
    client: httpx.AsyncClient, provider: Provider, users: Users[User], change: str
) -> None:
    """It ends like every credential, and with the linked account."""
    provider.claims = VERIFIED
    ticket = await sign_in_app(client, provider)
    [user] = await User.objects()
    if change == "password":
        await users.set_password(user, "another horse battery")
    elif change == "disabled":
        await User.update({User.active: False}, force=True)
    else:
        await OAuthAccount.delete(force=True)
    answer = await exchange(client, ticket)
    assert answer.status_code == 400


@pytest.mark.security(163)
async def test_disabled(client: httpx.AsyncClient, provider: Provider) -> None:
    """The app of a disabled user gets no ticket."""
    await sign_in_app(client, provider)
    await User.update({User.active: False}, force=True)
    assert await return_to_app(client, provider) == {"error": "invalid_credentials"}


async def test_errors(client: httpx.AsyncClient, provider: Provider, ada: User) -> None:
    """An error is told to the app; the browser gets no cookie of a link that waits."""
    provider.claims = {"sub": ""}
    assert await return_to_app(client, provider) == {"error": "provider_refused"}
    provider.claims = VERIFIED
    assert await return_to_app(client, provider) == {"error": "account_exists"}
    assert "__Host-oauth-confirm" not in client.cookies


@pytest.mark.security(162)
@pytest.mark.parametrize(
    "body",
    [
        {"app": "android", "code_challenge": CHALLENGE},
        {"app": "ios"},
        {"code_challenge": CHALLENGE},
        {"app": "ios", "code_challenge": "short"},
        {"app": ADDRESS, "code_challenge": CHALLENGE},
    ],
)
async def test_unknown_apps(client: httpx.AsyncClient, body: dict[str, str]) -> None:
    """Nobody is sent to an app that is not registered, or without a challenge."""
    assert (await client.post("/auth/oauth/company", json=body)).status_code == 422


async def test_a_browser_beside(client: httpx.AsyncClient, provider: Provider) -> None:
    """Browsers sign in as ever."""
    back = provider.authorize(await begin(client))
    assert (await come_back(client, back)).headers["location"] == "/"
    assert query_of(f"{ADDRESS}?ticket=a") == {"ticket": "a"}


async def test_removed_meanwhile(
    app: FastAPI, client: httpx.AsyncClient, provider: Provider
) -> None:
    """An app whose address was removed since gets nothing, and nobody is sent there."""
    url = await begin(client, app="ios", code_challenge=CHALLENGE)
    app.state.social.apps = {}
    answer = await come_back(client, provider.authorize(url))
    assert (answer.status_code, answer.json()["code"]) == (400, "login_flow_unknown")


async def test_no_apps(make_app: MakeApp, provider: Provider) -> None:
    """Without apps there is no such route."""
    async with new_client(make_app()) as client:
        assert (await exchange(client, "tkt_x")).status_code == 404
