"""Locks by name."""

import asyncio

import pytest

from piccolo_api_fastapi.errors import HasherBusy
from piccolo_api_fastapi.users.passwords.locks import KeyedLocks


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


@pytest.mark.parametrize("moment", range(6))
async def test_who_is_cancelled(moment: int) -> None:
    """Whoever goes away while waiting, or as the lock comes, does not take it along."""
    locks, release = KeyedLocks(), asyncio.Event()

    async def hold(until: asyncio.Event | None) -> str:
        async with locks.hold("a", 5):
            if until is not None:
                await until.wait()
            return "held"

    first = asyncio.create_task(hold(release))
    await asyncio.sleep(0)
    second = asyncio.create_task(hold(asyncio.Event()))
    third = asyncio.create_task(hold(None))
    for _ in range(3):
        await asyncio.sleep(0)
    release.set()
    for _ in range(moment):
        await asyncio.sleep(0)
    second.cancel()
    assert [await first, await third] == ["held", "held"]
    with pytest.raises(asyncio.CancelledError):
        await second
    assert not locks._locks
