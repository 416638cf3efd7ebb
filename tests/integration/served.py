"""The application that the tests run as a process of its own, and can have killed."""

import os
import signal
import socket
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import uvicorn
from fastapi import Depends, FastAPI
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from pydantic import BaseModel
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from piccolo_api_fastapi import (
    Accounts,
    AnyOf,
    AuthEvent,
    Cookie,
    JWTAuth,
    Login,
    LoginAttempt,
    MailLifetimes,
    Proof,
    SessionAuth,
    User,
    Users,
    accounts_router,
    install,
    jwt_router,
    session_router,
    subscribe,
)
from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.mail import Message as Mailed
from piccolo_api_fastapi.testing import cheap_hasher
from tests.conftest import PG, SECRET, use_engine

_fatal: ContextVar[str] = ContextVar("fatal", default="")


def checkpoint(name: str) -> None:
    """Die like a machine that loses power, if the request asked for it to be here."""
    if _fatal.get() == name:
        os.kill(os.getpid(), signal.SIGKILL)


class Mortal:
    """Lets a request say in the header `die-at` at which checkpoint the process dies."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Note where to die; `answer` is when all is done and nothing sent."""
        _fatal.set(dict(scope.get("headers", ())).get(b"die-at", b"").decode())

        async def send_or_die(message: Message) -> None:
            if message["type"] == "http.response.start":
                checkpoint("answer")
            await send(message)

        await self.app(scope, receive, send_or_die)


class MortalUsers(Users[User]):
    """Users with a checkpoint in the middle of the transaction of a login."""

    async def uphold(self, proof: Proof[User]) -> None:
        """Write to the user, and die before the session or the family is written."""
        await super().uphold(proof)
        checkpoint("transaction")


def mortal_clock() -> datetime:
    """The time; a new account asks for it between its user and its password hash."""
    checkpoint("clock")
    return utcnow()


def in_transaction(event: AuthEvent) -> None:
    """A checkpoint named like the event, before what it tells of is committed."""
    checkpoint(event.name)


def mailbox_of(engine: Any) -> Path:
    """Where the mail of a server on this database goes."""
    if isinstance(engine, PostgresEngine):
        return Path(tempfile.gettempdir()) / f"{engine.config['database']}.mail"
    return Path(f"{engine.path}.mail")


def proved(_: LoginAttempt) -> None:
    """A checkpoint after the password was proved."""
    checkpoint("proved")


class Registration(BaseModel):
    """A new account."""

    username: str
    password: str


def make_app(engine: Any, grace: timedelta) -> FastAPI:
    """The application, on this database."""
    use_engine(engine)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if isinstance(engine, PostgresEngine):
            await engine.start_connection_pool(min_size=1, max_size=4)
        yield

    users = MortalUsers(hasher=cheap_hasher(), clock=mortal_clock)
    session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
    jwt = JWTAuth(users, secret=SECRET, grace=grace)
    login = Login(users, on_success=[proved])
    app = FastAPI(lifespan=lifespan)
    install(app)
    app.add_middleware(Mortal)
    mailbox = mailbox_of(engine)

    async def mail(message: Mailed) -> None:
        with mailbox.open("a") as file:
            file.write(f"{type(message).__name__} {getattr(message, 'link', '')}\n")

    options: Any = {"mail": mail, "base_url": "https://app.example.com", "login": login}
    options["lifetimes"] = MailLifetimes(spread=timedelta(0))
    accounts = Accounts(users, schemes=[session, jwt], **options)
    app.include_router(accounts_router(accounts), prefix="/accounts")
    subscribe(in_transaction, when="before_commit")
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(jwt_router(jwt, login), prefix="/auth")

    @app.post("/register", status_code=201)
    async def register(account: Registration) -> None:
        await users.create(account.username, account.password)

    @app.get("/me")
    async def me(user: Annotated[User, Depends(AnyOf(session, jwt))]) -> dict[str, str]:
        return {"username": user.username}

    return app


def serve(listening: socket.socket, sqlite: str, postgres: str, grace: timedelta) -> None:
    """
    Serve until the end.

    Args:
        listening: Clients may connect to it before the process is up.
        sqlite: The file of the database, or nothing.
        postgres: Or the name of the database.
        grace: Of refreshes.
    """
    engine: Any = (
        SQLiteEngine(path=sqlite, timeout=30)
        if sqlite
        else PostgresEngine(config={**PG, "database": postgres})
    )
    config = uvicorn.Config(make_app(engine, grace), log_level="warning")
    uvicorn.Server(config).run(sockets=[listening])
