"""Several cookies of one name, as after a change of `domain=` or `path=`, lock nobody out."""

from itertools import permutations
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import (
    Cookie,
    Login,
    Session,
    SessionAuth,
    User,
    Users,
    reauthentication_router,
    session_router,
)
from piccolo_api_fastapi.core.database.lookups import CANDIDATES
from piccolo_api_fastapi.schemes.sessions.queries import SESSION_TOKEN
from tests.conftest import PASSWORD, log_in, new_client

NAME = "__Host-session"


def application(session: SessionAuth[User]) -> FastAPI:
    """An application with this scheme alone."""
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(reauthentication_router(Login(session.users), session), prefix="/auth")

    @app.get("/me")
    async def me(user: Annotated[User, Depends(session)]) -> str:
        return user.username

    return app


async def token_of(app: FastAPI, username: str = "ada") -> str:
    """The token of a new session."""
    async with new_client(app) as browser:
        await log_in(browser, username)
        return browser.cookies[NAME]


def cookies(*tokens: str) -> dict[str, str]:
    """The header of a browser that has several cookies of the name."""
    return {"Cookie": "; ".join(f"{NAME}={token}" for token in tokens)}


SHARED = Cookie("__Secure-session", domain="example.com")
OF_THE_HOST = Cookie("__Secure-session")


@pytest.mark.parametrize(
    ("before", "after", "hosts"),
    [
        (OF_THE_HOST, SHARED, ["www", "www"]),
        (SHARED, OF_THE_HOST, ["www", "www"]),
        (Cookie("sid", path="/me"), Cookie("sid"), ["www", "www"]),
        (SHARED, OF_THE_HOST, ["", "beta"]),
    ],
)
async def test_the_settings_change(
    users: Users[User], ada: User, before: Cookie, after: Cookie, hosts: list[str]
) -> None:
    """The cookie of an earlier configuration, or of the parent domain, keeps nobody out."""
    old, new = (f"https://{host}.example.com".replace("//.", "//") for host in hosts)
    async with new_client(application(SessionAuth(users, cookie=before))) as client:
        client.base_url = httpx.URL(old)
        assert (await log_in(client)).status_code == 200
        jar = client.cookies
    async with new_client(application(SessionAuth(users, cookie=after))) as client:
        client.base_url, client.cookies = httpx.URL(new), jar
        for _ in range(2):
            assert (await log_in(client)).status_code == 200
            assert (await client.get("/me")).status_code == 200
            assert (await client.post("/auth/logout")).status_code == 204
            assert (await client.get("/me")).status_code == 401


@pytest.mark.parametrize("shares", [True, False])
async def test_former_cookies_are_removed(users: Users[User], ada: User, *, shares: bool) -> None:
    """Login and logout remove the cookies that the application names as its former ones."""
    name: Any = {"name": "site"} if shares else {}
    before = SessionAuth(users, cookie=OF_THE_HOST, **name)
    cookie = Cookie(SHARED.name, domain=SHARED.domain, formerly=[OF_THE_HOST])
    async with new_client(application(before)) as client:
        client.base_url = httpx.URL("https://www.example.com")
        await log_in(client)
        jar = client.cookies
    async with new_client(application(SessionAuth(users, cookie=cookie, **name))) as client:
        client.base_url, client.cookies = httpx.URL("https://www.example.com"), jar
        assert (await client.get("/me")).status_code == (200 if shares else 401)
        assert (await log_in(client)).status_code == 200
        [left] = [one for one in client.cookies.jar if one.name == SHARED.name]
        assert left.domain == ".example.com"
        assert (await client.get("/me")).status_code == 200
        assert await Session.count() == (1 if shares else 2)
        await client.post("/auth/logout")
        assert SHARED.name not in client.cookies


async def test_it_becomes_partitioned(users: Users[User], ada: User) -> None:
    """
    Beside the partitioned cookie browsers keep the former one, which the login removes: first,
    since it is the same cookie to browsers that do not know the attribute.
    """
    plain = Cookie(same_site="none")
    before = SessionAuth(users, cookie=plain)
    cookie = Cookie(same_site="none", partitioned=True, formerly=[plain])
    async with new_client(application(before)) as client:
        await log_in(client)
        jar = client.cookies
    async with new_client(application(SessionAuth(users, cookie=cookie))) as client:
        client.cookies = jar
        assert (await client.get("/me")).status_code == 200
        removed, given, _ = (await log_in(client)).headers.get_list("set-cookie")
        assert removed == plain.clearing_header()
        assert given.endswith("; SameSite=None; HttpOnly; Secure; Partitioned")
        assert (await client.get("/me")).status_code == 200
        headers = (await client.post("/auth/logout")).headers.get_list("set-cookie")
        assert headers == [plain.clearing_header(), cookie.clearing_header()]


