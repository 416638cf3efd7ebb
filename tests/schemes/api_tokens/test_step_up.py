"""Making and rotating an API token asks for a factor that was presented recently."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AnyOf,
    APIToken,
    Login,
    SessionAuth,
    TokenAuth,
    User,
    install,
    reauthentication_router,
    session_router,
    token_router,
)
from piccolo_api_fastapi.errors import StepUpRequired
from piccolo_api_fastapi.testing import FrozenClock, acting_as
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client
from tests.documents import expanded

URL = "/auth/api-tokens"


@pytest.mark.security(74)
async def test_step_up(
    session: SessionAuth[User], token: TokenAuth[User], ada: User, clock: FrozenClock
) -> None:
    """A session whose factors are older than five minutes makes and rotates no token."""
    app = FastAPI()
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    login = Login(session.users)
    app.include_router(reauthentication_router(login, session), prefix="/auth")
    app.include_router(token_router(token, AnyOf(token, session)), prefix="/auth")
    async with new_client(app) as client:
        await log_in(client)
        clock.advance(timedelta(minutes=5) - timedelta(seconds=1))
        made = (await client.post(URL, json={"name": "report"})).json()
        clock.advance(timedelta(seconds=1))
        for path in (URL, f"{URL}/{made['id']}/rotate"):
            body = {"name": "more"} if path == URL else None
            answer = await client.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (401, StepUpRequired.code)
        assert len((await client.get(URL)).json()) == 1
        assert (await client.delete(f"{URL}/{made['id']}")).status_code == 204
        await client.post("/auth/reauthenticate", json={"password": PASSWORD})
        assert (await client.post(URL, json={"name": "report"})).status_code == 201
    entry = expanded(app.openapi())["paths"][URL]["post"]["responses"]["401"]
    assert StepUpRequired.code in entry["content"]["application/problem+json"]["examples"]


@pytest.mark.security(74)
async def test_step_up_of_apps(client: httpx.AsyncClient, ada: User, clock: FrozenClock) -> None:
    """Nor does an access token that was refreshed since, or a family that was never asked."""
    tokens = await get_tokens(client)
    clock.advance(timedelta(minutes=5))
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    refreshed = (await client.post("/auth/token", data=form)).json()
    for found in (tokens, refreshed):
        headers = bearer(found["access_token"])
        answer = await client.post(URL, json={"name": "x"}, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, StepUpRequired.code)
    assert await APIToken.count() == 0


@pytest.mark.security(74)
@pytest.mark.parametrize(
    ("minutes", "status"),
    [
        ({}, 401),
        ({"password": 1}, 201),
        ({"password": 5}, 401),
        ({"password": 1, "totp": 6}, 401),
        ({"password": 6, "totp": 1}, 201),
        ({"unknown": 1}, 401),
    ],
)
async def test_step_up_with_second_factors(
    session: SessionAuth[User],
    token: TokenAuth[User],
    ada: User,
    clock: FrozenClock,
    minutes: dict[str, int],
    status: int,
) -> None:
    """A caller who logged in with a second factor presents a second one, not the password."""
    app = FastAPI()
    install(app)
    app.include_router(token_router(token, session))
    factors = {name: clock.now - timedelta(minutes=ago) for name, ago in minutes.items()}
    async with new_client(app) as client:
        with acting_as(session, ada, factors=factors):
            answer = await client.post("/api-tokens", json={"name": "x"})
    assert answer.status_code == status


async def test_no_step_up(
    session: SessionAuth[User], token: TokenAuth[User], ada: User, clock: FrozenClock
) -> None:
    """`within` sets another time, and `None` asks for nothing."""
    for within, status in ((timedelta(minutes=10), 401), (timedelta(minutes=12), 201), (None, 201)):
        app = FastAPI()
        app.include_router(token_router(token, session, within=within))
        factors = {"password": clock.now - timedelta(minutes=11)}
        async with new_client(app) as client:
            with acting_as(session, ada, factors=factors):
                answer = await client.post("/api-tokens", json={"name": "x"})
        assert answer.status_code == status
