"""Tokens belong to an issuer and an audience: no other scheme accepts, lists or ends them."""

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
    JWTAuth,
    RefreshFamily,
    User,
    Users,
    jwt_router,
)
from piccolo_api_fastapi.errors import InvalidCredentials, InvalidGrant, InvalidToken
from piccolo_api_fastapi.testing import FrozenClock, race
from tests.conftest import PASSWORD, SECRET, bearer, new_client, reaches_no_sql

NAMES: dict[str, tuple[str, str]] = {
    "default": ("piccolo_api_fastapi", "piccolo_api_fastapi"),
    "app": ("https://app", "app"),
    "admin": ("https://admin", "admin"),
    "issuer": ("https://admin", "app"),
    "audience": ("https://app", "admin"),
    "shifted": ("https://ap", "papp"),
    "quoted": ('https://app", "app', "app"),
    "case": ("https://app", "App"),
}


def serve(**schemes: JWTAuth[User]) -> FastAPI:
    """An application with the routes of each scheme below its own prefix, and `/prefix/me`."""
    app = FastAPI()
    for prefix, scheme in schemes.items():
        app.include_router(jwt_router(scheme), prefix=f"/{prefix}")

        @app.get(f"/{prefix}/me")
        async def me(user: Annotated[User, Depends(scheme)]) -> str:
            return str(user.username)

    return app


@lru_cache
def make(users: Users[User]) -> tuple[FastAPI, dict[str, JWTAuth[User]]]:
    """All schemes, of one table and one secret, in one application."""
    schemes = {
        name: JWTAuth(users, secret=SECRET, issuer=issuer, audience=audience)
        for name, (issuer, audience) in NAMES.items()
    }
    return serve(**schemes), schemes


async def start(client: httpx.AsyncClient, prefix: str) -> dict[str, str]:
    """The tokens of a login at one scheme."""
    form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
    tokens: dict[str, str] = (await client.post(f"/{prefix}/token", data=form)).json()
    return tokens


async def refresh(client: httpx.AsyncClient, prefix: str, tokens: dict[str, str]) -> httpx.Response:
    """Refresh at one scheme."""
    form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    return await client.post(f"/{prefix}/token", data=form)


@pytest.mark.slow
@pytest.mark.security(41)
@pytest.mark.security(55)
async def test_pairs(users: Users[User], ada: User, unlimited: None) -> None:
    """Tokens of one scheme open, refresh, revoke, list and end nothing at any other."""
    app, schemes = make(users)
    async with new_client(app) as client:
        tokens = {name: await start(client, name) for name in schemes}
        headers = {name: bearer(found["access_token"]) for name, found in tokens.items()}
        listed = {
            name: [entry["id"] for entry in answer.json()]
            for name in schemes
            for answer in [await client.get(f"/{name}/token/families", headers=headers[name])]
        }
        assert {len(ids) for ids in listed.values()} == {1}
        for one, other in permutations(schemes, 2):
            answer = await refresh(client, other, tokens[one])
            assert answer.json()["error"] == "invalid_grant", (one, other)
            for kind in ("refresh_token", "access_token"):
                form = {"token": tokens[one][kind]}
                answer = await client.post(f"/{other}/token/revoke", data=form)
                assert answer.status_code == 200
            answer = await client.get(f"/{other}/me", headers=headers[one])
            assert answer.status_code == 401, (one, other)
            url = f"/{other}/token/families/{listed[one][0]}"
            answer = await client.delete(url, headers=headers[other])
            assert answer.status_code == 404, (one, other)
        for name, found in tokens.items():
            assert (await client.get(f"/{name}/me", headers=headers[name])).json() == "ada"
            assert (await refresh(client, name, found)).status_code == 200
    await users.set_password(ada, "another horse battery")
    assert await RefreshFamily.count() == 0


@pytest.mark.security(41)
@pytest.mark.parametrize("column", [RefreshFamily.issuer, RefreshFamily.audience])
async def test_the_row_is_asked_too(users: Users[User], ada: User, column: Any) -> None:
    """A family whose row is that of another scheme is refused, whatever its tokens say."""
    _, schemes = make(users)
    jwt = schemes["app"]
    connection = HTTPConnection({"type": "http", "headers": [], "client": ("127.0.0.1", 1)})
    pair = await jwt.issue(ada, connection)
    header = (b"authorization", f"Bearer {pair.access_token}".encode())
    connection = HTTPConnection({"type": "http", "headers": [header]})
    identity = await jwt.find(connection)
    assert identity is not None
    await RefreshFamily.update({column: "another"}, force=True)
    with pytest.raises(InvalidToken):
        await jwt.authenticate(connection)
    with pytest.raises(InvalidGrant):
        await jwt.refresh(pair.refresh_token)
    with pytest.raises(InvalidToken):
        await jwt.record_factor(identity, "totp", connection, Response())
    await jwt.revoke(pair.refresh_token)
    assert await RefreshFamily.exists().where(RefreshFamily.revoked_at.is_null())


