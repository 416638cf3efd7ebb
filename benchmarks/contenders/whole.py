"""The library with all of its routers and with none, and a route that nobody guards."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI

from benchmarks.databases import piccolo_engine
from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    ConsoleMail,
    JWTAuth,
    Key,
    KeyRing,
    Login,
    SessionAuth,
    TokenAuth,
    User,
    XChaCha20Poly1305,
    accounts_router,
    install,
    jwt_router,
    metadata_router,
    mfa_router,
    reauthentication_router,
    session_router,
    token_router,
)

from . import ours
from .vocabulary import USERNAME, Me, add_ping, pem

URL = "https://api.example.com"
ENCRYPTION_KEY = "YW4gZXhhbXBsZSdzIGtleSBvZiB0aGlydHktdHdvIGI="

prepare = ours.prepare


def application(variant: str) -> FastAPI:
    """`install`, the route without a guard, and after it the routers if `variant` is "all"."""
    app = FastAPI(lifespan=_lifespan)
    install(app)
    add_ping(app)

    @app.get("/me")
    async def me() -> Me:
        return Me(username=USERNAME)

    if variant == "all":
        _add_routers(app)
    return app


def _add_routers(app: FastAPI) -> None:
    session, token = SessionAuth(), TokenAuth()
    jwt = JWTAuth(keys=KeyRing(Key.from_pem(pem("ES256"))), issuer=URL)
    totp = TOTP(encryption=XChaCha20Poly1305(ENCRYPTION_KEY), issuer="Example")
    login = Login(factors=[totp])
    people = AnyOf[User](session, jwt)
    accounts = Accounts(
        mail=ConsoleMail(),
        base_url=URL,
        schemes=[session, jwt],
        login=login,
    )
    for router in (
        session_router(session, login),
        jwt_router(jwt, login),
        token_router(token, people),
        mfa_router(totp, people),
        reauthentication_router(login, people),
        accounts_router(accounts),
    ):
        app.include_router(router, prefix="/auth")
    app.include_router(metadata_router(jwt, url=f"{URL}/auth"))


@asynccontextmanager
async def _lifespan(_: FastAPI) -> AsyncIterator[None]:
    piccolo_engine()
    yield


def login(_: str) -> Any:
    """Nobody logs in."""
