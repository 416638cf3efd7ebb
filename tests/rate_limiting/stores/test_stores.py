"""One suite for every store: the same answers, in memory, Redis, SQLite and PostgreSQL."""

import asyncio
import random
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from piccolo_api_fastapi import PiccoloStore
from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import SECOND, microseconds
from piccolo_api_fastapi.rate_limiting.stores.store import (
    Budget,
    Marks,
    State,
    Store,
    Verdict,
    marks_of,
    settle,
)
from piccolo_api_fastapi.rate_limiting.tariff import Budgets
from piccolo_api_fastapi.testing import FrozenClock, race


def budget(*limits: str, scope: str = "test", **rules: Any) -> Budget:
    """A budget of these limits."""
    options = {"burst": None, "block": None, "strict": False, **rules}
    return Budgets(**options).of(limits, scope)


def remaining(asked: Budget, verdict: Verdict) -> list[int]:
    """What each limit still admits."""
    pairs = zip(asked.rates, verdict.states, strict=True)
    return [rate.remaining(state, verdict.now) for rate, state in pairs]


def wait(asked: Budget, verdict: Verdict, cost: int = 1) -> float:
    """Seconds until it is admitted."""
    pairs = zip(asked.rates, verdict.states, strict=True)
    return max(rate.wait(state, verdict.now, cost) for rate, state in pairs) / SECOND


@pytest.mark.parametrize("strict", [False, True])
async def test_so_many_and_no_more(store: Store, clock: FrozenClock, *, strict: bool) -> None:
    """The number is admitted and not one more; then what time brings back."""
    three = budget("3/minute", strict=strict)
    for left in (2, 1, 0):
        verdict = await store.take(three, "ada")
        assert (True, [left]) == (verdict.allowed, remaining(three, verdict))
    verdict = await store.take(three, "ada")
    assert not verdict.allowed
    assert wait(three, verdict) == (60 if strict else 20)
    assert (await store.take(three, "grace")).allowed
    clock.advance(timedelta(seconds=wait(three, verdict), microseconds=-1))
    assert not (await store.take(three, "ada")).allowed
    clock.advance(timedelta(microseconds=1))
    verdict = await store.take(three, "ada")
    assert (True, [2 if strict else 0]) == (verdict.allowed, remaining(three, verdict))


@pytest.mark.parametrize("strict", [False, True])
async def test_all_or_none(store: Store, *, strict: bool) -> None:
    """Of several limits none is charged when one refuses; the answer says how each stands."""
    both = budget("2/second", "3/minute", strict=strict)
    first = await store.take(both, "ada", 2)
    assert (first.allowed, remaining(both, first)) == (True, [0, 1])
    second = await store.take(both, "ada")
    assert (second.allowed, remaining(both, second)) == (False, [0, 1])
    third = await store.take(both, "ada")
    assert remaining(both, third) == [0, 1]


async def test_separate_counts(store: Store) -> None:
    """Another key, scope or set of limits is another count."""
    once = budget("1/minute")
    assert (await store.take(once, "ada")).allowed
    others = [budget("1/minute", scope="other"), budget("1/hour"), budget("1/minute", strict=True)]
    for other in others:
        assert (await store.take(other, "ada")).allowed
    for key in ("Ada", "ada ", "", "ad", "\x00", "\ud800", "ä" * 10_000, "ada|", "test"):
        assert (await store.take(once, key)).allowed
        assert not (await store.take(once, key)).allowed
    assert not (await store.take(once, "ada")).allowed


@pytest.mark.security(99)
@pytest.mark.parametrize("strict", [False, True])
async def test_a_block_of_one_of_two(store: Store, *, strict: bool) -> None:
    """Limits that differ in their block alone are two, whichever comes first."""
    plain = budget("2/minute", strict=strict)
    blocking = budget("2/minute", strict=strict, block=timedelta(hours=1))
    longer = budget("2/minute", strict=strict, block=timedelta(hours=2))
    for asked, seconds in ((plain, 60 if strict else 30), (blocking, 3600), (longer, 7200)):
        assert (await store.take(asked, "ada", 2)).allowed
        verdict = await store.take(asked, "ada")
        assert (verdict.allowed, wait(asked, verdict)) == (False, seconds)


@pytest.mark.parametrize("strict", [False, True])
async def test_looking(store: Store, *, strict: bool) -> None:
    """A cost of nothing tells and changes nothing, for keys known and unknown."""
    two = budget("2/minute", strict=strict)
    for _ in range(3):
        verdict = await store.take(two, "ada", 0)
        assert (verdict.allowed, remaining(two, verdict)) == (True, [2])
    await store.take(two, "ada", 2)
    verdict = await store.take(two, "ada", 0)
    assert (verdict.allowed, remaining(two, verdict)) == (False, [0])


