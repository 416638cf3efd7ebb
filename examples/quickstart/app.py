"""A site with a login for browsers, apps and scripts, pages, and routes that ask who is there."""

import os
import secrets
from typing import Annotated

from fastapi import Depends, FastAPI, Security, WebSocket
from pydantic import BaseModel

from piccolo_api_fastapi import (
    TOTP,
    Accounts,
    AnyOf,
    Brand,
    ConsoleMail,
    Cookie,
    Identity,
    JWTAuth,
    Login,
    Pages,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    install,
    jwt_router,
    optional,
    require,
    session_router,
)

HOST, PORT = os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8000"))

# An example's key. Yours is secret: `piccolo piccolo_api_fastapi generate_encryption_key`.
os.environ.setdefault("AUTH_ENCRYPTION_KEYS", "YW4gZXhhbXBsZSdzIGtleSBvZiB0aGlydHktdHdvIGI=")


def scopes_of(user: User) -> list[str]:
    """Everybody may read reports; only administrators may write them."""
    return ["reports:read", "reports:write"] if user.admin else ["reports:read"]


users = Users(scopes_of=scopes_of)

# Plain http, for the demo. On https, leave `cookie` out: the default is the safe one.
session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())
jwt = JWTAuth(users, secret=os.environ.get("JWT_SECRET") or secrets.token_urlsafe(32))
tokens = TokenAuth(users)

current_user = AnyOf(session, jwt, tokens)
CurrentUser = Annotated[User, Depends(current_user)]

app = FastAPI(title="piccolo_api_fastapi quickstart")
install(app)

# For front ends and apps: JSON.
totp = TOTP(users, issuer="Quickstart")
login = Login(users, factors=[totp])
app.include_router(session_router(session, login), prefix="/auth")
app.include_router(jwt_router(jwt, login), prefix="/auth")

# For browsers: pages. Mail is printed.
accounts = Accounts(
    users,
    mail=ConsoleMail(),
    base_url=f"http://127.0.0.1:{PORT}/account",
    schemes=[session, jwt],
    login=login,
)
pages = Pages(
    session,
    login,
    accounts=accounts,
    totp=totp,
    tokens=tokens,
    brand=Brand("Quickstart"),
    default_next="/account",
)
app.include_router(pages.router)
pages.install(app)


class Me(BaseModel):
    """The current user."""

    username: str
    email: str


class Message(BaseModel):
    """Something to read."""

    message: str


class WhoAmI(BaseModel):
    """Who asks."""

    username: str
    scheme: str
    scopes: list[str]


@app.get("/me")
async def me(user: CurrentUser) -> Me:
    """The current user, by session or by JWT."""
    return Me(username=user.username, email=user.email)


@app.get("/hello")
async def hello(user: Annotated[User | None, Depends(optional(current_user))]) -> Message:
    """For everybody; greets those who are logged in by name."""
    return Message(message=f"Hello, {user.username if user else 'stranger'}!")


@app.get("/admin")
async def admin(user: Annotated[User, Depends(require(current_user, admin=True))]) -> Message:
    """For administrators."""
    return Message(message=f"Welcome to the engine room, {user.username}.")


@app.get("/reports")
async def reports(_: Annotated[User, Security(current_user, scopes=["reports:read"])]) -> Message:
    """For those with the scope `reports:read`."""
    return Message(message="All is well.")


@app.get("/whoami")
async def whoami(
    identity: Annotated[Identity[User], Depends(current_user.identity)],
) -> WhoAmI:
    """By which scheme the current user came, and what they may do."""
    return WhoAmI(
        username=identity.user.username, scheme=identity.scheme, scopes=sorted(identity.scopes)
    )


@app.websocket("/ws")
async def echo(websocket: WebSocket, user: CurrentUser) -> None:
    """A WebSocket for the current user."""
    await websocket.accept()
    await websocket.send_json({"username": user.username})
    await websocket.close()
