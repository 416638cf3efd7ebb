"""Many at once: one winner where there may be one, and no errors where there may be many."""

import asyncio
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import timedelta
from itertools import cycle
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import create_db_tables
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import JWTAuth, Password, RefreshFamily, Session, User, Users
from piccolo_api_fastapi.errors import IdentityTaken, InvalidGrant
from piccolo_api_fastapi.schemes.jwt.token_pairs import TokenPair
from piccolo_api_fastapi.testing import (
    FrozenClock,
    assert_single_winner,
    cheap_pbkdf2_hasher,
    race,
)
from piccolo_api_fastapi.users.tables import MARKER
from tests.conftest import PASSWORD, STOCK, bearer, get_tokens, log_in, new_client, use_engine
from tests.integration.hammer import hammer
from tests.integration.processes import PROCESSES

pytestmark = pytest.mark.slow

CONNECTION = HTTPConnection({"type": "http", "headers": [], "client": ("127.0.0.1", 1)})


@pytest.mark.security(109)
@pytest.mark.slow
async def test_two_processes_on_one_file(memory_path: Path) -> None:
    """Two processes with 500 writes each on one SQLite file: not one is refused or lost."""
    path = str(memory_path / "test.sqlite")
    use_engine(SQLiteEngine(path=path, timeout=30))
    await create_db_tables(*STOCK)
    await Users().create("ada", PASSWORD)

    both = PROCESSES.Barrier(2)
    with ProcessPoolExecutor(2, PROCESSES, initializer=both.wait) as pool:
        loop = asyncio.get_running_loop()
        work = [loop.run_in_executor(pool, hammer, path, 500) for _ in range(2)]
        counters = await asyncio.gather(*work)

    expected = {
        ("/login", 200): 100,
        ("/token", 200): 200,
        ("/token/revoke", 200): 100,
        ("/logout", 204): 100,
    }
    assert [Counter(expected)] * 2 == counters
    assert await Session.count() == 0
    assert await RefreshFamily.count() == 200
    assert await RefreshFamily.count().where(RefreshFamily.revoked_at.is_null()) == 0


@pytest.mark.security(110)
@pytest.mark.parametrize("kind", ["refresh_token", "access_token"])
async def test_revocation_wins(
    client: httpx.AsyncClient, jwt: JWTAuth[User], ada: User, kind: str
) -> None:
    """Whatever a storm of refreshes got before, while and after a family ended is dead."""

    async def refresh_thrice(token: str) -> list[TokenPair]:
        results = await race(lambda: jwt.refresh(token), 3)
        refused = {type(result) for result in results if isinstance(result, Exception)}
        assert refused <= {InvalidGrant}
        return [result for result in results if isinstance(result, TokenPair)]

    async def storm(given: list[TokenPair], under_way: asyncio.Event) -> None:
        for _ in range(1000):
            got = await refresh_thrice(given[-1].refresh_token)
            given += got
            if len(given) > 6:
                under_way.set()
            if len(got) < 3:
                return

    async def revoke(pair: TokenPair, under_way: asyncio.Event) -> None:
        await under_way.wait()
        await jwt.revoke(getattr(pair, kind))

    async def family() -> list[TokenPair]:
        pair = await jwt.issue(ada, CONNECTION)
        given, under_way = [pair], asyncio.Event()
        await asyncio.gather(storm(given, under_way), revoke(pair, under_way))
        return given

    for given in await asyncio.gather(*(family() for _ in range(8))):
        for pair in given:
            answer = await client.get("/jwt", headers=bearer(pair.access_token))
            assert answer.status_code == 401
            with pytest.raises(InvalidGrant):
                await jwt.refresh(pair.refresh_token)
    ended = await RefreshFamily.count().where(RefreshFamily.revoked_at.is_not_null())
    assert ended == await RefreshFamily.count() == 8


