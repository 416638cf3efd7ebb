"""An application with accounts, and a mailbox to look into."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import lru_cache, partial
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo.columns import ForeignKey
from piccolo.columns.base import OnDelete
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AuthEvent,
    JWTAuth,
    Login,
    SessionAuth,
    User,
    Users,
    accounts_router,
    install,
    jwt_router,
    mfa_router,
    session_router,
)
from piccolo_api_fastapi.mail import LinkMessage, VerifyEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, log_in, new_client, unchanged

BASE_URL = "https://app.example.com"
COOKIE = "__Host-session"
NEW = "another horse battery"

MakeApp = Callable[..., FastAPI]


_OUTBOX = Outbox()


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    """What was mailed."""
    yield _OUTBOX
    vars(_OUTBOX).update(vars(Outbox()))


@pytest.fixture
def make_app(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox
) -> MakeApp:
    """Makes an application, with accounts as configured."""
    return partial(build, users, session, jwt, mail=outbox)


def build(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], **options: Any
) -> FastAPI:
    """An application with both schemes and all of the accounts, as configured."""
    accounts = Accounts(users, **{"base_url": BASE_URL, "schemes": [session, jwt], **options})
    app = FastAPI()
    install(app)
    login = Login(users)
    app.state.accounts = accounts
    app.include_router(session_router(session, login), prefix="/auth")
    app.include_router(jwt_router(jwt, login), prefix="/auth")
    app.include_router(accounts_router(accounts), prefix="/auth")
    return app


@pytest.fixture
def app(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox
) -> Iterator[FastAPI]:
    """The application, with the defaults and two columns more."""
    yield from unchanged(_app, users, session, jwt, outbox)


@lru_cache
def _app(
    users: Users[User], session: SessionAuth[User], jwt: JWTAuth[User], outbox: Outbox
) -> FastAPI:
    return build(users, session, jwt, mail=outbox, extra=["first_name", "last_name"])


def build_with_factors(
    users: Users[User], session: SessionAuth[User], totp: TOTP, **options: Any
) -> FastAPI:
    """An application with sessions, accounts and authenticator apps."""
    login = Login(users, factors=[totp])
    accounts = Accounts(users, base_url=BASE_URL, schemes=[session], login=login, **options)
    app = FastAPI()
    install(app)
    app.state.accounts = accounts
    for router in (
        session_router(session, login),
        accounts_router(accounts),
        mfa_router(totp, session),
    ):
        app.include_router(router, prefix="/auth")
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with new_client(app) as client:
        yield client


async def register(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    """Register ada, or somebody else."""
    ada = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}
    return await client.post("/auth/register", json={**ada, **body})


async def verify(client: httpx.AsyncClient, outbox: Outbox) -> httpx.Response:
    """Follow the link of the last mail."""
    return await client.post("/auth/verify-email", json={"token": outbox.token(VerifyEmail)})


def names(events: list[AuthEvent]) -> list[str]:
    """The names of events."""
    return [event.name for event in events]


async def enter(client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock) -> User:
    """Register ada, verify her address and sign in; ten minutes later."""
    await register(client)
    await verify(client, outbox)
    await log_in(client)
    clock.advance(timedelta(minutes=10))
    [user] = await User.objects()
    return user


async def change_password(client: httpx.AsyncClient, **body: Any) -> httpx.Response:
    """Change the password."""
    given = {"current_password": PASSWORD, "new_password": NEW, **body}
    given = {name: value for name, value in given.items() if value is not None}
    return await client.post("/auth/change-password", json=given)


async def change_email(
    client: httpx.AsyncClient, email: str = "lovelace@example.com", **body: Any
) -> httpx.Response:
    """Ask for another address."""
    given = {"current_password": PASSWORD, "email": email, **body}
    return await client.post("/auth/change-email", json=given)


async def confirm(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Follow the link to the new address."""
    return await client.post("/auth/change-email/confirm", json={"token": token})


def link_to(outbox: Outbox, kind: type[LinkMessage], number: int = -1) -> str:
    """The secret in one of the links of a kind that were sent."""
    links = [message for message in outbox.messages if isinstance(message, kind)]
    return links[number].link.partition("#token=")[2]


class Order(Table, tablename="orders_of_users"):
    """A table of an application."""

    user = ForeignKey(User, on_delete=OnDelete.restrict)


@asynccontextmanager
async def orders(kind: str) -> AsyncIterator[Any]:
    """A table whose rows keep the users that they refer to: `restrict`, `no action`, `deferred`."""
    table: Any = Order
    keeps = {"restrict": "ON DELETE RESTRICT", "deferred": "DEFERRABLE INITIALLY DEFERRED"}
    key = "INTEGER" if isinstance(table._meta.db, SQLiteEngine) else "SERIAL"
    await table.raw(
        f"CREATE TABLE orders_of_users (id {key} PRIMARY KEY, "
        f'"user" INTEGER REFERENCES piccolo_user (id) {keeps.get(kind, "")})'
    )
    yield table
    await table.raw("DROP TABLE orders_of_users")
