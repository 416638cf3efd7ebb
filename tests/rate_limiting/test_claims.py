"""What piccolo-api's limiter gets wrong, and what is claimed of addresses and headers."""

import re
from datetime import timedelta

import pytest
from fastapi import Depends, FastAPI
from hypothesis import given, settings
from hypothesis import strategies as st

from piccolo_api_fastapi import ClientAddress, MemoryStore, RateLimit, by_address, install
from piccolo_api_fastapi.rate_limiting.keys import by_client_address
from piccolo_api_fastapi.rate_limiting.stores.store import Store
from piccolo_api_fastapi.rate_limiting.tariff import Budgets
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import new_client, web_socket
from tests.rate_limiting.test_keys import client_at

KEY = r'"(?:[^"\\]|\\.)*"'
LIST = re.compile(rf"{KEY}(?:;[a-z]+=[0-9]{{1,15}})+(?:, {KEY}(?:;[a-z]+=[0-9]{{1,15}})+)*")
"""A list of strings with parameters that are integers (RFC 9651, section 3)."""


def guarded(limit: RateLimit) -> FastAPI:
    """An application with a limited route."""
    app = FastAPI()
    install(app)

    @app.get("/", dependencies=[Depends(limit)])
    async def root() -> None:
        return None

    @app.websocket("/socket", dependencies=[Depends(limit)])
    async def socket() -> None:
        raise AssertionError

    return app


async def test_a_block_ends(clock: FrozenClock, store: Store) -> None:
    """Nobody is blocked until a restart: without a block as long as has to be (D-R1)."""
    plain = RateLimit("1/second", scope="plain", store=store)
    blocking = RateLimit("1/second", block=timedelta(seconds=2), scope="block", store=store)
    for limit, wait in ((plain, 1), (blocking, 2)):
        async with new_client(guarded(limit)) as client:
            assert [(await client.get("/")).status_code for _ in range(9)] == [200] + [429] * 8
            clock.advance(timedelta(seconds=wait, microseconds=1))
            assert (await client.get("/")).status_code == 200


@pytest.mark.security(96)
async def test_what_a_refusal_says(store: Store) -> None:
    """A 429 has `Retry-After`, both fields in RFC 9651's syntax, and its code (D-R2)."""
    limit = RateLimit("1/second", "1/hour", strict=True, store=store)
    async with new_client(guarded(limit)) as client:
        passed, refused = [await client.get("/") for _ in range(2)]
    assert (passed.status_code, refused.status_code) == (200, 429)
    for answer in (passed, refused):
        for name in ("ratelimit", "ratelimit-policy"):
            assert LIST.fullmatch(answer.headers[name]), answer.headers[name]
    assert 3590 < int(refused.headers["retry-after"]) <= 3600
    assert refused.json()["code"] == "too_many_requests"


async def test_the_edge_of_a_window(clock: FrozenClock, store: Store) -> None:
    """There is no edge at which twice the number gets in (D-R3)."""
    limit = RateLimit("5/2seconds", store=store)
    strict = RateLimit("5/2seconds", strict=True, store=store, scope="strict")
    for each, most in ((limit, 6), (strict, 5)):
        async with new_client(guarded(each)) as client:
            clock.advance(timedelta(seconds=1.9))
            statuses = [(await client.get("/")).status_code for _ in range(5)]
            clock.advance(timedelta(milliseconds=400))
            statuses += [(await client.get("/")).status_code for _ in range(5)]
        assert statuses.count(200) == most


async def test_what_blocked_clients_leave(clock: FrozenClock) -> None:
    """Clients that were blocked and never come back are forgotten, and bounded before (D-R4)."""
    store = MemoryStore(max_keys=1000, clock=clock)
    block = timedelta(seconds=1)
    once = Budgets(None, block, strict=False).of("1/second", "x")
    for number in range(5000):
        for _ in range(2):
            await store.take(once, f"2001:db8:{number:x}::/64")
    assert len(store) <= 1000
    clock.advance(timedelta(seconds=5))
    await store.take(once, "ada")
    assert len(store) == 1


