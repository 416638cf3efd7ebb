"""The memory of a `MemoryStore` is bounded, and nobody gains by that."""

import asyncio
import subprocess
import sys
import threading
from contextlib import suppress
from datetime import timedelta

import pytest

from piccolo_api_fastapi import ConfigurationError, MemoryStore
from piccolo_api_fastapi.rate_limiting import hints as self_checks
from piccolo_api_fastapi.rate_limiting.algorithms.gcra import Rate
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import SECOND, Limit
from piccolo_api_fastapi.rate_limiting.stores import memory_store
from piccolo_api_fastapi.rate_limiting.stores.store import Budget
from piccolo_api_fastapi.rate_limiting.tariff import Budgets
from piccolo_api_fastapi.testing import FrozenClock

MEBIBYTE = 1024 * 1024


def budget(*limits: str, block: timedelta | None = None, strict: bool = False) -> Budget:
    """A budget of these limits."""
    return Budgets(None, block, strict=strict).of(limits, "test")


FLOOD = """
import asyncio, tracemalloc
from piccolo_api_fastapi import MemoryStore
from piccolo_api_fastapi.rate_limiting.tariff import Budgets
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
@pytest.mark.slow
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


class Slow(Rate):
    """A rate that lets another thread go on in the middle of a charge."""

    together = threading.Barrier(2)

    def admit(self, tat: int, now: int, cost: int) -> int | None:
        """Charge once another thread is here as well, or half a second has passed."""
        with suppress(threading.BrokenBarrierError):
            self.together.wait(0.5)
        return super().admit(tat, now, cost)


@pytest.mark.security(95)
async def test_a_charge_is_one_step() -> None:
    """No thread reads a state while another thread is about to write it."""
    rate = Slow(Limit(1, 3600 * SECOND))
    store, once = MemoryStore(), Budget("test", [rate])
    threads = [asyncio.to_thread(lambda: asyncio.run(store.take(once, "ada"))) for _ in range(2)]
    assert sorted(verdict.allowed for verdict in await asyncio.gather(*threads)) == [False, True]


async def flood(store: MemoryStore, asked: Budget, keys: int, name: str = "flood") -> None:
    """Charge many keys once."""
    for number in range(keys):
        await store.take(asked, f"{name}-{number}")


@pytest.mark.security(98)
@pytest.mark.parametrize("limits", [["1/hour"], ["1/hour", "100/day"]])
async def test_refused_keys_move_on(clock: FrozenClock, limits: list[str]) -> None:
    """A key that was refused once is kept through any number of generations."""
    store, asked = MemoryStore(max_keys=100, clock=clock), budget(*limits)
    for _ in range(2):
        await store.take(asked, "loud")
    await flood(store, asked, 500)
    assert not (await store.take(asked, "loud")).allowed


@pytest.mark.security(98)
async def test_refused_by_one_of_two(clock: FrozenClock) -> None:
    """Keys that the limit of a minute refuses take no place of keys that the other refuses."""
    store, asked = MemoryStore(max_keys=100, clock=clock), budget("1/minute", "2/hour")
    verdicts = []
    for _ in range(3):
        verdicts.append(await store.take(asked, "loud"))
        clock.advance(timedelta(seconds=61))
    assert not verdicts[-1].allowed
    for _ in range(2):
        await flood(store, asked, 30, "others")
    await flood(store, asked, 200)
    assert not (await store.take(asked, "loud")).allowed


async def test_refused_from_the_older_generation(clock: FrozenClock) -> None:
    """A key that is refused while it lies in the older generation is kept as well."""
    store, once = MemoryStore(max_keys=100, clock=clock), budget("1/hour")
    await store.take(once, "loud")
    await flood(store, once, 60)
    assert not (await store.take(once, "loud")).allowed
    await flood(store, once, 200, "more")
    assert not (await store.take(once, "loud")).allowed


async def test_only_refused_keys_move(clock: FrozenClock) -> None:
    """A key that was refused and would be admitted by now moves no further."""
    store, two = MemoryStore(max_keys=100, clock=clock), budget("2/minute")
    for _ in range(3):
        await flood(store, two, 20, "refused")
    clock.advance(timedelta(seconds=31))
    await flood(store, two, 60)
    [table] = store._tables[two.id]
    assert not any(key.startswith("refused") for key in table.new)


async def test_states_live_through_a_generation(clock: FrozenClock) -> None:
    """A new generation that begins in time keeps the one before it."""
    store, two = MemoryStore(clock=clock), budget("2/minute")
    await store.take(two, "first")
    clock.advance(timedelta(seconds=59))
    await store.take(two, "ada", 2)
    clock.advance(timedelta(seconds=2))
    assert not (await store.take(two, "ada", 2)).allowed


@pytest.mark.parametrize("limits", [["1/hour"], ["1/hour", "100/day"]])
async def test_forgetting_a_refused_key(clock: FrozenClock, limits: list[str]) -> None:
    """A key that was refused and reset is as if it had never come, and moves no further."""
    store, asked = MemoryStore(max_keys=100, clock=clock), budget(*limits)
    for _ in range(2):
        await store.take(asked, "ada")
    await store.reset(asked, "ada")
    assert (await store.take(asked, "ada")).allowed
    await store.reset(asked, "ada")
    await flood(store, asked, 60)
    assert (await store.take(asked, "ada")).allowed


async def test_forgetting_an_older_key(clock: FrozenClock) -> None:
    """A key is forgotten in the older generation as well."""
    store, once = MemoryStore(max_keys=100, clock=clock), budget("1/hour")
    await store.take(once, "ada")
    await flood(store, once, 60)
    await store.reset(once, "ada")
    assert (await store.take(once, "ada")).allowed


async def test_budgets_are_bounded(clock: FrozenClock, monkeypatch: pytest.MonkeyPatch) -> None:
    """Budgets that count nothing any more are forgotten, and no others."""
    monkeypatch.setattr(memory_store, "REMEMBERED", 10)
    store = MemoryStore(clock=clock)
    hour = budget("1/hour")
    await store.take(hour, "ada")
    for amount in range(1, 10):
        await store.take(budget(f"{amount}/second"), "ada")
    assert len(store._tables) == 10
    clock.advance(timedelta(seconds=10))
    await store.take(budget("1/minute"), "ada")
    assert len(store._tables) == 2
    assert not (await store.take(hour, "ada")).allowed


def test_contradictions() -> None:
    """A store that keeps nothing is none."""
    with pytest.raises(ConfigurationError):
        MemoryStore(max_keys=10)
