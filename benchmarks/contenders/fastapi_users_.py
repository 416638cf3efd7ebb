"""fastapi-users as its documentation has it, on SQLAlchemy with asyncpg or aiosqlite."""

import json
from collections.abc import AsyncIterator
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, FastAPI, Response
from fastapi_users import BaseUserManager, FastAPIUsers, UUIDIDMixin, schemas
from fastapi_users.authentication import (
    AuthenticationBackend,
    BearerTransport,
    CookieTransport,
    JWTStrategy,
)
from fastapi_users.authentication.strategy.db import DatabaseStrategy
from fastapi_users_db_sqlalchemy import SQLAlchemyBaseUserTableUUID, SQLAlchemyUserDatabase
from fastapi_users_db_sqlalchemy.access_token import (
    SQLAlchemyAccessTokenDatabase,
    SQLAlchemyBaseAccessTokenTableUUID,
)
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from benchmarks.databases import PG, POOL_SIZE, database_of_this_process, kind_of_this_process

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
    post_form,
)


class Base(DeclarativeBase):
    """The tables."""


class User(SQLAlchemyBaseUserTableUUID, Base):
    """A user with a name, which the route answers."""

    username: Mapped[str] = mapped_column(unique=True)


class AccessToken(SQLAlchemyBaseAccessTokenTableUUID, Base):
    """A session."""


class UserCreate(schemas.BaseUserCreate):
    """What a user is created from."""

    username: str


class UserManager(UUIDIDMixin, BaseUserManager[User, UUID]):
    """With the defaults."""

    reset_password_token_secret = SECRET
    verification_token_secret = SECRET


def _make_engine() -> Any:
    if kind_of_this_process() == "sqlite":
        return create_async_engine(f"sqlite+aiosqlite:///{database_of_this_process()}")
    login = f"{PG['user']}:{PG['password']}@{PG['host']}:{PG['port']}"
    url = f"postgresql+asyncpg://{login}/{database_of_this_process()}"
    return create_async_engine(url, pool_size=POOL_SIZE, max_overflow=0)


engine = _make_engine()
make_session = async_sessionmaker(engine, expire_on_commit=False)


async def get_session() -> AsyncIterator[AsyncSession]:
    """A session for each request."""
    async with make_session() as session:
        yield session


async def get_user_db(session: Annotated[AsyncSession, Depends(get_session)]) -> Any:
    """The users."""
    yield SQLAlchemyUserDatabase(session, User)


async def get_access_token_db(session: Annotated[AsyncSession, Depends(get_session)]) -> Any:
    """The sessions."""
    yield SQLAlchemyAccessTokenDatabase(session, AccessToken)


async def get_user_manager(
    user_db: Annotated[SQLAlchemyUserDatabase[User, UUID], Depends(get_user_db)],
) -> Any:
    """What is done with users."""
    yield UserManager(user_db)


def get_jwt_strategy() -> JWTStrategy[User, UUID]:
    """Sync, as documented."""
    return JWTStrategy(secret=SECRET, lifetime_seconds=3600)


def get_database_strategy(
    access_token_db: Annotated[Any, Depends(get_access_token_db)],
) -> DatabaseStrategy[User, UUID, Any]:
    """Sync, as documented."""
    return DatabaseStrategy(access_token_db, lifetime_seconds=3600)


async def prepare() -> None:
    """The tables and the users."""
    async with engine.begin() as connection:
        await connection.run_sync(Base.metadata.create_all)
    async with make_session() as session:
        manager = UserManager(SQLAlchemyUserDatabase(session, User))
        for name, email in {USERNAME: EMAIL, **OTHERS}.items():
            await manager.create(UserCreate(username=name, email=email, password=PASSWORD))
    await engine.dispose()


def application(variant: str) -> FastAPI:
    """One backend, its router, and the route."""
    backend: AuthenticationBackend[User, UUID] = (
        AuthenticationBackend("jwt", BearerTransport("auth/login"), get_jwt_strategy)
        if variant == "jwt"
        else AuthenticationBackend("session", CookieTransport(), get_database_strategy)
    )
    fastapi_users = FastAPIUsers[User, UUID](get_user_manager, [backend])
    app = FastAPI()
    add_ping(app)

    @app.get("/me")
    async def me(user: Annotated[User, Depends(fastapi_users.current_user(active=True))]) -> Me:
        return Me(username=user.username)

    app.include_router(fastapi_users.get_auth_router(backend), prefix="/auth")
    if variant == "session":
        _add_issue(app)
    return app


def _add_issue(app: FastAPI) -> None:
    """A session without the time that the hash of a login takes."""

    @app.post("/issue")
    async def issue(
        response: Response,
        users: Annotated[SQLAlchemyUserDatabase[User, UUID], Depends(get_user_db)],
        tokens: Annotated[Any, Depends(get_access_token_db)],
    ) -> None:
        user = await users.get_by_email(EMAIL)
        assert user is not None  # noqa: S101 - `prepare` made them
        token = await get_database_strategy(tokens).write_token(user)
        response.set_cookie("fastapiusersauth", token)


def login(_: str) -> Post:
    """How to log in."""
    return post_form("/auth/login", username=EMAIL, password=PASSWORD)


def credential(headers: Any, body: bytes, variant: str) -> Headers:
    """What to send with a request, from the answer to the login."""
    if variant == "session":
        return cookie_of(headers)
    return bearer(json.loads(body)["access_token"])


def further(headers: Headers, number: int, variant: str) -> Headers | None:
    """Another credential like one that a login gave; `None` if only a login gives one."""
    return expiring_later(headers, number) if variant == "jwt" else None


def issue(variant: str) -> Post | None:
    """How to get another session without a login; `None` for the rest."""
    return ISSUE if variant == "session" else None
