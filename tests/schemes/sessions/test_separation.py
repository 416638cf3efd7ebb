"""Sessions belong to the scheme that started them: no other accepts, lists or ends them."""

from collections.abc import Callable
from datetime import timedelta
from functools import lru_cache
from itertools import permutations
from typing import Annotated, Any

import httpx
import pytest
from fastapi import Depends, FastAPI
from starlette.requests import HTTPConnection
from starlette.responses import Response

from piccolo_api_fastapi import (
    ConfigurationError,
    Cookie,
    Identity,
    Session,
    SessionAuth,
    User,
    Users,
    session_router,
)
from piccolo_api_fastapi.errors import SessionEnded
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, new_client, reaches_no_sql

MAKERS: dict[str, Callable[[Users[User]], SessionAuth[User]]] = {
    "default": SessionAuth,
    "aal1": SessionAuth.aal1,
    "aal2": SessionAuth.aal2,
    "aal3": SessionAuth.aal3,
    "cookie": lambda users: SessionAuth(users, cookie=Cookie("adm")),
    "cookie at aal3": lambda users: SessionAuth.aal3(users, cookie=Cookie("adm")),
    "path": lambda users: SessionAuth(users, cookie=Cookie("adm", path="/adm")),
    "domain": lambda users: SessionAuth(users, cookie=Cookie("adm", domain="example.com")),
    "name": lambda users: SessionAuth(users, name="site"),
    "name at aal3": lambda users: SessionAuth.aal3(users, name="admin"),
}


@lru_cache
def make(users: Users[User]) -> tuple[FastAPI, dict[str, SessionAuth[User]]]:
    """All schemes, in one application."""
    schemes = {name.replace(" ", "-"): maker(users) for name, maker in MAKERS.items()}
    return serve(**schemes), schemes


def serve(**schemes: SessionAuth[User]) -> FastAPI:
    """An application with the routes of each scheme below its own prefix, and `/prefix/me`."""
    app = FastAPI()
    for prefix, scheme in schemes.items():
        app.include_router(session_router(scheme), prefix=f"/{prefix}")

        @app.get(f"/{prefix}/me")
        async def me(user: Annotated[User, Depends(scheme)]) -> str:
            return str(user.username)

    return app


async def start(
    client: httpx.AsyncClient, prefix: str, scheme: SessionAuth[User], **options: Any
) -> str:
    """Log in at one scheme. Returns the value of its cookie, and keeps no cookie."""
    body = {"username": "ada", "password": PASSWORD}
    answer = await client.post(f"/{prefix}/login", json=body, **options)
    client.cookies.clear()
    [header] = [
        value
        for value in answer.headers.get_list("set-cookie")
        if value.startswith(f"{scheme.cookie.name}=")
    ]
    return str(header.partition("=")[2].partition(";")[0])


def cookie(scheme: SessionAuth[User], value: str) -> dict[str, str]:
    """The header in which a scheme looks for its cookie."""
    return {"Cookie": f"{scheme.cookie.name}={value}"}


@pytest.mark.slow
@pytest.mark.security(41)
async def test_pairs(users: Users[User], ada: User, unlimited: None) -> None:
    """The cookie of one scheme opens, renews, lists and ends nothing at any other."""
    app, schemes = make(users)
    async with new_client(app) as client:
        values = {name: await start(client, name, scheme) for name, scheme in schemes.items()}
        for (one, mine), (other, theirs) in permutations(schemes.items(), 2):
            moved = cookie(theirs, values[one])
            for path in ("me", "sessions"):
                answer = await client.get(f"/{other}/{path}", headers=moved)
                assert answer.status_code == 401, (one, other)
            answer = await client.post(f"/{other}/logout", headers=moved)
            assert answer.status_code == 204
            answer = await client.get(f"/{one}/me", headers=cookie(mine, values[one]))
            assert answer.json() == "ada", (one, other)
        last = list(schemes)[-1]
        for one, mine in schemes.items():
            await start(client, last, schemes[last], headers=cookie(schemes[last], values[one]))
            answer = await client.get(f"/{one}/me", headers=cookie(mine, values[one]))
            # A login replaces the session of its own scheme that it came with, and no other.
            assert answer.status_code == (401 if one == last else 200)


@pytest.mark.security(25)
async def test_lists_and_ends(users: Users[User], ada: User, unlimited: None) -> None:
    """Each scheme lists its own sessions of the user and ends no others; a new password does."""
    app, schemes = make(users)
    async with new_client(app) as client:
        values = {name: await start(client, name, scheme) for name, scheme in schemes.items()}
        headers = {name: cookie(scheme, values[name]) for name, scheme in schemes.items()}
        listed = {
            name: [entry["id"] for entry in answer.json()]
            for name in schemes
            for answer in [await client.get(f"/{name}/sessions", headers=headers[name])]
        }
        assert {len(ids) for ids in listed.values()} == {1}
        for one, other in permutations(schemes, 2):
            url = f"/{one}/sessions/{listed[other][0]}"
            answer = await client.delete(url, headers=headers[one])
            assert answer.status_code == 404, (one, other)
        for name in schemes:
            answer = await client.delete(f"/{name}/sessions", headers=headers[name])
            assert answer.status_code == 204
        for name in schemes:
            answer = await client.get(f"/{name}/me", headers=headers[name])
            assert answer.status_code == 200, name
    await users.set_password(ada, "another horse battery")
    assert await Session.count() == 0


