"""Logging in: hooks, one answer, one cost."""

import asyncio
import functools
import threading
import time
from random import sample
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    JWTAuth,
    Login,
    LoginAttempt,
    LoginLimits,
    Password,
    PasswordFailures,
    Session,
    SessionAuth,
    User,
    Users,
    jwt_router,
    session_router,
)
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import InvalidCredentials, Unavailable
from piccolo_api_fastapi.testing import auc, cheap_hasher
from piccolo_api_fastapi.users.passwords.hasher import PasswordHasher
from piccolo_api_fastapi.users.passwords.threads import HashingThreads
from tests.conftest import PASSWORD, SECRET, log_in, new_client
from tests.timing import CHANCE


def app_with(login: Login[User]) -> FastAPI:
    """An application that logs in this way."""
    app = FastAPI()
    app.include_router(session_router(SessionAuth(login.users), login), prefix="/auth")
    app.include_router(jwt_router(JWTAuth(login.users, secret=SECRET), login), prefix="/auth")
    return app


@pytest.mark.security(11)
@pytest.mark.security(15)
async def test_one_answer(client: httpx.AsyncClient, users: Users[User], ada: User) -> None:
    """Unknown, wrong, disabled, locked and without a password: the same bytes (D-J2, D-S7)."""
    await users.create("off", PASSWORD, active=False)
    await users.create("none")
    await users.create("locked", PASSWORD)
    with pytest.raises(InvalidCredentials):
        await users.verify("locked", "wrong")
    await PasswordFailures.update({PasswordFailures.failed_count: 100}, force=True)
    answers = [
        await log_in(client, "locked"),
        await log_in(client, "locked", "wrong"),
        await log_in(client, "nobody"),
        await log_in(client, "ada", "wrong"),
        await log_in(client, "off"),
        await log_in(client, "off", "wrong"),
        await log_in(client, "none"),
        await log_in(client, "none", ""),
        await log_in(client, "x" * 500),
        await log_in(client, "", ""),
        await log_in(client, "ada", "x" * 129),
    ]
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.content for answer in answers}) == 1
    assert len({tuple(answer.headers.items()) for answer in answers}) == 1
    assert await Session.count() == 0


COUNTED = ("known", "nobody", "off", "none")
ALIKE = [*(("known", other) for other in COUNTED[1:]), ("locked", "locked nobody")]


async def try_all(app: FastAPI, spent: dict[str, list[float]], times: int) -> None:
    """Try a wrong password at each name so many times, in any order; note what each costs."""
    async with new_client(app) as client:
        kept = [row["key"] for row in await PasswordFailures.select(PasswordFailures.key)]
        for number in range(times):
            if number % 4 == 0:
                await PasswordFailures.delete().where(PasswordFailures.key.not_in(kept))
            # In any order, since each pays for what the one before it left behind.
            for name in sample(sorted(spent), len(spent)):
                start = time.process_time()
                await log_in(client, name, "wrong")
                spent[name].append(time.process_time() - start)


@pytest.mark.slow
@pytest.mark.security(12)
@pytest.mark.usefixtures("unlimited")
async def test_one_cost(users: Users[User], ada: User) -> None:
    """
    Known, unknown, disabled and without a password cost the same, and so do those of whom so many
    guesses were wrong that no more are looked at: 100 interleaved tries of each can't be told
    apart. Counted in processor time, which other programs don't disturb. Where chance, or a
    difference, moves the area under the curve, 400 more decide.
    """
    hasher = PasswordHasher(memory_kib=2048, iterations=2, allow_weak=True)
    users = Users(hasher=hasher, clock=users.clock)
    await users.create("known", PASSWORD)
    await users.create("locked", PASSWORD)
    await users.create("off", PASSWORD, active=False)
    await users.create("none")
    app = app_with(Login(users))
    async with new_client(app) as client:
        for name in ("locked", "locked nobody"):
            for _ in range(5):
                await log_in(client, name, "wrong")
    spent: dict[str, list[float]] = {name: [] for name in {*COUNTED, *ALIKE[-1]}}
    await try_all(app, spent, 100)
    if not all(CHANCE[0] <= auc(spent[one], spent[other]) <= CHANCE[1] for one, other in ALIKE):
        await try_all(app, spent, 400)
    for one, other in ALIKE:
        assert 0.4 <= auc(spent[one], spent[other]) <= 0.6, other
    assert await PasswordFailures.exists().where(PasswordFailures.failed_count == 5)


