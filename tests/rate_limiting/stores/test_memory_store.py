"""The memory of a `MemoryStore` is bounded, and nobody gains by that."""

import asyncio
import subprocess
import sys
from datetime import timedelta

import pytest

from piccolo_api_fastapi import ConfigurationError, MemoryStore
from piccolo_api_fastapi.rate_limiting import hints as self_checks
from piccolo_api_fastapi.rate_limiting.budgets import Budgets
from piccolo_api_fastapi.rate_limiting.stores.store import Budget
from piccolo_api_fastapi.testing import FrozenClock

MEBIBYTE = 1024 * 1024


def budget(*limits: str, block: timedelta | None = None, strict: bool = False) -> Budget:
    """A budget of these limits."""
    return Budgets(None, block, strict=strict).of(limits, "test")


FLOOD = """
import asyncio, tracemalloc
from piccolo_api_fastapi import MemoryStore
from piccolo_api_fastapi.rate_limiting.budgets import Budgets
from piccolo_api_fastapi.testing import FrozenClock

async def flood():
    store = MemoryStore(clock=FrozenClock())
    once = Budgets(None, None, strict=False).of("1/minute", "test")
    for key in ("quiet", "loud", "quiet", "loud"):
        now = (await store.take(once, key)).now
    [flooded] = store._tables[once.id]  # without the coroutine, which is most of the time
    for number in range(1_000_000):
        if number == 890_000:
            tracemalloc.start()  # which is slow, and sees all that is kept in the end
        if number % 1000 == 0:
            assert not (await store.take(once, "loud")).allowed
        flooded.take(f"2001:db8:{number:x}::/64", now, 1)
    assert not (await store.take(once, "quiet")).allowed
    assert 50_000 < len(store) <= 100_000
    print(tracemalloc.get_traced_memory()[0])

asyncio.run(flood())
"""


@pytest.mark.security(98)
def test_a_flood() -> None:
    """A million keys fit into 20 MiB, and free nobody who was refused, whether he tries or not."""
    ran = subprocess.run([sys.executable, "-c", FLOOD], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert MEBIBYTE < int(ran.stdout) < 20 * MEBIBYTE


async def test_what_is_forgotten(clock: FrozenClock) -> None:
    """When there are more clients than places it is said."""
    store, once = MemoryStore(max_keys=100, clock=clock), budget("1/minute")
    for number in range(200):
        await store.take(once, f"{number}")
    assert self_checks.has_said("evicted")


async def test_a_flood_of_refused_keys(clock: FrozenClock) -> None:
    """Those who were refused are bounded too."""
    store, once = MemoryStore(max_keys=100, clock=clock), budget("1/minute", "2/hour")
    for number in range(1000):
        for _ in range(2):
            await store.take(once, f"{number}")
        assert len(store) <= 200  # two limits
    assert not (await store.take(once, "999")).allowed


@pytest.mark.security(98)
@pytest.mark.parametrize("strict", [False, True])
async def test_dead_keys(clock: FrozenClock, *, strict: bool) -> None:
    """What is dead is forgotten, without timer or sweep, and nothing sooner."""
    store = MemoryStore(clock=clock)
    two = budget("2/minute", strict=strict, block=timedelta(minutes=2))
    for number in range(1000):
        await store.take(two, f"{number}")
    await store.take(two, "blocked", 2)
    await store.take(two, "blocked")
    for _ in range(4):
        clock.advance(timedelta(seconds=29))
        assert not (await store.take(two, "blocked")).allowed
    clock.advance(timedelta(seconds=4))
    assert (await store.take(two, "blocked", 2)).allowed
    clock.advance(timedelta(minutes=3))
    await store.take(two, "other")
    clock.advance(timedelta(minutes=10))
    await store.take(two, "another")
    assert len(store) == 1
    assert not self_checks.has_said("evicted")


async def test_eviction_of_the_dead(clock: FrozenClock) -> None:
    """A full store that forgets only what is dead says nothing."""
    store, once = MemoryStore(max_keys=100, clock=clock), budget("1/second")
    for number in range(500):
        clock.advance(timedelta(milliseconds=30))
        await store.take(once, f"{number}")
    assert not self_checks.has_said("evicted")


@pytest.mark.security(95)
@pytest.mark.parametrize("limits", [["1000/day"], ["1000/day", "100000/month"]])
async def test_event_loops_in_threads(limits: list[str]) -> None:
    """Event loops of one process, each in a thread of its own, share a store exactly."""
    store, thousand = MemoryStore(), budget(*limits)

    async def take() -> int:
        return sum([(await store.take(thousand, "ada")).allowed for _ in range(1000)])

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        loops = [asyncio.to_thread(lambda: asyncio.run(take())) for _ in range(4)]
        assert sum(await asyncio.gather(*loops)) == 1000
    finally:
        sys.setswitchinterval(interval)


def test_contradictions() -> None:
    """A store that keeps nothing is none."""
    with pytest.raises(ConfigurationError):
        MemoryStore(max_keys=10)
