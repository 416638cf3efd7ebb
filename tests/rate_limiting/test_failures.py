"""`FailureLimit`: charged before the endpoint runs, and refunded after a success."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import (
    APIRouter,
    Depends,
    FastAPI,
    HTTPException,
    Response,
    WebSocket,
    WebSocketException,
)
from fastapi.responses import JSONResponse, StreamingResponse

from piccolo_api_fastapi import (
    ConfigurationError,
    FailureLimit,
    PiccoloStore,
    RateLimit,
    RedisStore,
    install,
)
from piccolo_api_fastapi.core.http.route import AuthRoute
from piccolo_api_fastapi.errors import HasherBusy, InvalidCredentials, TooManyRequests
from piccolo_api_fastapi.rate_limiting import turns as waiting
from piccolo_api_fastapi.rate_limiting.stores.store import Store
from piccolo_api_fastapi.testing import FrozenClock, assert_single_winner, race
from tests.conftest import new_client

pytestmark = pytest.mark.security(99)


async def nothing() -> dict[str, str]:
    """An endpoint."""
    return {}


class Door:
    """Something that is guessed at: `GET /{guess}`."""

    def __init__(self, limit: RateLimit, *, installed: bool = False) -> None:
        self.tried: list[str] = []
        self.app = FastAPI()
        if installed:
            install(self.app)

        async def guess(guess: str, response: Response) -> Any:
            return await self.guess(guess, response)

        self.app.get("/{guess}", dependencies=[Depends(limit)])(guess)
        router = APIRouter(route_class=AuthRoute)
        router.get("/auth/{guess}", dependencies=[Depends(limit)])(guess)
        self.app.include_router(router)

    async def guess(self, guess: str, response: Response) -> Any:
        """Check a guess, which takes a while."""
        self.tried.append(guess)
        await asyncio.sleep(0.001)
        if guess == "wrong":
            raise InvalidCredentials
        if guess == "busy":
            raise HasherBusy
        if guess == "broken":
            raise RuntimeError
        if guess == "set":
            response.status_code = 401
        return JSONResponse({}, 401) if guess == "returned" else {}


async def test_guesses(store: Store) -> None:
    """Of many wrong guesses at once five are looked at, and the others are refused."""
    many = 40 if isinstance(store, PiccoloStore) else 200
    door = Door(FailureLimit("5/hour", store=store))
    async with new_client(door.app) as client:
        answers: list[Any] = await race(lambda: client.get("/wrong"), many)
        assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * (many - 5)
        assert (await client.get("/right")).status_code == 429
    assert door.tried == ["wrong"] * 5


async def test_no_guesses(store: Store) -> None:
    """Who is right is never refused, however many at once: the others wait their turn."""
    limit = FailureLimit("5/hour", store=store, scope="door")
    door = Door(limit)
    async with new_client(door.app) as client:
        answers: list[Any] = await race(lambda: client.get("/right"), 24)
        assert {answer.status_code for answer in answers} == {200}
        for _ in range(10):
            assert (await client.get("/right")).status_code == 200
        assert (await limit.peek("127.0.0.1")).remaining == 5


async def test_one_wrong_among_many(store: Store) -> None:
    """With one attempt left, a wrong one takes it, and the next are refused."""
    limit = FailureLimit("1/hour", store=store)
    door = Door(limit)
    async with new_client(door.app) as client:
        guesses = ["right", "right", "wrong", "right", "right"]
        answers = await asyncio.gather(*(client.get(f"/{guess}") for guess in guesses))
        counted = Counter(answer.status_code for answer in answers)
        assert counted[401] == 1
        assert counted.keys() <= {200, 401, 429}
        assert (await client.get("/right")).status_code == 429


@pytest.mark.parametrize("path", ["", "/auth"])
@pytest.mark.parametrize("installed", [False, True])
async def test_what_is_a_failure(path: str, *, installed: bool) -> None:
    """Errors count, bugs too; 503 does not, nor success. Prebuilt routes hide nothing."""
    limit = FailureLimit("9/hour", scope="door")
    door = Door(limit, installed=installed)
    costs = {"right": 0, "wrong": 1, "busy": 0, "broken": 1, "set": 1}
    costs["returned"] = 1 if installed or path else 0
    left = 9
    async with new_client(door.app) as client:
        for guess, cost in costs.items():
            await client.get(f"{path}/{guess}")
            left -= cost
            assert (await limit.peek("127.0.0.1")).remaining == left, guess


async def test_refused_by_another(store: Store) -> None:
    """What another limit refuses is no failure."""
    failures = FailureLimit("2/hour", store=store, scope="failures")
    other = RateLimit("1/hour", store=store)
    app = FastAPI()
    app.get("/", dependencies=[Depends(failures), Depends(other)])(nothing)
    async with new_client(app) as client:
        for expected in (200, 429, 429, 429):
            assert (await client.get("/")).status_code == expected
    assert (await failures.peek("127.0.0.1")).remaining == 2


async def test_who_goes_away(store: Store) -> None:
    """Who closes the connection while a guess is checked has made it."""
    limit = FailureLimit("2/hour", store=store, scope="door")
    for _ in range(2):
        entered = asyncio.Event()
        task = asyncio.create_task(_slowly(limit, entered))
        await entered.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    with pytest.raises(TooManyRequests):
        await _slowly(limit, asyncio.Event())


async def _slowly(limit: RateLimit, entered: asyncio.Event) -> None:
    async with limit.attempt("ada"):
        entered.set()
        await asyncio.sleep(5)


async def test_from_code(store: Store) -> None:
    """From code it is a block; with two, what the inner refuses the outer gives back."""
    by_address = RateLimit("3/hour", scope="address", store=store)
    by_account = RateLimit("1/hour", scope="account", store=store)

    async def attempt(*, right: bool) -> bool:
        async with by_address.attempt("::1"), by_account.attempt("ada") as quota:
            await asyncio.sleep(0)
            quota.failed = not right
        return True

    assert await race(lambda: attempt(right=True), 12) == [True] * 12
    await assert_single_winner(lambda: attempt(right=False))
    assert (await by_account.peek("ada")).remaining == 0
    assert (await by_address.peek("::1")).remaining == 3
    with pytest.raises(HTTPException) as caught:
        async with by_address.attempt("::1"):
            raise HTTPException(404)
    assert caught.value.status_code == 404
    assert (await by_address.peek("::1")).remaining == 2


async def test_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who waits too long is refused, and so is who finds the line full."""
    monkeypatch.setattr(waiting, "PATIENCE", 0.02)
    monkeypatch.setattr(waiting, "LONGEST", 3)
    limit = FailureLimit("1/hour", scope="door")
    async with limit.attempt("ada"):
        answers = await race(lambda: _slowly(limit, asyncio.Event()), 5)
    assert [type(answer) for answer in answers] == [TooManyRequests] * 5
    assert limit._attempts.turns == {}
    async with limit.attempt("ada"):
        pass


