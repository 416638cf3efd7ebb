"""An application with API tokens beside sessions and JWT."""

from collections.abc import AsyncIterator, Iterator
from functools import lru_cache
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Security, WebSocket

from piccolo_api_fastapi import (
    AnyOf,
    Identity,
    JWTAuth,
    Login,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    install,
    jwt_router,
    reauthentication_router,
    session_router,
    token_router,
)
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import new_client, unchanged


@lru_cache
def _users(_: Any, clock: FrozenClock) -> Users[User]:
    return Users(clock=clock, scopes_of=lambda user: ["read", "write"] if user.admin else ["read"])


@lru_cache
def _token(users: Users[User]) -> TokenAuth[User]:
    return TokenAuth(users, max_per_user=5)


@pytest.fixture
def users(database: Any, clock: FrozenClock) -> Users[User]:
    """Users who may read; administrators may write."""
    return _users(database, clock)


@pytest.fixture
def token(users: Users[User]) -> TokenAuth[User]:
    """The scheme, with its defaults but for a small cap."""
    return _token(users)


@pytest.fixture
def app(
    session: SessionAuth[User], jwt: JWTAuth[User], token: TokenAuth[User]
) -> Iterator[FastAPI]:
    """Routers under `/auth`, `/me` by any scheme, `/token` by API token, `/write`, `/ws`."""
    yield from unchanged(_app, session, jwt, token)


@lru_cache
def _app(session: SessionAuth[User], jwt: JWTAuth[User], token: TokenAuth[User]) -> FastAPI:
    app = FastAPI()
    install(app)
    login = Login(session.users)
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(jwt_router(jwt, login), prefix="/auth")
    current_user = AnyOf(session, jwt, token)
    # An API token among the schemes is refused all the same.
    app.include_router(token_router(token, current_user), prefix="/auth")
    app.include_router(reauthentication_router(login, AnyOf(session, jwt)), prefix="/auth")

    @app.get("/me")
    async def me(
        identity: Annotated[Identity[User], Depends(current_user.identity)],
    ) -> dict[str, Any]:
        return {
            "username": identity.user.username,
            "scheme": identity.scheme,
            "scopes": sorted(identity.scopes),
        }

    @app.get("/token")
    async def by_token(user: Annotated[User, Depends(token)]) -> dict[str, str]:
        return {"username": user.username}

    @app.post("/write")
    async def write(user: Annotated[User, Security(current_user, scopes=["write"])]) -> str:
        return user.username

    @app.websocket("/ws")
    async def ws(websocket: WebSocket, user: Annotated[User, Depends(current_user)]) -> None:
        await websocket.accept()
        await websocket.send_json({"username": user.username})
        await websocket.close()

    return app


@pytest.fixture
async def machine(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client without a cookie jar of its own to speak of: it sends API tokens."""
    async with new_client(app) as client:
        yield client
