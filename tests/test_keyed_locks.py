"""Locks by name."""

import asyncio

import pytest

from piccolo_api_fastapi.errors import HasherBusy
from piccolo_api_fastapi.keyed_locks import KeyedLocks


async def test_one_at_a_time() -> None:
    """Of one key one holds it, of another one another; afterwards nothing is kept."""
    locks, inside = KeyedLocks(), []

    async def work(key: str) -> None:
        async with locks.hold(key, 5):
            assert key not in inside
            inside.append(key)
            await asyncio.sleep(0)
            inside.remove(key)

    await asyncio.gather(*(work(key) for key in "abab" * 6))
    assert not locks._locks


async def test_patience() -> None:
    """Who waits too long goes away, and leaves nothing behind."""
    locks = KeyedLocks()
    async with locks.hold("a", 5):
        with pytest.raises(HasherBusy):
            async with locks.hold("a", 0.001):
                pytest.fail("It is held.")
    assert not locks._locks
