"""Attempts in other processes: what they may yet give back, and what they can't."""

import asyncio
from collections.abc import AsyncIterator, Callable
from uuid import uuid4

import pytest

from piccolo_api_fastapi import RateLimit, RedisStore
from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.errors import TooManyRequests
from piccolo_api_fastapi.rate_limiting import turns as waiting
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import SECOND
from piccolo_api_fastapi.rate_limiting.stores import remote_store
from piccolo_api_fastapi.rate_limiting.stores.store import Budget, Marks, Store, Verdict
from piccolo_api_fastapi.testing import race
from tests.conftest import REDIS_URL, need_redis
from tests.rate_limiting.conftest import PATIENT

pytestmark = [
    pytest.mark.security(99),
    pytest.mark.parametrize("time", [None]),  # the clock of the server goes on
]


def limits(store: Store, words: str = "1/hour") -> tuple[RateLimit, RateLimit]:
    """One limit, as two processes have it: neither knows what the other has under way."""
    here, there = (RateLimit(words, scope="door", store=store) for _ in range(2))
    return here, there


async def attempt(limit: RateLimit, *, right: bool = True) -> str:
    """Try something."""
    async with limit.attempt("ada") as quota:
        quota.failed = not right
    return "looked at"


@pytest.fixture
async def counting() -> AsyncIterator["Counting"]:
    """A store that counts."""
    need_redis()
    store = Counting(REDIS_URL, prefix=f"test-{uuid4()}", timeout=PATIENT)
    yield store
    await store.close()


class Counting(RedisStore):
    """Counts how often Redis is asked."""

    asked = 0

    async def ask(self, budget: Budget, key: str, cost: int, marks: Marks | None) -> Verdict:
        """Ask it."""
        self.asked += 1
        return await super().ask(budget, key, cost, marks)


@pytest.mark.parametrize("store", ["redis", "sqlite", "postgres"], indirect=True)
async def test_elsewhere(store: Store, time: Clock | None) -> None:
    """Who is right waits for what is under way elsewhere, in one line, and is not refused."""
    here, there = limits(store)
    async with there.attempt("ada"):
        waiting_here = [asyncio.create_task(attempt(here)) for _ in range(5)]
        turn = await paused(here)
        await until(lambda: len(turn.line) == 4)
    assert await asyncio.gather(*waiting_here) == ["looked at"] * 5
    assert (await here.peek("ada")).remaining == 1


@pytest.mark.parametrize("store", ["redis", "sqlite", "postgres"], indirect=True)
async def test_a_failure_elsewhere(
    store: Store, time: Clock | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What failed elsewhere is not given back: after a while that is certain, and final."""
    monkeypatch.setattr(waiting, "RECENT", 0.3)
    here, there = limits(store)
    assert await attempt(there, right=False) == "looked at"
    refused = await race(lambda: attempt(here), 5)
    assert [type(each) for each in refused] == [TooManyRequests] * 5
    assert here._attempts.turns == {}


async def test_a_flood(
    counting: "Counting", time: Clock | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One asks for all who wait, less and less often; later nobody waits, and hardly one asks."""
    monkeypatch.setattr(waiting, "RECENT", 60.0)
    monkeypatch.setattr(remote_store, "REMEMBER", 60 * SECOND)  # the machine may stall for seconds
    here, there = limits(counting)
    await attempt(there, right=False)
    first = asyncio.create_task(attempt(here))
    turn = await paused(here)
    others = asyncio.create_task(race(lambda: attempt(here), 500))
    await until(lambda: len(turn.line) == waiting.LONGEST)
    monkeypatch.setattr(waiting, "RECENT", 0.0)
    flood = [*await others, *await asyncio.gather(first, return_exceptions=True)]
    assert [type(each) for each in flood] == [TooManyRequests] * 501
    assert counting.asked < 30
    counting.asked = 0
    begin = asyncio.get_running_loop().time()
    await race(lambda: attempt(here), 500)
    assert counting.asked <= 1 + asyncio.get_running_loop().time() - begin


async def test_patience(
    counting: "Counting", time: Clock | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody waits for ever, whatever goes on elsewhere."""
    monkeypatch.setattr(waiting, "PATIENCE", 0.05)
    here, there = limits(counting)
    async with there.attempt("ada"):
        assert [type(each) for each in await race(lambda: attempt(here), 3)] == [
            TooManyRequests
        ] * 3
    assert await attempt(here) == "looked at"


class Full(Counting):
    """Every place is taken by somebody else a moment before."""

    async def ask(self, budget: Budget, key: str, cost: int, marks: Marks | None) -> Verdict:
        """Ask it, and say no."""
        verdict = await super().ask(budget, key, cost, marks)
        return verdict._replace(allowed=False, newest=verdict.now)


async def test_a_fast_limit(time: Clock | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where places come free all the time nobody waits for longer than attempts take."""
    need_redis()
    monkeypatch.setattr(waiting, "RECENT", 0.2)
    monkeypatch.setattr(waiting, "PATIENCE", 3600.0)
    store = Full(REDIS_URL, prefix=f"test-{uuid4()}", timeout=PATIENT)
    here, _ = limits(store, "10/second")
    answers = await asyncio.wait_for(race(lambda: attempt(here), 20), 60)
    assert {type(each) for each in answers} == {TooManyRequests}
    assert store.asked > 20  # one of them more than once
    await store.close()


async def test_who_leaves(counting: "Counting", time: Clock | None) -> None:
    """Who asks for others and goes away leaves that to the next."""
    here, there = limits(counting)
    async with there.attempt("ada"):
        first = asyncio.create_task(attempt(here))
        turn = await paused(here)
        second = asyncio.create_task(attempt(here))
        await until(lambda: len(turn.line) == 1)
        first.cancel()
        await asyncio.wait([first])
    assert await second == "looked at"


async def paused(limit: RateLimit) -> waiting.Turn:
    """Wait until somebody waits for what is under way elsewhere."""
    turns = limit._attempts.turns
    await until(lambda: any(turn.paused_since is not None for turn in turns.values()))
    return next(iter(turns.values()))


async def until(condition: Callable[[], bool]) -> None:
    """Let others go on until something is so."""
    while not condition():  # noqa: ASYNC110 - nothing tells
        await asyncio.sleep(0)
