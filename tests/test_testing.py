"""The kit for tests of applications."""

import asyncio
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

import pytest
from fastapi import Depends, FastAPI

from piccolo_api_fastapi import AnyOf, JWTAuth, SessionAuth, User, optional, require
from piccolo_api_fastapi.passwords import default_hasher
from piccolo_api_fastapi.testing import (
    FrozenClock,
    acting_as,
    assert_single_winner,
    cheap_hashing,
    race,
)
from tests.conftest import SECRET, new_client


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
            assert identity.scopes == set()
        with acting_as(current_user, grace) as identity:
            assert (await client.get("/admin")).status_code == 200
            assert identity.scopes == {"admin", "superuser"}
        with acting_as(current_user, ada, scopes=["admin"]):
            assert (await client.get("/admin")).status_code == 200
        assert (await client.get("/me")).status_code == 401


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
