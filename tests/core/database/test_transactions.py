"""Transactions: all or nothing, one within another, and what is left of one that failed."""

import asyncio

import pytest
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import User, Users
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import StoreUnavailable
from tests.conftest import PASSWORD, use_engine


async def test_transactions(users: Users[User]) -> None:
    """All or nothing; an inner one joins the outer one."""

    async def fail() -> None:
        async with transaction(User):
            async with transaction(User):
                await User.insert(User(username="a", email="a"))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        await fail()
    assert await User.count() == 0
    async with transaction(User):
        await User.insert(User(username="a", email="a"))
    assert await User.count() == 1


@pytest.mark.slow
@pytest.mark.security(109)
async def test_writers_wait(users: Users[User]) -> None:
    """24 transactions that read and then write all pass."""

    async def register(number: int) -> None:
        await users.create(f"user{number}", PASSWORD)

    await asyncio.gather(*(register(number) for number in range(24)))
    assert await User.count() == 24


@pytest.mark.security(111)
async def test_no_connection() -> None:
    """Where there is no connection, there is none to let go of."""
    use_engine(SQLiteEngine(path="/nowhere/test.sqlite"))

    async def try_it() -> None:
        async with store(), transaction(User):
            pass

    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await try_it()