@pytest.mark.security(99)
@pytest.mark.parametrize("strict", [False, True])
async def test_giving_back(store: Store, clock: FrozenClock, *, strict: bool) -> None:
    """What was charged comes back; nothing does that was not charged, or is long over."""
    two = budget("2/minute", strict=strict)
    await store.take(two, "nobody", -1, [5 * SECOND])
    assert remaining(two, await store.take(two, "nobody", 0)) == [2]
    charged = await store.take(two, "ada", 2)
    assert not (await store.take(two, "ada")).allowed
    await store.take(two, "ada", -1, marks_of(two, charged))
    assert remaining(two, await store.take(two, "ada", 0)) == [1]
    assert (await store.take(two, "ada")).allowed
    clock.advance(timedelta(minutes=1))
    charged_later = await store.take(two, "ada", 2)
    assert charged_later.allowed
    await store.take(two, "ada", -1, marks_of(two, charged))
    assert not (await store.take(two, "ada")).allowed
    await store.take(two, "ada", -1)
    assert (await store.take(two, "ada")).allowed


@pytest.mark.parametrize("strict", [False, True])
async def test_blocking(store: Store, clock: FrozenClock, *, strict: bool) -> None:
    """A refusal blocks for as long as was said and no longer, whoever knocks; reset ends it."""
    block = timedelta(minutes=5)
    two = budget("2/second", strict=strict, block=block)
    charged = await store.take(two, "ada", 2)
    for passed in (0, 1, 100, 299):
        clock.advance(timedelta(seconds=passed) - (clock.now - START))
        verdict = await store.take(two, "ada")
        assert (False, 300 - passed) == (verdict.allowed, wait(two, verdict))
        await store.take(two, "ada", -1, marks_of(two, charged))
    clock.advance(timedelta(seconds=1))
    assert (await store.take(two, "ada", 2)).allowed
    assert not (await store.take(two, "ada")).allowed
    await store.reset(two, "ada")
    assert remaining(two, await store.take(two, "ada", 2)) == [0]
    await store.reset(two, "nobody")


START = FrozenClock().now


def meaning(asked: Budget, states: Sequence[State], now: int) -> list[tuple[int, int, int]]:
    """What states say; what has passed may be forgotten or not."""
    return [
        (rate.remaining(s, now), max(rate.wait(s, now, 1), 0), rate.until_reset(s, now))
        for rate, s in zip(asked.rates, states, strict=True)
    ]


@pytest.mark.parametrize("strict", [False, True])
async def test_a_clock_that_is_set_back(store: Store, clock: FrozenClock, *, strict: bool) -> None:
    """Never less remains than nothing, and what is said of the wait comes true."""
    ten = budget("10/minute", strict=strict)
    assert (await store.take(ten, "ada")).allowed
    clock.advance(timedelta(hours=-1))
    verdict = await store.take(ten, "ada")
    figures = ten.rates[0].figures(verdict.states[0], verdict.now)
    assert 0 <= figures[0] <= 10
    assert figures == (remaining(ten, verdict)[0], *figures[1:])
    assert figures[1] == ten.rates[0].until_more(verdict.states[0], verdict.now)
    if not verdict.allowed:
        assert figures == (0, wait(ten, verdict) * SECOND, 3606 * SECOND)
        clock.advance(timedelta(microseconds=figures[1]))
        assert (await store.take(ten, "ada")).allowed


@pytest.mark.parametrize("seed", range(6))
async def test_agreement(store: Store, clock: FrozenClock, seed: int) -> None:
    """Whatever comes in whatever order, every store says what the rules in Python say."""
    dice = random.Random(seed)  # noqa: S311 - the same each time
    rules: dict[str, Any] = {
        "strict": seed % 2 == 1,
        "block": timedelta(seconds=20) if seed % 3 == 1 else None,
    }
    asked = budget("4/2seconds", "7/5seconds", **rules)
    states: dict[str, list[State]] = {}
    charges: list[tuple[str, int, Marks]] = []
    for _ in range(60):
        pause = dice.choice([0, 0, 1, 250_000, 1_000_003, 3_000_000])
        clock.advance(timedelta(microseconds=pause))
        now = microseconds(clock)
        key, cost = dice.choice("abc"), dice.choice([0, 1, 1, 1, 2, 4])
        marks: Marks | None = None
        if charges and dice.random() < 0.3:
            key, cost, known_by = dice.choice(charges)
            cost, marks = -cost, known_by if dice.random() < 0.9 else None
        known = states.get(key, [rate.fresh for rate in asked.rates])
        expected = settle(asked, known, now, cost, marks)
        states[key] = list(expected.states)
        verdict = await store.take(asked, key, cost, marks)
        assert meaning(asked, verdict.states, now) == meaning(asked, expected.states, now)
        if cost >= 0:
            assert (expected.allowed, now) == (verdict.allowed, verdict.now)
        if cost > 0 and verdict.allowed:
            charges.append((key, cost, marks_of(asked, expected)))


@pytest.mark.security(95)
@pytest.mark.parametrize("time", [None])
@pytest.mark.parametrize("strict", [False, True])
async def test_many_at_once(store: Store, time: Clock | None, *, strict: bool) -> None:
    """Of 200 at once exactly ten pass, by the clock of the server."""
    many = 40 if isinstance(store, PiccoloStore) else 200  # of 200 elsewhere: see integration
    ten = budget("10/hour", "1000/day", strict=strict)
    verdicts: list[Any] = await race(lambda: store.take(ten, "ada"), many)
    assert [verdict.allowed for verdict in verdicts].count(True) == 10
    await asyncio.gather(
        *(store.take(ten, "ada", -1, marks_of(ten, v)) for v in verdicts if v.allowed)
    )
    assert remaining(ten, await store.take(ten, "ada", 0)) == [10, 1000]