async def test_before_everything() -> None:
    """`install(limit=…)` counts what reaches no route: malformed JSON, 404, 405."""
    limit = FailureLimit("4/minute")
    app = FastAPI()
    install(app, limit=limit)

    @app.post("/items")
    async def items(item: dict[str, int]) -> dict[str, int]:
        return item

    async with new_client(app) as client:
        for _ in range(8):
            answer = await client.post("/items", json={"a": 1})
            assert (answer.status_code, answer.headers["ratelimit"]) == (200, '"4/minute";r=3;t=15')
        malformed = {"content": b"{", "headers": {"content-type": "application/json"}}
        assert (await client.post("/items", **malformed)).status_code == 422  # type: ignore[arg-type]
        assert (await client.get("/nowhere")).status_code == 404
        assert (await client.get("/items")).status_code == 405
        assert (await client.get("/nowhere")).headers["ratelimit"] == '"4/minute";r=0;t=15'
        answer = await client.post("/items", json={"a": 1})
        assert answer.status_code == 429
        assert answer.json()["code"] == "too_many_requests"
        assert int(answer.headers["retry-after"]) > 0
        assert answer.headers["ratelimit-policy"] == '"4/minute";q=4;w=60'


async def test_before_everything_every_request() -> None:
    """Without `count` it counts all, of mounted applications too, and once."""
    app, mounted = FastAPI(), FastAPI()
    install(app, limit=RateLimit("3/minute"))
    install(mounted, limit=RateLimit("1/minute"))
    mounted.get("/")(nothing)
    app.mount("/m", mounted)
    async with new_client(app) as client:
        statuses = [(await client.get("/m/")).status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]


