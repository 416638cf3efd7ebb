"""Nobody inherits what was said of a closed account: its tokens, limits and events."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    Accounts,
    Claims,
    EventRecord,
    JWTAuth,
    Login,
    RateLimit,
    User,
    Users,
    accounts_router,
    by_user,
    install,
    jwt_router,
    record_events,
)
from piccolo_api_fastapi.mail import ConsoleMail
from tests.conftest import PASSWORD, SECRET, bearer, get_tokens, new_client


@pytest.fixture
async def app(users: Users[User]) -> AsyncIterator[FastAPI]:
    """An application that reads the claims, limits users and records events."""
    jwt = JWTAuth(users, secret=SECRET)
    accounts = Accounts(users, mail=ConsoleMail(), base_url="https://testserver", schemes=[jwt])
    limit = RateLimit("2/hour", key=by_user(jwt))
    app = FastAPI()
    install(app)
    app.include_router(jwt_router(jwt, Login(users)), prefix="/auth")
    app.include_router(accounts_router(accounts), prefix="/auth")

    @app.get("/claims")
    async def claims(claims: Annotated[Claims, Depends(jwt.claims)]) -> str:
        return claims.subject

    @app.get("/limited", dependencies=[Depends(limit)])
    async def limited() -> None:
        """Twice an hour."""

    stop = record_events()
    yield app
    stop()


@pytest.mark.parametrize("how", ["by the user", "by the application"])
async def test_another_id(app: FastAPI, users: Users[User], how: str) -> None:
    """The next user has another subject, a limit of their own and no event of the first one."""
    mallory: Any = await users.create("mallory", PASSWORD, email="mallory@example.com")
    async with new_client(app) as client:
        old = bearer((await get_tokens(client, "mallory"))["access_token"])
        statuses = [(await client.get("/limited", headers=old)).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        if how == "by the user":
            answer = await client.request(
                "DELETE", "/auth/me", json={"current_password": PASSWORD}, headers=old
            )
            assert answer.status_code == 204, answer.text
        else:
            await User.delete().where(User.id == mallory.id)
        ada: Any = await users.create("ada", PASSWORD, email="ada@example.com")
        new = bearer((await get_tokens(client, "ada"))["access_token"])
        assert (await client.get("/claims", headers=old)).json() == str(mallory.id)
        assert (await client.get("/claims", headers=new)).json() == str(ada.id)
        assert (await client.get("/limited", headers=new)).status_code == 200
    names = await EventRecord.select(EventRecord.name).where(EventRecord.user == str(ada.id))
    assert {row["name"] for row in names} == {
        "user_created",
        "authn_login_success",
        "authn_token_created",
    }
