"""Who sends something odd gains nothing by it, and gets no 500."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

import pytest
from fastapi import APIRouter, Depends, FastAPI, Request
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    ConfigurationError,
    MemoryStore,
    RateLimit,
    RedisStore,
    by_body,
    use_store,
)
from piccolo_api_fastapi.errors import StoreUnavailable, TooManyRequests
from piccolo_api_fastapi.rate_limiting.scopes import route_scope
from piccolo_api_fastapi.rate_limiting.stores.store import REMEMBERED, Store, row_name
from piccolo_api_fastapi.rate_limiting.tariff import Budgets
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import new_client

SHOUTED = "APPLICATION/JSON"
UUID_ = "abcdef01-0000-4000-8000-00000000000"


def mounting() -> FastAPI:
    """An application that is mounted under parameters, in each way."""
    app, inside = FastAPI(), FastAPI()
    router = APIRouter()

    @inside.get("/items/{id}")
    async def item(request: Request, id: str) -> str:  # noqa: A002 - as outside
        assert id in ("1", "2")
        return route_scope(request.scope)

    app.mount("/text/{id}", inside)
    app.mount("/int/{number:int}", inside)
    app.mount("/uuid/{number:uuid}", inside)
    app.mount("/path/{rest:path}/end", inside)
    outer = FastAPI()
    outer.mount("/inner/{id}", inside)
    app.mount("/outer/{id}", outer)

    async def hiding(scope: Any, receive: Any, send: Any) -> None:
        await outer(scope, receive, send)

    router.mount("/mount/{id}", inside)
    app.include_router(router, prefix="/included/{name}")
    app.mount("/hidden", hiding)
    return app


@pytest.mark.parametrize(
    ("declared", "paths"),
    [
        ("/text/{id}", ["/text/1", "/text/text", "/text/items", "/text/%7Bid%7D"]),
        ("/int/{number:int}", ["/int/7", "/int/07", "/int/007"]),
        ("/uuid/{number:uuid}", [f"/uuid/{UUID_}0", f"/uuid/{UUID_.upper()}1"]),
        ("/path/{rest:path}/end", ["/path/a/end", "/path/a/b/end", "/path/a/end/b/end"]),
        ("/outer/{id}/inner/{id}", ["/outer/1/inner/2", "/outer/inner/inner/outer"]),
        ("/included/{name}/mount/{id}", ["/included/1/mount/2", "/included/mount/mount/x"]),
        ("/*", ["/hidden/inner/1", "/hidden/inner/2"]),
    ],
)
async def test_mounts_with_parameters(declared: str, paths: list[str]) -> None:
    """A mount is the declared one, whatever its values are and what has the same name inside."""
    async with new_client(mounting()) as client:
        for path in paths:
            for item in ("1", "2"):
                told = (await client.get(f"{path}/items/{item}")).json()
                assert told == f"GET {declared}/items/{{id}}"


@pytest.mark.parametrize("root_path", ["", "/api"])
async def test_root_path(root_path: str) -> None:
    """What the server puts before everything stays."""
    app = mounting()

    async def serve(scope: Any, receive: Any, send: Any) -> None:
        await app({**scope, "root_path": root_path}, receive, send)

    served: Any = serve
    async with new_client(served) as client:
        told = (await client.get(f"{root_path}/text/1/items/1")).json()
        assert told == f"GET {root_path}/text/{{id}}/items/{{id}}"


@pytest.mark.parametrize(
    "kind", [SHOUTED, "application/vnd.api+json", " application/json;charset=utf-8", "text/json"]
)
async def test_names_of_json(kind: str) -> None:
    """JSON is read whatever it is called, so that no other name is another count."""
    app = FastAPI()
    limit = RateLimit("1/minute", key=by_body("email"), scope=kind)

    @app.post("/", dependencies=[Depends(limit)])
    async def root(request: Request) -> Any:
        return await request.json()

    async with new_client(app) as client:
        for expected, name in ((200, "application/json"), (429, kind), (429, None)):
            headers = {"content-type": name} if name else {}
            answer = await client.post("/", content=b'{"email": "ada"}', headers=headers)
            assert answer.status_code == expected
    assert (await limit.peek("email:ada")).remaining == 0


@pytest.mark.parametrize("key", [7, UUID(int=7), "", "\ud800", "\x00", "a" * 10_000, b"ada"])
async def test_keys_of_any_kind(key: Any, store: Store) -> None:
    """A number or a UUID is a key too, from functions and dependencies."""

    def call(_: HTTPConnection) -> Any:
        return key

    async def dependency() -> Any:
        return key

    limits = [RateLimit("1/minute", key=k, store=store, scope="x") for k in (call, dependency)]
    app = FastAPI()
    for number, limit in enumerate(limits):

        @app.get(f"/{number}", dependencies=[Depends(limit)])
        async def root() -> None:
            return None

    async with new_client(app) as client:
        assert [(await client.get(f"/{n}")).status_code for n in (0, 1, 0)] == [200, 429, 429]


@pytest.mark.parametrize("strict", [False, True])
async def test_costs_that_clients_say(store: Store, *, strict: bool) -> None:
    """A cost is nothing at least and at most all there is: none gives back, none breaks."""
    app = FastAPI()
    limit = RateLimit(
        "5/hour", cost=lambda c: int(c.query_params["n"]), strict=strict, store=store, scope="x"
    )

    @app.get("/", dependencies=[Depends(limit)])
    async def root() -> None:
        return None

    async with new_client(app) as client:
        for cost, status, left in [
            *((2, 200, 3), (-1000, 200, 3), (0, 200, 3), (10**30, 429, 3)),
            *((3, 200, 0), (-1, 429, 0), (0, 429, 0)),
        ]:
            answer = await client.get("/", params={"n": cost})
            assert (answer.status_code, (await limit.peek("127.0.0.1")).remaining) == (status, left)
    for cost, left in ((-5, 5), (10**30, 0)):
        assert (await limit.hit("ada", cost=cost)).remaining == left
    await limit.refund("ada", cost=2)
    await limit.refund("ada", cost=-2)
    with pytest.raises(TooManyRequests):
        await limit.hit("ada", cost=10**30)
    assert (await limit.peek("ada")).remaining == 2


async def test_the_greatest_strict_limit(store: Store) -> None:
    """A thousand at once are charged, given back and refused on every store."""
    limit = RateLimit("1000/hour", strict=True, store=store, scope="x", on_error="deny")
    quota = await limit.hit("ada", cost=1000)
    assert (quota.remaining, (await limit.peek("ada")).remaining) == (0, 0)
    await quota.refund()
    assert (await limit.hit("ada", cost=999)).remaining == 1


async def test_plans_of_any_number(clock: FrozenClock) -> None:
    """Limits that change with each request take no more memory than those that still count."""
    store = MemoryStore(clock=clock)
    remote = RedisStore("redis://127.0.0.1:1")
    budgets = Budgets(None, None, strict=False)
    first = budgets.of("1/day", "x")
    await store.take(first, "ada")
    for number in range(2 * REMEMBERED):
        clock.advance(timedelta(milliseconds=2))
        budget = budgets.of(f"{number + 1}/2seconds", "x")
        await store.take(budget, "ada")
        remote._describe(budget)
    assert len(store._tables) <= REMEMBERED
    assert len(remote._arguments) <= REMEMBERED
    assert not (await store.take(first, "ada")).allowed


async def test_limits_that_change(store: Store) -> None:
    """Who gets another plan, or another store, begins there anew, and a refund finds its charge."""
    plans = {"words": "2/hour"}
    limit = RateLimit(lambda _: plans["words"], store=store, scope="x")
    app = FastAPI()

    @app.get("/")
    async def root(quota: Annotated[Any, Depends(limit)]) -> int:
        plans["words"] = "9/hour"
        await quota.refund()
        left: int = quota.remaining
        return left

    async with new_client(app) as client:
        assert [(await client.get("/")).json() for _ in range(2)] == [1, 8]
    assert (await limit.peek("127.0.0.1", limits="2/hour")).remaining == 2


async def test_stores_that_change() -> None:
    """Another store begins anew at the next request; a refund goes where the charge is."""
    limit, first, second = RateLimit("3/hour", scope="x"), MemoryStore(), MemoryStore()
    use_store(first)
    quota = await limit.hit("ada")
    use_store(second)
    assert (await limit.hit("ada")).remaining == 2
    await quota.refund()
    assert (await limit.peek("ada")).remaining == 2
    use_store(first)
    assert (await limit.peek("ada")).remaining == 3
    use_store(None)


def test_no_key_is_another_budget() -> None:
    """No key can be chosen so that it reads or writes what another limit counts."""
    one, two = (
        Budgets(None, None, strict=False).of(words, "x")
        for words in (("5/minute",), ("5/minute", "9/hour"))
    )
    assert two.id.startswith(f"{one.id}|")
    assert row_name(one, two.id.removeprefix(f"{one.id}|") + "|ada") != row_name(two, "ada")


async def test_an_outage_leaves_nothing() -> None:
    """Who could not be counted, or went away before, is not remembered as one under way."""
    store = RedisStore("redis://127.0.0.1:1")
    limit = RateLimit("1/hour", scope="x", on_error="deny", store=store)
    for key in ("ada", "grace"):
        with pytest.raises(StoreUnavailable):
            async with limit.attempt(key):
                pass
    task = asyncio.create_task(_attempt(RateLimit("1/hour", scope="x", store=store), "ada"))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert limit._attempts.turns == {}
    await store.close()


async def _attempt(limit: RateLimit, key: str) -> None:
    async with limit.attempt(key):
        await asyncio.sleep(0)


async def test_two_event_loops() -> None:
    """Attempts in another event loop neither wait for those of this one nor wake them."""
    limit = RateLimit("1/hour", scope="x", store=MemoryStore())

    def elsewhere(call: Callable[[], Any]) -> Any:
        return asyncio.to_thread(lambda: asyncio.run(call()))

    async with limit.attempt("ada"):
        waiting = asyncio.create_task(_attempt(limit, "ada"))
        await asyncio.sleep(0)
        with pytest.raises(TooManyRequests):
            await elsewhere(lambda: _attempt(limit, "ada"))
    await waiting
    await elsewhere(lambda: _attempt(limit, "ada"))
    assert limit._attempts.turns == {}


def test_settings_that_would_break() -> None:
    """What could not be counted is refused when it is made."""
    with pytest.raises(ConfigurationError, match="100 years"):
        RateLimit("1/day", burst=50_000)