def test_before_dependencies() -> None:
    """What needs a dependency can't come before everything."""

    async def key(name: str) -> str:
        return name

    with pytest.raises(ConfigurationError):
        install(FastAPI(), limit=RateLimit("1/minute", key=key))


async def test_who_leaves_the_line() -> None:
    """Who goes away while waiting, or is called just then, leaves his place to the next."""
    limit = FailureLimit("1/hour", scope="door")

    async def guess() -> None:
        async with limit.attempt("ada"):
            await asyncio.sleep(0)

    async with limit.attempt("ada"):
        first, second, third = (asyncio.create_task(guess()) for _ in range(3))
        await asyncio.sleep(0.01)
        first.cancel()
        await asyncio.sleep(0)
    second.cancel()  # it has been called, and does not know it yet
    await third
    assert (first.cancelled(), second.cancelled()) == (True, True)
    assert limit._attempts.turns == {}


async def test_a_store_that_is_down(clock: FrozenClock) -> None:
    """An attempt that could not be counted is a 503, and holds up nobody."""
    store = RedisStore("redis://127.0.0.1:1")
    limit = FailureLimit("1/hour", scope="door", on_error="deny", store=store)
    door = Door(limit, installed=True)
    async with new_client(door.app) as client:
        assert (await client.get("/right")).status_code == 503
    await store.close()
    turn = limit._attempts.turns
    assert all(held.is_idle for held in turn.values())


def streaming(limit: RateLimit, end: asyncio.Event) -> FastAPI:
    """An application with a limit for everything, a stream and WebSockets."""
    app = FastAPI()
    install(app, limit=limit)

    async def words() -> AsyncIterator[bytes]:
        yield b"begun"
        await end.wait()

    app.get("/stream")(lambda: StreamingResponse(words()))

    @app.websocket("/open")
    async def stay(websocket: WebSocket) -> None:
        await websocket.accept()
        await end.wait()
        await websocket.close()

    @app.websocket("/closed")
    async def close(websocket: WebSocket) -> None:
        await websocket.close()

    @app.websocket("/raises")
    async def refuse(websocket: WebSocket) -> None:
        raise WebSocketException(1008)

    return app


async def served(app: FastAPI, kind: str, path: str, begun: asyncio.Event) -> list[Any]:
    """What is sent to one client."""
    sent: list[Any] = []

    async def receive() -> Any:
        return (
            {"type": "websocket.connect"} if kind == "websocket" else await asyncio.Event().wait()
        )

    async def send(message: Any) -> None:
        sent.append(message)
        if message["type"] in ("http.response.body", "websocket.accept"):
            await asyncio.sleep(0)
            begun.set()

    client = ("127.0.0.1", 1)
    scope = {"type": kind, "asgi": {"version": "3.0", "spec_version": "2.3"}, "client": client}
    scope |= {"path": path, "method": "GET", "query_string": b"", "headers": [], "root_path": ""}
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize(("kind", "path"), [("http", "/stream"), ("websocket", "/open")])
async def test_what_stays_open(kind: str, path: str) -> None:
    """A stream and a WebSocket are settled when they begin, however long they last."""
    limit = FailureLimit("2/hour", scope="door")
    end = asyncio.Event()
    app = streaming(limit, end)
    tasks = []
    for _ in range(3):
        begun = asyncio.Event()
        tasks.append(asyncio.create_task(served(app, kind, path, begun)))
        await asyncio.wait_for(begun.wait(), 5)
    async with new_client(app) as client:
        for status in (404, 404, 429):
            answer = await asyncio.wait_for(client.get("/nowhere"), 5)
            assert answer.status_code == status
    end.set()
    for sent in await asyncio.gather(*tasks):
        assert (b"ratelimit", b'"2/hour";r=1;t=1800') in sent[0]["headers"]


@pytest.mark.parametrize("path", ["/closed", "/raises", "/nowhere"])
async def test_handshakes_that_fail(path: str) -> None:
    """A WebSocket that is closed before it was accepted is a 403, and so a failure."""
    app = streaming(FailureLimit("2/hour"), asyncio.Event())
    sent = [(await served(app, "websocket", path, asyncio.Event()))[0] for _ in range(3)]
    assert [message["type"] for message in sent[:2]] == ["websocket.close"] * 2
    async with new_client(app) as client:
        assert (await client.get("/stream")).status_code == 429