@pytest.mark.security(91)
async def test_clients_behind_a_proxy(store: Store) -> None:
    """Each client behind a proxy has its own count, on a Unix socket too (D-R6)."""
    for peer, trusted in (("10.0.0.1", "10.0.0.0/8"), ("", "unix")):
        key = by_client_address(ClientAddress(trusted=[trusted]))
        app = guarded(RateLimit("1/minute", key=key, store=store, scope=trusted))
        async with client_at(app, peer) as client:
            for expected in (200, 429):
                for number in range(5):
                    headers = {"X-Forwarded-For": f"203.0.113.{number}"}
                    assert (await client.get("/", headers=headers)).status_code == expected


async def test_sockets_and_awaiting(store: Store) -> None:
    """WebSockets are limited, and a store is awaited, whatever it is (D-R7)."""
    app = guarded(RateLimit("1/minute", store=store, scope="x"))
    async with new_client(app) as client:
        assert [(await client.get("/")).status_code for _ in range(3)] == [200, 429, 429]
    [begin, *_] = await web_socket(app, "/socket")
    assert begin["type"] == "websocket.http.response.start"
    assert begin["status"] == 429


@pytest.mark.security(92)
async def test_addresses_in_every_store(store: Store) -> None:
    """A /64 is one count, a mapped address and any spelling the same one."""
    app = guarded(RateLimit("1/minute", key=by_address, store=store))
    same = [
        ["2001:db8:1:2::1", "2001:0DB8:1:2:ffff::", "2001:db8:0001:2:0:0:0:9%eth0"],
        ["1.2.3.4", "::ffff:1.2.3.4", "::FFFF:102:304"],
        ["2001:db8:1:3::1", "2001:db8:1:3::"],
    ]
    for spellings in same:
        statuses = []
        for address in spellings:
            async with client_at(app, address) as client:
                statuses.append((await client.get("/")).status_code)
        assert statuses == [200] + [429] * (len(spellings) - 1)


async def test_clocks_that_are_set_back(store: Store, clock: FrozenClock) -> None:
    """A clock that is set back lets nobody in early and breaks nothing; it ends when it is even."""
    for strict in (False, True):
        limit = RateLimit("2/minute", strict=strict, store=store, scope="x")
        assert (await limit.hit("ada", cost=2)).allowed
        clock.advance(timedelta(minutes=-10))
        quota = await limit.peek("ada")
        assert (quota.allowed, quota.remaining) == (False, 0)
        await quota.refund()
        clock.advance(timedelta(minutes=11))
        assert (await limit.hit("ada", cost=2)).allowed


steps = st.lists(
    st.tuples(st.integers(0, 3_000_000), st.sampled_from("abc"), st.integers(1, 3)), max_size=80
)


@settings(deadline=None, max_examples=60)
@given(st.integers(3, 9), st.integers(1, 5), st.booleans(), st.booleans(), steps)
async def test_any_window_of_a_memory_store(
    amount: int,
    seconds: int,
    strict: bool,  # noqa: FBT001 - from hypothesis
    many: bool,  # noqa: FBT001 - from hypothesis
    requests: list[tuple[int, str, int]],
) -> None:
    """No window admits more to a key than the number, and what refilled in it unless strict."""
    clock = FrozenClock()
    store = MemoryStore(clock=clock)
    words = (f"{amount}/{seconds}seconds", *(["1000/day"] if many else []))
    asked = Budgets(None, None, strict=strict).of(words, "x")
    passed: dict[str, list[tuple[int, int]]] = {}
    for pause, key, cost in requests:
        clock.advance(timedelta(microseconds=pause))
        verdict = await store.take(asked, key, cost)
        if verdict.allowed:
            passed.setdefault(key, []).append((verdict.now, cost))
    period = seconds * 1_000_000
    for admitted in passed.values():
        for first, (begin, _) in enumerate(admitted):
            total = 0
            for end, cost in admitted[first:]:
                total += cost
                refilled = 0 if strict else (end - begin) * amount / period
                assert total <= amount + refilled or (strict and end - begin >= period)
