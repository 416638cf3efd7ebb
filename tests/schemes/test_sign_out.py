"""Signing out everywhere: what ends, what stays, and who may ask for it."""

from functools import lru_cache
from typing import Annotated

import httpx
import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    AnyOf,
    APIToken,
    AuthEvent,
    Cookie,
    JWTAuth,
    RefreshFamily,
    Session,
    SessionAuth,
    TokenAuth,
    User,
    Users,
    install,
    jwt_router,
    session_router,
)
from tests.conftest import PASSWORD, SECRET, bearer, get_tokens, log_in, new_client

ALL = {"site", "other browser", "administration", "app", "other app", "API token"}


@lru_cache
def make(users: Users[User]) -> tuple[FastAPI, TokenAuth[User]]:
    """A site, its administration and apps, with a route for all of them."""
    site, jwt, token = SessionAuth(users), JWTAuth(users, secret=SECRET), TokenAuth(users)
    administration = SessionAuth(users, cookie=Cookie("administration"))
    app = FastAPI()
    install(app)
    app.include_router(session_router(site), prefix="/auth")
    app.include_router(session_router(administration), prefix="/administration")
    app.include_router(jwt_router(jwt), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[User, Depends(AnyOf(site, jwt, token))]) -> str:
        return str(user.username)

    @app.get("/administration/me")
    async def there(user: Annotated[User, Depends(administration)]) -> str:
        return str(user.username)

    return app, token


class Everything:
    """A user with every kind of credential."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client
        self.headers: dict[str, dict[str, str]] = {}

    async def start(self, token: TokenAuth[User], user: User) -> None:
        """Log in everywhere."""
        for name in ("site", "other browser"):
            await log_in(self.client)
            cookie = f"__Host-session={self.client.cookies['__Host-session']}"
            self.headers[name] = {"Cookie": cookie}
            self.client.cookies.clear()
        body = {"username": "ada", "password": PASSWORD}
        answer = await self.client.post("/administration/login", json=body)
        value = answer.cookies["administration"]
        self.headers["administration"] = {"Cookie": f"administration={value}"}
        self.client.cookies.clear()
        for name in ("app", "other app"):
            self.headers[name] = bearer((await get_tokens(self.client))["access_token"])
        self.headers["API token"] = bearer((await token.create(user, "report")).secret)

    async def alive(self) -> set[str]:
        """The credentials that still open something."""
        found = set()
        for name, headers in self.headers.items():
            path = "/administration/me" if name == "administration" else "/me"
            if (await self.client.get(path, headers=headers)).status_code == 200:
                found.add(name)
        return found


@pytest.mark.security(24)
@pytest.mark.parametrize(
    ("caller", "path", "ended", "names"),
    [
        ("site", "/auth/sessions", {"other browser"}, ["session_ended"]),
        ("app", "/auth/token/families", {"other app"}, ["authn_token_revoked"]),
        (
            "site",
            "/auth/sessions?everything=true",
            ALL - {"site"},
            ["session_ended", "credentials_ended"],
        ),
        (
            "administration",
            "/administration/sessions?everything=true",
            ALL - {"administration"},
            ["credentials_ended"],
        ),
        (
            "app",
            "/auth/token/families?everything=true",
            ALL - {"app"},
            ["authn_token_revoked", "credentials_ended"],
        ),
        ("site", "/auth/sessions?everything=false", {"other browser"}, ["session_ended"]),
    ],
)
async def test_what_ends(
    users: Users[User],
    ada: User,
    grace: User,
    events: list[AuthEvent],
    caller: str,
    path: str,
    ended: set[str],
    names: list[str],
) -> None:
    """By default the others of one scheme end; `everything` ends all but the caller's."""
    app, token = make(users)
    async with new_client(app) as client:
        hers = bearer((await get_tokens(client, "grace"))["access_token"])
        mine = Everything(client)
        await mine.start(token, ada)
        assert await mine.alive() == ALL
        events.clear()
        answer = await client.delete(path, headers=mine.headers[caller])
        assert answer.status_code == 204
        assert ALL - ended == await mine.alive()
        assert (await client.get("/me", headers=hers)).json() == "grace"
    assert names == [event.name for event in events if event.name != "authz_fail"]
    assert {ada.id} == {event.user for event in events}
    if "credentials_ended" in names:
        left = await Session.select(Session.id)
        left += await RefreshFamily.select(RefreshFamily.id).where(RefreshFamily.user == ada.id)
        assert [str(row["id"]) for row in left] == [events[-1].data["kept"]]


@pytest.mark.parametrize(
    "path",
    [
        "/auth/sessions?everyting=true",
        "/auth/sessions?everything=true&api_tokens=true",
        "/auth/sessions?everything=maybe",
        "/auth/sessions?everything=",
    ],
)
async def test_misspelt(users: Users[User], ada: User, path: str) -> None:
    """A parameter that is misspelt ends nothing, instead of less than was meant."""
    app, token = make(users)
    async with new_client(app) as client:
        mine = Everything(client)
        await mine.start(token, ada)
        for caller, url in (("site", path), ("app", path.replace("sessions", "token/families"))):
            answer = await client.delete(url, headers=mine.headers[caller])
            assert answer.status_code == 422
            assert "maybe" not in answer.text
        assert await mine.alive() == ALL


async def test_narrowed(users: Users[User], grace: User) -> None:
    """An app whose token was narrowed signs out no credential that may do more."""
    app, token = make(users)
    await token.create(grace, "report")
    async with new_client(app) as client:
        await get_tokens(client, "grace")
        await users.table.update({users.table.superuser: True}).where(users.table.id == grace.id)
        narrow = bearer((await get_tokens(client, "grace", scope="admin"))["access_token"])
        answer = await client.delete("/auth/token/families?everything=true", headers=narrow)
        assert (answer.status_code, answer.json()["code"]) == (403, "insufficient_scope")
    assert await APIToken.exists().where(APIToken.revoked_at.is_null())
    assert await RefreshFamily.count().where(RefreshFamily.revoked_at.is_null()) == 2


@pytest.mark.parametrize(("caller", "path"), [("site", "sessions"), ("app", "token/families")])
async def test_locks_the_user_first(
    users: Users[User], ada: User, statements: list[str], caller: str, path: str
) -> None:
    """A login locks the user before it ends old credentials: two such requests never deadlock."""
    app, token = make(users)
    async with new_client(app) as client:
        mine = Everything(client)
        await mine.start(token, ada)
        statements.clear()
        url = f"/auth/{path}?everything=true"
        assert (await client.delete(url, headers=mine.headers[caller])).status_code == 204
    writes = [text for text in statements if text.startswith(("UPDATE", "DELETE"))]
    assert writes[0].startswith('UPDATE "piccolo_user"')


async def test_strangers(users: Users[User]) -> None:
    """Nobody signs anybody out."""
    app, _ = make(users)
    async with new_client(app) as client:
        for path in ("/auth/sessions", "/auth/token/families"):
            assert (await client.delete(f"{path}?everything=true")).status_code == 401