@pytest.mark.security(24)
@pytest.mark.usefixtures("unlimited")
async def test_password_change_wins(
    app: FastAPI, users: Users[User], ada: User, clock: FrozenClock
) -> None:
    """No login by the old password outlives a password change that it raced."""
    clients = [new_client(app) for _ in range(24)]
    logins = [log_in(client) for client in clients]
    change = users.set_password(ada, "another horse battery")
    answers, _ = await asyncio.gather(asyncio.gather(*logins), change)
    assert {answer.status_code for answer in answers} <= {200, 401}
    for client in clients:
        assert (await client.get("/me")).status_code == 401
        assert (await log_in(client)).status_code == 401
    clock.advance(timedelta(hours=1))
    assert (await log_in(clients[0], "ada", "another horse battery")).status_code == 200


@pytest.mark.security(108)
@pytest.mark.parametrize(
    "identities",
    [
        [("mike", "mike@example.com")],
        [("mike", None)],
        [("mike", "a@example.com"), ("MIKE", "b@example.com"), (" \uff4dike", None)],
        [(f"mike{n}", email) for n in range(12) for email in ("m@example.com", "M@EXAMPLE.com")],
        [("mike@example.com", "Mike@example.com"), ("mike", "mike@example.com")],
    ],
    ids=["equal", "no address", "username", "address", "crossed"],
)
async def test_registrations(users: Users[User], identities: list[tuple[str, str | None]]) -> None:
    """24 registrations of one identity, however spelt: one row, and the others hear it is taken."""
    turn = cycle(identities)

    def register() -> Any:
        username, email = next(turn)
        return users.create(username, PASSWORD, email=email)

    results = await race(register)
    losers = [type(result) for result in results if isinstance(result, Exception)]
    assert [IdentityTaken] * 23 == losers
    assert await User.count() == await Password.count() == 1


async def test_logins(app: FastAPI, ada: User) -> None:
    """24 logins with an old PBKDF2 hash: 24 sessions that live, and the hash has moved once."""
    old = await cheap_pbkdf2_hasher().hash(PASSWORD)
    await Password.delete(force=True)
    await User.update({User.password: old}).where(User.id == ada.id)
    clients = [new_client(app) for _ in range(24)]
    answers = await asyncio.gather(*(log_in(client) for client in clients))
    assert {200} == {answer.status_code for answer in answers}
    for client in clients:
        assert (await client.get("/me")).json() == {"username": "ada"}
    assert await Session.count() == 24
    assert await User.select(User.password) == [{"password": MARKER}]
    [password] = await Password.select(Password.hash)
    assert password["hash"].startswith("$argon2id$")


async def test_ends_of_one_session(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """24 logouts of one session all answer 204, and it is dead."""
    await log_in(client)
    cookies = {"cookie": f"__Host-session={client.cookies['__Host-session']}"}
    async with new_client(app) as other:
        answers = await race(lambda: other.post("/auth/logout", headers=cookies))
        assert {204} == {getattr(answer, "status_code", answer) for answer in answers}
    assert (await client.get("/me")).status_code == 401


async def test_one_session_ended_once(app: FastAPI, client: httpx.AsyncClient, ada: User) -> None:
    """Of 24 requests to end another session of mine one answers 204, the others 404."""
    await log_in(client)
    [theirs] = (await client.get("/auth/sessions")).json()
    async with new_client(app) as other:
        await log_in(other)

        async def end() -> bool:
            answer = await other.delete(f"/auth/sessions/{theirs['id']}")
            assert answer.status_code in (204, 404)
            return answer.status_code == 204

        assert await assert_single_winner(end)
    assert (await client.get("/me")).status_code == 401


async def test_ends_of_one_family(client: httpx.AsyncClient, ada: User) -> None:
    """24 revocations of one family all answer 200, and it is dead."""
    tokens = await get_tokens(client)
    form = {"token": tokens["refresh_token"]}
    answers = await race(lambda: client.post("/auth/token/revoke", data=form))
    assert {200} == {getattr(answer, "status_code", answer) for answer in answers}
    answer = await client.get("/jwt", headers=bearer(tokens["access_token"]))
    assert answer.status_code == 401
    assert await RefreshFamily.count().where(RefreshFamily.revoked_at.is_null()) == 0
