"""Settings of an application that reach the prebuilt routers leave their responses as they are."""

from collections.abc import Mapping
from typing import Any

import pytest
from fastapi import APIRouter, Depends, FastAPI
from fastapi.responses import HTMLResponse, PlainTextResponse
from fastapi.routing import APIRoute

from piccolo_api_fastapi import (
    Accounts,
    JWTAuth,
    Login,
    SessionAuth,
    User,
    accounts_router,
    install,
    jwt_router,
    session_router,
)
from tests.conftest import PASSWORD, log_in, new_client


def _by_name(route: APIRoute) -> str:
    return f"named_{route.name}"


SETTINGS: Mapping[str, Mapping[str, Any]] = {
    "html": {"default_response_class": HTMLResponse},
    "text": {"default_response_class": PlainTextResponse},
    "responses": {"responses": {418: {"description": "A teapot"}}},
    "ids": {"generate_unique_id_function": _by_name},
    "any content type": {"strict_content_type": False},
    "one schema": {"separate_input_output_schemas": False},
    "no redirects": {"redirect_slashes": False},
}


def routers(session: SessionAuth[User], jwt: JWTAuth[User]) -> list[APIRouter]:
    """The routers of an ordinary application."""
    login = Login(session.users)
    accounts = Accounts(schemes=[session], login=login)
    return [session_router(session, login), jwt_router(jwt, login), accounts_router(accounts)]


@pytest.mark.parametrize("name", [*SETTINGS, "guarded"])
@pytest.mark.parametrize("on_router", [False, True])
@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
async def test_settings(
    ada: User, session: SessionAuth[User], jwt: JWTAuth[User], name: str, on_router: Any
) -> None:
    """All routes answer JSON as ever, whether the application or an outer router is set up so."""
    settings = dict(SETTINGS.get(name, {"dependencies": [Depends(session)]}))
    of_router = {}
    if on_router:  # which has these settings too
        for key in ("default_response_class", "responses", "generate_unique_id_function"):
            if key in settings:
                of_router[key] = settings.pop(key)
    app, outer = FastAPI(**settings), APIRouter(**of_router)
    install(app)
    for router in routers(session, jwt):
        outer.include_router(router)
    app.include_router(outer, prefix="/auth")
    async with new_client(app) as client:
        answer = await log_in(client)
        assert answer.json()["user"]["username"] == "ada"
        assert (await client.get("/auth/me")).json()["username"] == "ada"
        answer = await client.get("/auth/sessions")
        assert answer.headers["content-type"] == "application/json"
        assert answer.json()[0]["current"]
        form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
        answer = await client.post("/auth/token", data=form)
        assert answer.json()["token_type"].lower() == "bearer"
        body = {"username": "bob", "email": "bob@example.com", "password": PASSWORD}
        answer = await client.post("/auth/register", json=body)
        assert answer.status_code == 201
        assert answer.headers["content-type"] == "application/json"
        answer = await client.post("/auth/login", content=b"{}")
        assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
        assert (await client.post("/auth/logout")).status_code == 204
    operations = [
        operation["operationId"]
        for path in app.openapi()["paths"].values()
        for operation in path.values()
    ]
    assert "log_in" in operations
    assert len(set(operations)) == len(operations)
