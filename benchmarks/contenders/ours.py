"""The library, as its tutorial sets it up."""

import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Annotated, Any

from fastapi import Depends, FastAPI
from piccolo.engine.postgres import PostgresEngine
from piccolo.table import create_db_tables

from benchmarks.databases import POOL_SIZE, piccolo_engine
from piccolo_api_fastapi import (
    AnyOf,
    Claims,
    JWTAuth,
    Key,
    KeyRing,
    Login,
    LoginLimits,
    RateLimit,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    auth_tables,
    install,
    jwt_router,
    session_router,
    token_router,
)
from piccolo_api_fastapi.access.guards import Guard

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
    pem,
    post_form,
    post_json,
)

CAP = 10_000
"""Sessions, families and tokens of one user: more than 64 for each contender. It still counts."""


MANY = RateLimit("1000000/hour", scope="login: success")
"""The limit of right passwords, which is charged; by default a storm would soon reach it."""


class NamedJWT(JWTAuth[User]):
    """Tokens that name the user, for the route that asks no database."""

    async def extra_claims(self, user: User) -> Mapping[str, Any]:
        """The name."""
        return {"name": user.username}


async def prepare() -> None:
    """The tables and the users."""
    piccolo_engine()
    await create_db_tables(User, *auth_tables())
    users = Users()
    for name, email in {USERNAME: EMAIL, **OTHERS}.items():
        await users.create(name, PASSWORD, email=email)


def application(variant: str) -> FastAPI:
    """The whole of it: both routers, and the route guarded as `variant` says."""
    kind, _, algorithm = variant.partition("-")
    limits = [Depends(RateLimit("1000000/second"))] if algorithm == "limited" else []
    pool = POOL_SIZE if kind != "claims" else 1
    app = FastAPI(lifespan=_lifespan_of(pool, keeps=algorithm == "kept"))
    install(app)
    add_ping(app)
    session = SessionAuth(cap=CAP)
    is_named = kind == "claims" and not limits
    jwt = NamedJWT(keys=_ring(algorithm if is_named else "HS256"), cap=CAP)
    token = TokenAuth(max_per_user=CAP)
    any_of_them: Guard[User] = AnyOf(session, jwt, token)
    if kind == "claims":
        _add_claims(app, jwt, limits)
    else:
        guards = {"session": session, "jwt": jwt, "token": token, "any": any_of_them}
        _add_me(app, guards[kind], limits)
    login = Login(limits=LoginLimits(success=MANY))
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(jwt_router(jwt, login), prefix="/auth")
    app.include_router(token_router(token, any_of_them), prefix="/auth")
    _add_issue(app, token)
    return app


def _add_me(app: FastAPI, guard: Guard[User], limits: list[Any]) -> None:
    @app.get("/me", dependencies=limits)
    async def me(user: Annotated[User, Depends(guard)]) -> Me:
        return Me(username=user.username)


def _add_claims(app: FastAPI, jwt: JWTAuth[User], limits: list[Any]) -> None:
    @app.get("/me", dependencies=limits)
    async def me(claims: Annotated[Claims, Depends(jwt.claims)]) -> Me:
        return Me(username=claims.extra["name"])


def _add_issue(app: FastAPI, token: TokenAuth[User]) -> None:
    """An API token for whoever asks: people make theirs on a page, which is not measured here."""

    @app.post("/issue")
    async def issue() -> dict[str, str]:
        user = await token.users.find(USERNAME)
        assert user is not None  # noqa: S101 - `prepare` made them
        made = await token.create(user, "benchmark")
        return {"access_token": made.secret}


def _ring(algorithm: str) -> KeyRing:
    if algorithm == "HS256":
        return KeyRing(Key.from_secret(SECRET))
    return KeyRing(Key.from_pem(pem(algorithm)))


def _lifespan_of(
    pool: int, *, keeps: bool
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    """Who asks no database but at the login needs one connection; PostgreSQL has a hundred."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        engine = piccolo_engine(keeps=keeps)
        if isinstance(engine, PostgresEngine):
            await engine.start_connection_pool(min_size=pool, max_size=pool)
        elif keeps:
            await engine.start_connection_pool()
        yield
        if keeps or isinstance(engine, PostgresEngine):
            await engine.close_connection_pool()

    return lifespan


def login(variant: str) -> Post:
    """How to log in."""
    if _is_by_cookie(variant):
        return post_json("/auth/login")
    if variant.startswith("token") or variant == "any-token":
        return ISSUE
    form = {"grant_type": "password", "username": USERNAME, "password": PASSWORD}
    return post_form("/auth/token", **form)


def credential(headers: Any, body: bytes, variant: str) -> Headers:
    """What to send with a request, from the answer to the login."""
    return (
        cookie_of(headers) if _is_by_cookie(variant) else bearer(json.loads(body)["access_token"])
    )


def _is_by_cookie(variant: str) -> bool:
    return variant in ("session", "session-kept", "session-limited", "any-cookie", "any-limited")
