"""AuthX as its documentation has it: a token, and no database."""

import json
from typing import Annotated, Any

from authx import AuthX, AuthXConfig, TokenPayload
from fastapi import Depends, FastAPI, HTTPException

from .vocabulary import (
    PASSWORD,
    SECRET,
    USERNAME,
    Credentials,
    Headers,
    Me,
    Post,
    add_ping,
    bearer,
    post_json,
)


async def prepare() -> None:
    """There is no database."""


def application(_: str) -> FastAPI:
    """A login that knows one user, a refresh, and the route."""
    config = AuthXConfig(JWT_SECRET_KEY=SECRET, JWT_TOKEN_LOCATION=["headers"])
    auth: AuthX[None] = AuthX(config=config)
    app = FastAPI()
    auth.handle_errors(app)
    add_ping(app)

    @app.post("/login")
    async def log_in(credentials: Credentials) -> dict[str, str]:
        if (credentials.username, credentials.password) != (USERNAME, PASSWORD):
            raise HTTPException(401)
        return {
            "access_token": auth.create_access_token(uid=USERNAME),
            "refresh_token": auth.create_refresh_token(uid=USERNAME),
        }

    @app.post("/refresh")
    async def refresh(
        payload: Annotated[TokenPayload, Depends(auth.refresh_token_required)],
    ) -> dict[str, str]:
        return {"access_token": auth.create_access_token(uid=payload.sub)}

    @app.get("/me")
    async def me(payload: Annotated[TokenPayload, Depends(auth.access_token_required)]) -> Me:
        return Me(username=payload.sub)

    return app


def login(_: str) -> Post:
    """How to log in."""
    return post_json("/login")


def credential(_: Any, body: bytes, __: str) -> Headers:
    """What to send with a request, from the answer to the login."""
    return bearer(json.loads(body)["access_token"])