async def test_caps(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """The cap of a scheme counts and ends its own sessions only."""
    mine, theirs = SessionAuth(users, name="mine", cap=1), SessionAuth(users, cap=2)
    async with new_client(serve(mine=mine, theirs=theirs)) as client:
        values = [await start(client, "theirs", theirs) for _ in range(2)]
        for _ in range(2):
            clock.advance(timedelta(minutes=1))
            await start(client, "mine", mine)
        for value in values:
            answer = await client.get("/theirs/me", headers=cookie(theirs, value))
            assert answer.status_code == 200
    assert await Session.count() == 3


async def test_one_name(users: Users[User], ada: User) -> None:
    """Schemes with the same name are one, whatever their cookies are called."""
    mine = SessionAuth(users, name="site")
    theirs = SessionAuth(users, name="site", cookie=Cookie("other"))
    async with new_client(serve(mine=mine, theirs=theirs)) as client:
        value = await start(client, "mine", mine)
        headers = cookie(theirs, value)
        assert (await client.get("/theirs/me", headers=headers)).json() == "ada"
        assert len((await client.get("/theirs/sessions", headers=headers)).json()) == 1


async def test_moved_sessions(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """
    A session that was moved from piccolo-api belongs to schemes that accept those; once its
    cookie is renewed, it belongs to one scheme only.
    """
    mine = SessionAuth(users, cookie=Cookie("id"), accepts_piccolo_api=True)
    others: list[SessionAuth[Any]] = [
        SessionAuth(users),
        SessionAuth(users, cookie=Cookie("other"), accepts_piccolo_api=True),
    ]
    app = serve(mine=mine, plain=others[0], accepting=others[1])
    async with new_client(app) as client:
        value = await start(client, "mine", mine)
        await Session.update({Session.scheme: ""}, force=True)
        [listed] = (await client.get("/mine/sessions", headers=cookie(mine, value))).json()
        assert listed["current"] is True
        answer = await client.get("/plain/me", headers=cookie(others[0], value))
        assert answer.status_code == 401
        answer = await client.get("/accepting/me", headers=cookie(others[1], value))
        assert answer.status_code == 200
        clock.advance(timedelta(minutes=1))
        assert await Session.select(Session.scheme) == [{"scheme": ""}]
        body = {"username": "ada", "password": PASSWORD}
        answer = await client.post("/mine/login", json=body, headers=cookie(mine, value))
        assert answer.status_code == 200
    assert await Session.select(Session.scheme) == [{"scheme": "id"}]


@reaches_no_sql
@pytest.mark.parametrize("name", ["", "a\nb", "a\x00", "Staff", "back office", "a--b", "ä"])
def test_no_name(users: Users[User], name: str) -> None:
    """A name that no row or cookie can carry, or that moved sessions have, is refused."""
    with pytest.raises(ConfigurationError, match="use lower-case letters"):
        SessionAuth(users, name=name)


@reaches_no_sql
def test_names_and_limits(users: Users[User]) -> None:
    """Names are derived from the whole cookie; options win over what a level gives."""
    domain = Cookie("s", domain="example.com", path="/a")
    assert SessionAuth(users, cookie=domain).name == "s; Domain=example.com; Path=/a"
    assert SessionAuth(users).name == "__Host-session"
    assert SessionAuth.aal2(users).name == "__Host-session; aal2"
    short = SessionAuth.aal2(users, idle=timedelta(minutes=30), name="bank")
    assert (short.name, short.lifetimes.idle) == ("bank", timedelta(minutes=30))
    assert short.cookie == Cookie("__Host-bank-session")
    assert SessionAuth(users, name="bank", cookie=Cookie("own")).cookie == Cookie("own")


@pytest.mark.security(41)
async def test_no_other_scheme_renews(users: Users[User], ada: User) -> None:
    """A scheme gives no new cookie for the session of another."""
    mine, theirs = SessionAuth(users), SessionAuth(users, cookie=Cookie("adm"))
    async with new_client(serve(mine=mine)) as client:
        value = await start(client, "mine", mine)
    [row] = await Session.objects()
    for scheme, is_own in ((theirs, False), (mine, True)):
        header = (b"cookie", f"{scheme.cookie.name}={value}".encode())
        scope = {"type": "http", "method": "GET", "headers": [header]}
        connection, response = HTTPConnection(scope), Response()
        identity = Identity(ada, "Session", row.id, frozenset(), users.clock())
        if is_own:
            await scheme.record_factor(identity, "totp", connection, response)
            assert response.headers["set-cookie"].startswith(f"{mine.cookie.name}=ses_")
            continue
        with pytest.raises(SessionEnded):
            await scheme.record_factor(identity, "totp", connection, response)
        with pytest.raises(SessionEnded):
            await scheme.replace_secret(identity, connection, response)
        assert "set-cookie" not in response.headers
