"""The kit for tests of applications."""

import asyncio
import gc
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI, Security

from piccolo_api_fastapi import (
    Accounts,
    AnyOf,
    JWTAuth,
    SessionAuth,
    User,
    Users,
    accounts_router,
    optional,
    require,
)
from piccolo_api_fastapi.mail import AccountClosed, ResetPassword, VerifyEmail
from piccolo_api_fastapi.testing import (
    FrozenClock,
    Outbox,
    acting_as,
    assert_single_winner,
    captured_mail,
    cheap_hashing,
    race,
    timing_auc,
)
from piccolo_api_fastapi.users.passwords.hasher import default_hasher
from tests.conftest import PASSWORD, SECRET, new_client, reaches_no_sql


def test_frozen_clock() -> None:
    """It stands still until told."""
    clock = FrozenClock()
    assert clock() == clock() == datetime(2026, 1, 1, tzinfo=timezone.utc)
    clock.advance(timedelta(days=1))
    assert clock() == datetime(2026, 1, 2, tzinfo=timezone.utc)


def test_cheap_hashing() -> None:
    """Only within it."""
    before = default_hasher()
    with cheap_hashing():
        assert default_hasher() is not before
    assert default_hasher() is before


@reaches_no_sql
async def test_acting_as(database: Any) -> None:
    """Everything made of the guard follows, scopes too; afterwards all is as before."""
    current_user = AnyOf(SessionAuth(), JWTAuth(secret=SECRET))
    app = FastAPI()

    @app.get("/me")
    async def me(
        user: Annotated[User, Depends(current_user)],
        maybe: Annotated[User | None, Depends(optional(current_user))],
    ) -> list[str]:
        return [user.username, maybe.username if maybe else ""]

    @app.get("/admin", dependencies=[Depends(require(current_user, admin=True))])
    async def admin() -> None:
        return None

    ada, grace = User(username="ada"), User(username="grace", admin=True, superuser=True)
    async with new_client(app) as client:
        with acting_as(current_user, ada) as identity:
            assert (await client.get("/me")).json() == ["ada", "ada"]
            assert (await client.get("/admin")).status_code == 403
            assert identity.scopes == {"account"}
        with acting_as(current_user, grace) as identity:
            assert (await client.get("/admin")).status_code == 200
            assert identity.scopes == {"account", "admin", "superuser"}
        for user, scopes in ((ada, ["admin"]), (grace, ["superuser"])):
            with acting_as(current_user, user, scopes=scopes):
                assert (await client.get("/admin")).status_code == 403
        assert (await client.get("/me")).status_code == 401


@reaches_no_sql
@pytest.mark.parametrize("kind", ["sync", "async"])
async def test_scopes(database: Any, kind: str) -> None:
    """A user who is acted as has the scopes of the application, as one who signs in."""

    def reading(_: User) -> list[str]:
        return ["read"]

    async def reading_later(_: User) -> list[str]:
        return ["read"]

    users = Users(scopes_of=reading if kind == "sync" else reading_later)
    current_user = SessionAuth(users)
    app = FastAPI()

    @app.get("/read", dependencies=[Security(current_user, scopes=["read"])])
    async def read() -> None: ...

    @app.get("/admin", dependencies=[Depends(require(current_user, admin=True))])
    async def admin() -> None: ...

    async with new_client(app) as client:
        with acting_as(current_user, User(username="ada", admin=True)):
            assert (await client.get("/read")).status_code == 200
            assert (await client.get("/admin")).status_code == 200
        with acting_as(current_user, User(username="ada", admin=True), scopes=["write"]):
            assert (await client.get("/read")).status_code == 403
            assert (await client.get("/admin")).status_code == 403


async def test_captured_mail(users: Users[User], unlimited: None) -> None:
    """The `mail=` of the application is not asked meanwhile, and is asked again afterwards."""
    own = Outbox()
    accounts = Accounts(users, mail=own, base_url="https://app.example.com", schemes=[])
    app = FastAPI()
    app.include_router(accounts_router(accounts))
    async with new_client(app) as client:

        async def register(name: str) -> None:
            body = {"email": f"{name}@example.com", "password": PASSWORD}
            assert (await client.post("/register", json=body)).status_code == 202

        with captured_mail() as outbox:
            await register("ada")
        assert outbox.last(VerifyEmail).to == "ada@example.com"
        assert own.messages == []
        await register("bob")
        assert own.last(VerifyEmail).to == "bob@example.com"
        assert len(outbox.messages) == 1


async def test_race() -> None:
    """All start before any ends; results and exceptions come back."""
    started = 0

    async def call() -> int:
        nonlocal started
        started += 1
        await asyncio.sleep(0)
        if started < 24:
            raise ValueError
        return started

    assert await race(call) == [24] * 24


async def test_single_winner() -> None:
    """One winner is returned; none, or two, fail."""
    prizes = [1]

    async def take() -> int | None:
        return prizes.pop() if prizes else None

    assert await assert_single_winner(take) == 1
    with pytest.raises(AssertionError, match="0 of 24"):
        await assert_single_winner(take)
    prizes += [1, 2]
    with pytest.raises(AssertionError, match="2 of 3"):
        await assert_single_winner(take, n=3)


async def test_outbox() -> None:
    """It keeps messages, finds secrets, fails when told, and says what it misses."""
    outbox = Outbox()
    with pytest.raises(AssertionError, match="not a AccountClosed"):
        outbox.last(AccountClosed)
    to: Any = {"to": "ada@example.com", "username": "ada", "user": 1, "at": FrozenClock()()}
    link = "https://app.example.com/reset#token=s3cret"
    await outbox(ResetPassword(**to, link=link, expires_at=to["at"]))
    assert outbox.token(ResetPassword) == "s3cret"
    with pytest.raises(AssertionError, match="not a AccountClosed"):
        outbox.last(AccountClosed)
    outbox.is_down = True
    with pytest.raises(ConnectionError):
        await outbox(AccountClosed(**to))
    assert len(outbox.messages) == 1


async def test_timing_auc() -> None:
    """0.5 for what can't be told apart, 0 or 1 for what always can, in turns."""
    asked: list[float] = []

    def taking(seconds: float) -> Callable[[], Awaitable[float]]:
        async def ask() -> float:
            asked.append(seconds)
            return seconds

        return ask

    assert await timing_auc(taking(1), taking(1), 4) == 0.5
    assert await timing_auc(taking(1), taking(2), 4) == 1
    assert await timing_auc(taking(2), taking(1), 4) == 0
    assert asked[8:16] == [2, 1, 1, 2, 2, 1, 1, 2]
    assert gc.isenabled()

    async def fails() -> float:
        raise ConnectionError

    with pytest.raises(ConnectionError):
        await timing_auc(fails, fails, 1)
    assert gc.isenabled()
