"""The application: its routes, and what it starts and stops."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import Depends, FastAPI
from piccolo.engine import engine_finder
from pydantic import BaseModel

from piccolo_api_fastapi import (
    ClientAddress,
    User,
    accounts_router,
    crud_router,
    install,
    jwt_router,
    mfa_router,
    public,
    reauthentication_router,
    roles_router,
    session_router,
    subscribe,
    use_store,
)

from . import settings
from .auth import (
    accounts,
    current_user,
    jwt,
    login,
    may_read_notes,
    may_read_users,
    notices,
    pages,
    roles,
    session,
    totp,
    users,
)
from .tables import Note

use_store(settings.store())


@asynccontextmanager
async def lifespan(_: FastAPI) -> AsyncIterator[None]:
    """Open the database, and store the roles that do not exist yet."""
    engine: Any = engine_finder()
    await engine.start_connection_pool()
    await roles.sync()
    unsubscribe = subscribe(notices)
    yield
    unsubscribe()
    await notices.wait()
    await engine.close_connection_pool()


app = FastAPI(title="Notes", lifespan=lifespan)
install(app, client_address=ClientAddress(trusted=settings.TRUSTED_PROXIES))

# Accounts: pages for browsers at /account, and JSON for other clients at /auth.
app.include_router(pages.router)
pages.install(app)
app.include_router(session_router(session, login), prefix="/auth")
app.include_router(jwt_router(jwt, login), prefix="/auth")
app.include_router(accounts_router(accounts), prefix="/auth")
app.include_router(mfa_router(totp, current_user), prefix="/auth")
app.include_router(reauthentication_router(login, current_user), prefix="/auth")
app.include_router(roles_router(roles, current_user), prefix="/auth")

# Notes: users read and write their own. Administrators read the titles of all.
app.include_router(
    crud_router(
        Note,
        current_user,
        owner=Note.owner,
        write=[Note.title, Note.text],
        sort=[Note.created_at],
        search=[Note.title, Note.text],
    ),
    prefix="/notes",
)
app.include_router(
    crud_router(
        Note,
        may_read_notes,
        name="AnyNote",
        owner=None,
        read=[Note.id, Note.owner, Note.title, Note.created_at],
        sort=[Note.created_at],
        filters=[Note.owner],
    ),
    prefix="/admin/notes",
)


class Account(BaseModel):
    """A user, as administrators see them."""

    id: int
    username: str
    email: str
    active: bool


@app.get("/admin/users", dependencies=[Depends(may_read_users)])
async def list_users(after: int = 0) -> list[Account]:
    """Up to 100 users. `after` is the last id of the page before."""
    rows = await User.select().where(User.id > after).order_by(User.id).limit(100)
    return [Account.model_validate(row) for row in rows]


@app.get("/health")
@public
async def health() -> str:
    """200 if the database answers, otherwise 503."""
    await users.get(0)
    return "ok"
