"""piccolo-api as its documentation has it: middleware before a private application."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI, Request, Response
from piccolo.apps.user.tables import BaseUser
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import create_db_tables
from piccolo_api.jwt_auth.endpoints import jwt_login
from piccolo_api.jwt_auth.middleware import JWTMiddleware
from piccolo_api.session_auth.endpoints import session_login
from piccolo_api.session_auth.middleware import SessionsAuthBackend
from piccolo_api.session_auth.tables import SessionsBase
from piccolo_api.token_auth.middleware import TokenAuthBackend
from piccolo_api.token_auth.tables import TokenAuth
from starlette.middleware import Middleware
from starlette.middleware.authentication import AuthenticationMiddleware

from benchmarks.databases import POOL_SIZE, piccolo_engine

from .vocabulary import (
    EMAIL,
    ISSUE,
    OTHERS,
    PASSWORD,
    SECRET,
    USERNAME,
    Headers,
    Me,
    Post,
    add_ping,
    bearer,
    cookie_of,
    expiring_later,
    post_json,
)


async def prepare() -> None:
    """The tables and the users."""
    piccolo_engine()
    await create_db_tables(BaseUser, SessionsBase, TokenAuth)
    await BaseUser.create_user(USERNAME, PASSWORD, email=EMAIL, active=True)
    for name, email in OTHERS.items():
        await BaseUser.create_user(name, PASSWORD, email=email, active=True)


def application(variant: str) -> FastAPI:
    """A public application with the login, and the private one below it."""
    app = FastAPI(lifespan=_lifespan)
    add_ping(app)
    if variant == "session":
        _add_issue_of_sessions(app)
        app.mount("/login/", session_login())
        app.mount("/", _behind_a_backend(SessionsAuthBackend(admin_only=False)))
    elif variant == "token":
        _add_issue(app)
        app.mount("/", _behind_a_backend(TokenAuthBackend()))
    else:
        app.mount("/login/", jwt_login(secret=SECRET))
        app.mount("/", JWTMiddleware(_private_by_id(), secret=SECRET))
    return app


def _add_issue(app: FastAPI) -> None:
    """Another token for whoever asks: the login gives the same one each time."""

    @app.post("/issue")
    async def issue() -> dict[str, str]:
        return {"token": await TokenAuth.create_token(await _user_id(), one_per_user=False)}


def _add_issue_of_sessions(app: FastAPI) -> None:
    """A session without the second that the hash of a login takes."""

    @app.post("/issue")
    async def issue(response: Response) -> None:
        session = await SessionsBase.create_session(await _user_id())
        response.set_cookie("id", session.token)


async def _user_id() -> int:
    user = await BaseUser.select(BaseUser.id).where(BaseUser.username == USERNAME).first()
    assert user is not None  # noqa: S101 - `prepare` made them
    user_id: int = user["id"]
    return user_id


def _behind_a_backend(backend: SessionsAuthBackend | TokenAuthBackend) -> FastAPI:
    app = FastAPI(middleware=[Middleware(AuthenticationMiddleware, backend=backend)])

    @app.get("/me")
    async def me(request: Request) -> Me:
        return Me(username=request.user.user.username)

    return app


def _private_by_id() -> FastAPI:
    """The middleware loads the user and passes on the id; who wants the user loads it again."""
    app = FastAPI()

    @app.get("/me")
    async def me(request: Request) -> Me:
        user = await BaseUser.objects().get(BaseUser.id == request.scope["user_id"])
        return Me(username=user.username if user else "")

    return app


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    engine = piccolo_engine()
    if isinstance(engine, PostgresEngine):
        await engine.start_connection_pool(min_size=POOL_SIZE, max_size=POOL_SIZE)
    yield
    if isinstance(engine, PostgresEngine):
        await engine.close_connection_pool()


def login(variant: str) -> Post:
    """How to log in."""
    return ISSUE if variant == "token" else post_json("/login/")


def credential(headers: Any, body: bytes, variant: str) -> Headers:
    """What to send with a request, from the answer to the login."""
    return cookie_of(headers) if variant == "session" else bearer(json.loads(body)["token"])


def further(headers: Headers, number: int, variant: str) -> Headers | None:
    """Another credential like one that a login gave; `None` if only a login gives one."""
    return expiring_later(headers, number) if variant == "jwt" else None


def issue(variant: str) -> Post | None:
    """How to get another session without a login; `None` for the rest."""
    return ISSUE if variant == "session" else None