async def test_cap(users: Users[User], ada: User, clock: FrozenClock, unlimited: None) -> None:
    """Beyond the cap the oldest apps give way, also under 24 logins at once; all those get in."""
    mine = JWTAuth(users, secret=SECRET, cap=2)
    theirs = JWTAuth(users, secret=SECRET, audience="theirs", cap=2)
    async with new_client(serve(mine=mine, theirs=theirs)) as client:
        others = [await start(client, "theirs") for _ in range(2)]
        oldest = await start(client, "mine")
        clock.advance(timedelta(minutes=1))

        async def enter() -> bool:
            return "access_token" in await start(client, "mine")

        assert {True} == set(await race(enter))
        answer = await client.get("/mine/me", headers=bearer(oldest["access_token"]))
        assert answer.status_code == 401
        assert (await refresh(client, "mine", oldest)).json()["error"] == "invalid_grant"
        for found in others:
            assert (await refresh(client, "theirs", found)).status_code == 200
    assert await RefreshFamily.count() == 4


async def issue(jwt: JWTAuth[User], user: User) -> str:
    """The refresh token of a user whom the application trusts."""
    connection = HTTPConnection({"type": "http", "headers": [], "client": ("127.0.0.1", 1)})
    return (await jwt.issue(user, connection)).refresh_token


@pytest.mark.slow
@pytest.mark.parametrize("cap", [1, 2, 100])
async def test_cap_for_trusted_users(users: Users[User], ada: User, cap: int) -> None:
    """The cap holds for 24 calls of `issue` at once, too."""
    jwt = JWTAuth(users, secret=SECRET, cap=cap)
    await race(lambda: issue(jwt, ada))
    assert await RefreshFamily.count() == min(cap, 24)


async def test_revoked_families_give_way_first(
    users: Users[User], ada: User, clock: FrozenClock
) -> None:
    """Apps that were signed out do not count against those that are signed in, nor pile up."""
    jwt = JWTAuth(users, secret=SECRET, cap=3)
    first = await issue(jwt, ada)
    for _ in range(9):
        clock.advance(timedelta(minutes=1))
        await jwt.revoke(await issue(jwt, ada))
    await jwt.refresh(first)
    assert await RefreshFamily.count() == 3


async def test_a_clock_that_is_behind(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """A login is not ended by its own cap, though the server's clock is behind."""
    jwt = JWTAuth(users, secret=SECRET, cap=2)
    for _ in range(2):
        await issue(jwt, ada)
    clock.advance(timedelta(minutes=-1))
    await jwt.refresh(await issue(jwt, ada))
    assert await RefreshFamily.count() == 2


@pytest.mark.parametrize(("cap", "expected"), [(None, 102), (100, 100)])
async def test_default_cap(
    users: Users[User], ada: User, cap: int | None, expected: int, clock: FrozenClock
) -> None:
    """There is a default, which `None` lifts."""
    options: dict[str, Any] = {"cap": cap} if cap is None else {}
    jwt = JWTAuth(users, secret=SECRET, **options)
    for _ in range(102):
        clock.advance(timedelta(seconds=1))
        await issue(jwt, ada)
    assert expected == await RefreshFamily.count()


async def test_a_refused_login_ends_nothing(users: Users[User], ada: User) -> None:
    """A login that is refused at the last moment leaves the others alone."""
    jwt = JWTAuth(users, secret=SECRET, cap=1)
    token = await issue(jwt, ada)
    proof = await users.verify("ada", PASSWORD)
    await User.update({User.active: False}).where(User.id == ada.id)
    connection = HTTPConnection({"type": "http", "headers": [], "client": ("127.0.0.1", 1)})
    with pytest.raises(InvalidCredentials):
        await jwt.issue(proof, connection)
    await User.update({User.active: True}).where(User.id == ada.id)
    await jwt.refresh(token)


@reaches_no_sql
def test_no_cap(users: Users[User]) -> None:
    """A cap of nothing is refused."""
    with pytest.raises(ConfigurationError, match="cap must be at least 1"):
        JWTAuth(users, secret=SECRET, cap=0)


@reaches_no_sql
@pytest.mark.security(55)
def test_the_mac_alone(users: Users[User]) -> None:
    """The MAC refuses a token of any other scheme, so that no statement is needed for that."""
    _, schemes = make(users)
    for one, other in permutations(schemes, 2):
        token = schemes[one]._refresh.first("")
        text = schemes[one]._refresh.write(token)
        assert schemes[one]._refresh.read(text) == token
        assert schemes[other]._refresh.read(text) is None, (one, other)
