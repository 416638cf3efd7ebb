"""An application whose users have roles, with all schemes and the routes of roles."""

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import lru_cache
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI, Security
from piccolo.columns import ForeignKey, Serial, Varchar
from piccolo.custom_types import Combinable
from piccolo.table import Table, create_db_tables, drop_db_tables

from piccolo_api_fastapi import (
    Accounts,
    AnyOf,
    Identity,
    JWTAuth,
    Login,
    Roles,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    accounts_router,
    install,
    jwt_router,
    owned,
    owned_row,
    reauthentication_router,
    require,
    roles_router,
    session_router,
    token_router,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, log_in, new_client, unchanged

SEEDS = {
    "reader": ["movies:read"],
    "editor": ["movies:read", "movies:write"],
    "manager": ["roles:manage", "movies:read", "movies:write"],
    "root": ["*"],
}


class Film(Table, tablename="roles_film"):
    """Rows that users own."""

    id: Serial
    title = Varchar(length=50)
    owner = ForeignKey(User)


@lru_cache
def _users(_: Any, clock: FrozenClock) -> Users[User]:
    return Users(clock=clock, roles=Roles(SEEDS))


@lru_cache
def _token(users: Users[User]) -> TokenAuth[User]:
    return TokenAuth(users)


@pytest.fixture
def users(database: Any, clock: FrozenClock) -> Users[User]:
    """Users who can have roles."""
    return _users(database, clock)


@pytest.fixture
async def roles(users: Users[User]) -> Roles:
    """The roles, stored."""
    assert users.roles is not None
    await users.roles.sync()
    return users.roles


@pytest.fixture
def token(users: Users[User]) -> TokenAuth[User]:
    """API tokens."""
    return _token(users)


@pytest.fixture
def app(
    session: SessionAuth[User], jwt: JWTAuth[User], token: TokenAuth[User]
) -> Iterator[FastAPI]:
    """Routers under `/auth`, `/read` and `/write` by permission, `/films`, and `/me`."""
    yield from unchanged(_app, session, jwt, token)


@lru_cache
def _app(session: SessionAuth[User], jwt: JWTAuth[User], token: TokenAuth[User]) -> FastAPI:
    app = FastAPI()
    install(app)
    login, roles = Login(session.users), session.users.roles
    person, current_user = AnyOf(session, jwt), AnyOf(session, jwt, token)
    accounts = Accounts(
        session.users,
        mail=Outbox(),
        base_url="https://app.example.com",
        schemes=[session, jwt],
        login=login,
        extra=["first_name"],
    )
    assert roles is not None
    for router in (
        session_router(session, login),
        jwt_router(jwt, login),
        token_router(token, person),
        reauthentication_router(login, person),
        roles_router(roles, current_user),
        accounts_router(accounts),
    ):
        app.include_router(router, prefix="/auth")

    @app.get("/read")
    async def read(
        user: Annotated[User, Depends(require(current_user, permission="movies:read"))],
    ) -> str:
        return user.username

    @app.post("/write")
    async def write(user: Annotated[User, Security(current_user, scopes=["movies:write"])]) -> str:
        return user.username

    @app.get("/whoami")
    async def whoami(
        identity: Annotated[Identity[User], Depends(current_user.identity)],
    ) -> list[str]:
        return sorted(identity.scopes)

    @app.get("/claims")
    async def claims(_: Annotated[Any, Security(jwt.claims, scopes=["movies:read"])]) -> None:
        return None

    add_films(app, current_user)
    return app


def add_films(app: FastAPI, guard: Any) -> None:
    """The routes of films, each of which sees those of the caller."""
    mine = Depends(owned(Film.owner, guard, unless="films:any"))
    row = Depends(owned_row(Film, guard, unless="films:any"))

    @app.get("/films")
    async def films(where: Annotated[Combinable, mine], title: str = "") -> list[str]:
        query = Film.select(Film.title).where(where).order_by(Film.title)
        rows = await (query.where(Film.title == title) if title else query)
        return [row["title"] for row in rows]

    @app.get("/films/count")
    async def count(where: Annotated[Combinable, mine]) -> int:
        found: int = await Film.count().where(where)
        return found

    @app.get("/films/{key}")
    async def film(key: str, get: Annotated[Callable[[Any], Awaitable[Film]], row]) -> str:
        return str((await get(int(key) if key.lstrip("-").isdecimal() else key)).title)

    @app.patch("/films/{key}")
    async def rename(key: int, title: str, where: Annotated[Combinable, mine]) -> int:
        query = Film.update({Film.title: title}).where(Film.id == key, where)
        return len(await query.returning(Film.id))

    @app.delete("/films/{key}")
    async def delete(key: int, where: Annotated[Combinable, mine]) -> int:
        return len(await Film.delete().where(Film.id == key, where).returning(Film.id))


@pytest.fixture
async def films(database: Any) -> AsyncIterator[None]:
    """The table of films."""
    Film._meta._db = database
    await create_db_tables(Film)
    yield
    await drop_db_tables(Film)


@pytest.fixture
async def manager(users: Users[User], roles: Roles) -> User:
    """A user who may manage roles and edit movies."""
    mary = await users.create("mary", PASSWORD, email="mary@example.com")
    await roles.grant(mary, "manager")
    return mary


@pytest.fixture
async def office(app: FastAPI, manager: User) -> AsyncIterator[httpx.AsyncClient]:
    """A client where the manager has just logged in by cookie."""
    async with new_client(app) as client:
        await log_in(client, manager.username)
        yield client
