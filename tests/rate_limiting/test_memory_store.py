"""The memory of a `MemoryStore` is bounded, and nobody gains by that."""

import tracemalloc
from datetime import timedelta

import pytest

from piccolo_api_fastapi import ConfigurationError, MemoryStore
from piccolo_api_fastapi.rate_limiting import self_checks
from piccolo_api_fastapi.rate_limiting.budgets import Budgets
from piccolo_api_fastapi.rate_limiting.stores import Budget
from piccolo_api_fastapi.testing import FrozenClock

MEBIBYTE = 1024 * 1024


def budget(*limits: str, block: timedelta | None = None, strict: bool = False) -> Budget:
    """A budget of these limits."""
    return Budgets(None, block, strict=strict).of(limits, "test")


@pytest.mark.security(98)
async def test_a_flood(clock: FrozenClock) -> None:
    """A million keys fit into 20 MiB, and free nobody who was refused, whether he tries or not."""
    store, once = MemoryStore(clock=clock), budget("1/minute")
    for key in ("quiet", "loud"):
        await store.take(once, key)
        assert not (await store.take(once, key)).allowed
    tracemalloc.start()
    for number in range(120_000):
        await store.take(once, f"2001:db8:{number:x}::/64")
        if number % 1000 == 0:
            assert not (await store.take(once, "loud")).allowed
    size, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for number in range(880_000):
        await store.take(once, f"2001:db9:{number:x}::/64")
    assert not (await store.take(once, "quiet")).allowed
    assert not (await store.take(once, "loud")).allowed
    assert len(store) <= 100_000
    assert size < 20 * MEBIBYTE
    assert peak < 25 * MEBIBYTE
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
    """What is dead is forgotten, without timer or sweep, and nothing sooner (D-R4)."""
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


def test_contradictions() -> None:
    """A store that keeps nothing is none."""
    with pytest.raises(ConfigurationError):
        MemoryStore(max_keys=10)