@pytest.mark.security(6)
async def test_long_password(
    client: httpx.AsyncClient, ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A long password costs what any wrong one costs, and is itself never hashed (D-U10)."""
    hashed: list[str] = []
    verify = PasswordHasher._matches

    def spy(self: PasswordHasher, encoded: str | None, password: str) -> bool:
        hashed.append(password)
        return verify(self, encoded, password)

    monkeypatch.setattr(PasswordHasher, "_matches", spy)
    for password in ("x" * 129, "x" * 10_000):
        assert (await log_in(client, "ada", password)).status_code == 401
    assert hashed == ["", ""]


async def flood(users: Users[User], name: str) -> tuple[list[httpx.Response], float]:
    """Log 200 new users in at once; the processor time that the loop spent on it."""
    encoded = users.hasher.encode(PASSWORD)
    async with transaction(User):
        for number in range(200):
            await users.create(f"{name}{number}", encoded=encoded)
    login = Login(users, limits=LoginLimits(address=None))
    async with new_client(app_with(login)) as client:
        start = time.thread_time()
        answers = await asyncio.gather(
            *(log_in(client, f"{name}{number}") for number in range(200))
        )
        return answers, time.thread_time() - start


@pytest.mark.slow
@pytest.mark.security(10)
async def test_the_loop_is_free(users: Users[User], monkeypatch: pytest.MonkeyPatch) -> None:
    """
    200 logins by real Argon2id: hashed elsewhere, the loop is free, the rest is a 503 (D-U1).
    The loop spends the time that it does where a hash takes none, and not half of the hashes'.
    """
    threads = HashingThreads(threads=2, waiting=4, patience=0.1)
    users = Users(hasher=PasswordHasher(iterations=10, threads=threads), clock=users.clock)
    start = time.thread_time()
    users.hasher.encode(PASSWORD)
    a_hash = time.thread_time() - start
    _, idle = await flood(Users(hasher=cheap_hasher(), clock=users.clock), "idle")
    busy_threads: list[str] = []
    matches = PasswordHasher._matches

    def spy(self: PasswordHasher, encoded: str | None, password: str) -> bool:
        busy_threads.append(threading.current_thread().name)
        return matches(self, encoded, password)

    monkeypatch.setattr(PasswordHasher, "_matches", spy)
    answers, spent = await flood(users, "user")
    assert {answer.status_code for answer in answers} == {200, 503}
    refused = [answer for answer in answers if answer.status_code == 503]
    codes = {answer.json()["code"] for answer in refused}
    assert {"busy"} <= codes <= {"busy", "store_unavailable"}  # SQLite's lock has a line, too
    assert all("Retry-After" in answer.headers for answer in refused)
    assert spent < idle + len(busy_threads) * a_hash / 2
    assert len(set(busy_threads)) <= 2
    assert all(name.startswith("password-hashing") for name in busy_threads)


class Hook:
    """A callable object."""

    async def __call__(self, _: LoginAttempt) -> str | None:
        """Refuse."""
        return "Not today."

    def method(self, _: LoginAttempt) -> str | None:
        """Refuse."""
        return "Not today."


async def _refuse(reason: str, attempt: LoginAttempt) -> str:
    return reason


@pytest.mark.parametrize(
    "hook",
    [
        Hook(),
        Hook().method,
        functools.partial(_refuse, "Not today."),
        lambda _: "Not today.",
        lambda attempt: _refuse("Not today.", attempt),
    ],
)
@pytest.mark.parametrize("place", ["before", "on_success", "on_failure"])
async def test_hooks_refuse(users: Users[User], ada: User, hook: Any, place: str) -> None:
    """
    Any callable is asked, sync or async, and its reason is the answer (D-U6, D-S12), of
    every router that takes a password: none is a way around the others (D-J11).
    """
    options: Any = {place: [hook]}
    app = app_with(Login(users, **options))
    password = "wrong" if place == "on_failure" else PASSWORD
    async with new_client(app) as client:
        answer = await log_in(client, "ada", password)
        assert (answer.status_code, answer.json()["detail"]) == (403, "Not today.")
        assert answer.json()["code"] == "login_refused"
        data = {"grant_type": "password", "username": "ada", "password": password}
        answer = await client.post("/auth/token", data=data)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
        assert answer.json()["error_description"] == "Not today."
    assert await Session.count() == 0


async def test_hooks_are_told(users: Users[User], ada: User) -> None:
    """Who, from where, and the user once known; one order (D-S11)."""
    told: list[tuple[str, str, Any, str | None]] = []

    def tell(place: str, attempt: LoginAttempt) -> None:
        user = attempt.user.username if attempt.user else None
        told.append((place, attempt.identifier, user, attempt.client.ip))

    places = ("before", "on_success", "on_failure")
    options: Any = {place: [functools.partial(tell, place)] for place in places}
    async with new_client(app_with(Login(users, **options))) as client:
        assert (await log_in(client)).status_code == 200
        assert (await log_in(client, "ada", "wrong")).status_code == 401
    assert told == [
        ("before", "ada", None, "127.0.0.1"),
        ("on_success", "ada", "ada", "127.0.0.1"),
        ("before", "ada", None, "127.0.0.1"),
        ("on_failure", "ada", None, "127.0.0.1"),
    ]


async def test_hooks_raise(users: Users[User], ada: User) -> None:
    """A hook may raise an error of its own; nonsense is not taken for consent."""

    def overloaded(_: LoginAttempt) -> None:
        raise Unavailable(retry_after=7)

    async with new_client(app_with(Login(users, before=[overloaded]))) as client:
        answer = await log_in(client)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "7")
    hook: Any = lambda _: False  # noqa: E731
    async with new_client(app_with(Login(users, on_success=[hook]))) as client:
        assert (await log_in(client)).status_code == 500
    assert await Session.count() == 0


async def test_email_and_case(client: httpx.AsyncClient, ada: User) -> None:
    """Name or address, in any case (D-U4)."""
    for identifier in ("ada", "ADA", " ada ", "ada@example.com", "Ada@Example.COM"):
        assert (await log_in(client, identifier)).status_code == 200


@pytest.mark.security(1)
async def test_stored_hash(database: Any) -> None:
    """Argon2id with OWASP's parameters and a salt of its own, in a table of its own."""
    users = Users(hasher=PasswordHasher())
    for name in ("one", "two"):
        await users.create(name, PASSWORD)
    rows = await Password.select(Password.hash)
    hashes = [row["hash"] for row in rows]
    assert len(set(hashes)) == 2
    for encoded in hashes:
        assert encoded.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert len(encoded.split("$")[4]) >= 22