@pytest.mark.security(26)
async def test_the_live_one_counts(
    app: FastAPI, client: httpx.AsyncClient, ada: User, statements: list[str]
) -> None:
    """Of several cookies the live one counts, wherever it stands, and it costs one statement."""
    live, made_up = await token_of(app), SESSION_TOKEN.generate()
    for tokens in permutations([live, made_up, "of another application"]):
        statements.clear()
        answer = await client.get("/session", headers=cookies(*tokens))
        assert (answer.status_code, len(statements)) == (200, 1)
    assert (await client.get("/session", headers=cookies(live, live))).status_code == 200


@pytest.mark.security(26)
@pytest.mark.security(107)
async def test_two_live_ones(
    app: FastAPI, client: httpx.AsyncClient, ada: User, grace: User, statements: list[str]
) -> None:
    """Two live sessions are refused in either order: a sibling domain may have planted one."""
    mine, planted = await token_of(app), await token_of(app, "grace")
    for tokens in permutations([mine, planted]):
        statements.clear()
        answer = await client.get("/session", headers=cookies(*tokens))
        assert (answer.status_code, answer.json()["code"]) == (401, "invalid_session")
        assert len(statements) == 1
    await User.update({User.active: False}).where(User.id == grace.id)
    answer = await client.get("/session", headers=cookies(mine, planted))
    assert answer.json() == {"username": "ada"}
    await User.update({User.active: False}).where(User.id == ada.id)
    answer = await client.get("/session", headers=cookies(mine, planted))
    assert answer.status_code == 401


@pytest.mark.parametrize("number", [CANDIDATES, CANDIDATES + 1])
async def test_so_many_are_looked_up(
    app: FastAPI, client: httpx.AsyncClient, ada: User, statements: list[str], number: int
) -> None:
    """No more than four candidates are looked up; what is no token does not count."""
    made_up = [SESSION_TOKEN.generate() for _ in range(number - 1)]
    tokens = [await token_of(app), *made_up, *map(str, range(50))]
    statements.clear()
    answer = await client.get("/session", headers=cookies(*tokens))
    fits = number <= CANDIDATES
    assert (answer.status_code, len(statements)) == ((200, 1) if fits else (401, 0))
    statements.clear()
    answer = await client.get("/session", headers=cookies("no token", "nor this"))
    assert (answer.status_code, statements) == (401, [])


@pytest.mark.parametrize("path", ["login", "logout"])
async def test_all_end(app: FastAPI, client: httpx.AsyncClient, ada: User, path: str) -> None:
    """A login or a logout ends each session that the browser comes with, and lets it in again."""
    tokens = [await token_of(app) for _ in range(CANDIDATES + 2)]
    body = {"username": "ada", "password": PASSWORD}
    answer = await client.post(f"/auth/{path}", json=body, headers=cookies(*tokens))
    assert answer.status_code == (200 if path == "login" else 204)
    assert await Session.count() == (1 if path == "login" else 0)
    if path == "login":
        mixed = cookies(tokens[0], client.cookies[NAME], tokens[1])
        client.cookies.clear()
        assert (await client.get("/session", headers=mixed)).status_code == 200


@pytest.mark.security(20)
async def test_step_up(users: Users[User], ada: User) -> None:
    """The session of the request gets the new token, and no other."""
    app = application(SessionAuth(users))
    mine = await token_of(app)
    async with new_client(app) as client:
        headers = cookies(SESSION_TOKEN.generate(), mine)
        body = {"password": PASSWORD}
        answer = await client.post("/auth/reauthenticate", json=body, headers=headers)
        assert answer.status_code == 204
        renewed = client.cookies[NAME]
        client.cookies.clear()
        assert (await client.get("/me", headers=cookies(renewed))).status_code == 200
        assert (await client.get("/me", headers=cookies(mine))).status_code == 401
