"""`RateLimit` on routes, routers, applications and WebSockets, and from code."""

import asyncio
from datetime import timedelta
from typing import Annotated, Any

import httpx
import pytest
from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response, WebSocket
from fastapi.responses import JSONResponse, StreamingResponse
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    AuthEvent,
    ConfigurationError,
    FailureLimit,
    MemoryStore,
    Quota,
    RateLimit,
    install,
    legacy_headers,
    public,
    subscribe,
)
from piccolo_api_fastapi.clock import utcnow
from piccolo_api_fastapi.errors import TooManyRequests
from piccolo_api_fastapi.rate_limiting import hints as self_checks
from piccolo_api_fastapi.rate_limiting import scopes
from piccolo_api_fastapi.rate_limiting.scopes import route_scope
from piccolo_api_fastapi.rate_limiting.stores.store import Store
from piccolo_api_fastapi.testing import FrozenClock, no_rate_limits, race
from tests.conftest import end_second, new_client, web_socket
from tests.documents import expanded


@pytest.fixture
def store(clock: FrozenClock) -> Store:
    """What concerns the dependency alone is tested in memory."""
    return MemoryStore(clock=clock)


async def unlimited() -> Quota:
    """What stands in for a limit."""
    return Quota()


async def nothing() -> dict[str, str]:
    """An endpoint."""
    return {}


def serving(*dependencies: Any, **routes: Any) -> FastAPI:
    """An application with `GET /`, guarded by these."""
    app = FastAPI()

    @app.get("/", dependencies=[Depends(dependency) for dependency in dependencies])
    async def root() -> dict[str, str]:
        return {}

    return app


async def statuses(client: httpx.AsyncClient, *paths: str, **options: Any) -> list[int]:
    """The status of each answer, one request after another."""
    return [(await client.get(path, **options)).status_code for path in paths]


def by_name(connection: HTTPConnection) -> str | None:
    """Who says who they are."""
    return connection.headers.get("name")


async def test_refusal_and_return(clock: FrozenClock, store: Store) -> None:
    """Three pass, the fourth is a 429 that says when to come back, and then one passes."""
    async with new_client(serving(RateLimit("3/minute", store=store))) as client:
        assert await statuses(client, "/", "/", "/") == [200, 200, 200]
        answer = await client.get("/")
        assert answer.status_code == 429
        assert answer.json() == {"detail": "Too many requests. Please wait."}
        assert answer.headers["retry-after"] == "20"
        clock.advance(timedelta(seconds=20))
        assert await statuses(client, "/", "/") == [200, 429]


@pytest.mark.security(96)
async def test_headers(store: Store) -> None:
    """Answers tell of every limit, and of the one that is used up first."""
    limit = RateLimit("2/second", "100/minute", burst=5, store=store)
    async with new_client(serving(limit)) as client:
        answer = await client.get("/")
        policy = '"2/second";q=5;w=3, "100/minute";q=100;w=60'
        assert answer.headers["ratelimit-policy"] == policy
        assert answer.headers["ratelimit"] == '"2/second";r=4;t=1'
        assert "retry-after" not in answer.headers
        await race(lambda: client.get("/"), 4)
        answer = await client.get("/")
        assert answer.status_code == 429
        assert answer.headers["ratelimit-policy"] == policy
        assert answer.headers["ratelimit"] == '"2/second";r=0;t=1'
        assert answer.headers["retry-after"] == "1"


@pytest.mark.security(96)
async def test_headers_on_every_answer(store: Store) -> None:
    """After `install` they are on data, responses, streams, 404, 422, 429 and 500."""
    app = FastAPI(dependencies=[Depends(RateLimit("7/minute", store=store, scope="app"))])
    install(app)

    @app.get("/{kind}")
    async def answer(kind: str, number: int = 0) -> Any:
        if kind == "missing":
            raise HTTPException(404)
        if kind == "broken":
            raise RuntimeError("This is a bug.")
        made: dict[str, Any] = {
            "data": dict,
            "response": lambda: JSONResponse({}),
            "stream": lambda: StreamingResponse(iter([b"a", b"b"])),
        }
        return made[kind]()

    kinds = {"data": 200, "response": 200, "stream": 200, "missing": 404, "broken": 500}
    async with new_client(app) as client:
        left = 7
        for kind, status in {**kinds, "data?number=x": 422}.items():
            response = await client.get(f"/{kind}")
            left -= 1
            assert response.status_code == status
            assert response.headers["ratelimit"] == f'"7/minute";r={left};t=9'
            assert response.headers["ratelimit-policy"] == '"7/minute";q=7;w=60'
        await client.get("/data")
        response = await client.get("/data")
        assert response.status_code == 429
        assert response.headers["content-type"] == "application/problem+json"
        assert response.json()["code"] == "too_many_requests"
        assert response.headers.get_list("ratelimit") == ['"7/minute";r=0;t=9']
        assert response.headers.get_list("retry-after") == ["9"]


async def test_legacy_headers(store: Store) -> None:
    """`X-RateLimit-*` are written on request: the number, what remains, and when all is back."""
    limit = RateLimit("5/minute", strict=True, store=store, headers=legacy_headers)
    async with new_client(serving(limit)) as client:
        answer = await client.get("/")
    assert answer.headers["ratelimit"] == '"5/minute";r=4;t=60'
    assert answer.headers["ratelimit-policy"] == '"5/minute";q=5;w=60'
    names = ("x-ratelimit-limit", "x-ratelimit-remaining")
    assert [answer.headers[name] for name in names] == ["5", "4"]
    assert int(answer.headers["x-ratelimit-reset"]) - utcnow().timestamp() == pytest.approx(
        60, abs=5
    )


async def test_headers_by_choice(store: Store) -> None:
    """Nothing is written for `None`; the writer may be another."""
    mute = RateLimit("1/minute", store=store, headers=None, scope="mute")
    own = RateLimit("1/minute", store=store, headers=lambda s: {"X-Left": str(s[0].remaining)})
    for limit, expected in ((mute, {}), (own, {"x-left": "0"})):
        async with new_client(serving(limit)) as client:
            answer = await client.get("/")
            told = {name: value for name, value in answer.headers.items() if "content" not in name}
            assert told == expected
            refused = await client.get("/")
            assert (refused.status_code, refused.headers["retry-after"]) == (429, "60")


def many_routes(limit: RateLimit) -> FastAPI:
    """Routes of each kind: plain, included twice, nested, mounted, with several methods."""
    inner = APIRouter(prefix="/inner")
    router = APIRouter(dependencies=[Depends(limit)])

    @inner.get("/{name}")
    @router.get("/things/{name}")
    @router.api_route("/both/{name}", methods=["PUT", "POST"])
    async def thing(name: str) -> str:
        return name

    @router.websocket("/socket/{name}")
    async def socket(websocket: WebSocket, name: str) -> None:
        await websocket.accept()
        await websocket.close()

    router.include_router(inner, prefix="/nested")
    app, mounted = FastAPI(), FastAPI()
    mounted.include_router(router, prefix="/v1")
    app.include_router(router)
    app.include_router(router, prefix="/a")
    app.include_router(router, prefix="/b/{tenant}")
    app.mount("/m", mounted)
    app.mount("/of/{tenant}", mounted)
    return app


PLACES = ["", "/a", "/b/x", "/m/v1", "/of/x/v1"]


@pytest.mark.parametrize("place", PLACES)
async def test_keys_of_routes(place: str, store: Store) -> None:
    """A route is one count wherever it is, with all prefixes and whatever its parameters are."""
    app = many_routes(RateLimit("2/minute", store=store))
    async with new_client(app) as client:
        for path in ("/things", "/nested/inner"):
            paths = [f"{place}{path}/{name}" for name in ("x", "y", "v1")]
            assert await statuses(client, *paths) == [200, 200, 429]
        elsewhere = [f"{other}/things/x" for other in PLACES if other != place]
        assert await statuses(client, *elsewhere) == [200] * 4
        for status, method in ((200, "PUT"), (200, "POST"), (429, "PUT")):
            answer = await client.request(method, f"{place}/both/x")
            assert answer.status_code == status
        other_tenant = place.replace("/x", "/y")
        if other_tenant != place:
            assert await statuses(client, f"{other_tenant}/things/x") == [429]
    for expected in ("websocket.accept", "websocket.accept", "websocket.http.response.start"):
        sent = await web_socket(app, f"{place}/socket/x")
        assert sent[0]["type"] == expected


async def test_shared_scopes(store: Store) -> None:
    """A scope by name is one count for all its routes; other numbers are another."""
    app = FastAPI()
    for path in ("/a", "/b"):
        for numbers in ("2/minute", "3/minute"):
            limit = RateLimit(numbers, scope="shared", store=store)
            app.get(f"{path}{numbers[0]}", dependencies=[Depends(limit)])(nothing)
    async with new_client(app) as client:
        assert await statuses(client, "/a2", "/b2", "/a2", "/b2") == [200, 200, 429, 429]
        assert await statuses(client, "/a3", "/b3", "/a3", "/b3") == [200, 200, 200, 429]


async def test_stacked(store: Store, clock: FrozenClock) -> None:
    """Limits of application, router and route: what refuses last costs nothing before it."""
    outer = RateLimit("5/minute", scope="outer", store=store)
    middle = RateLimit("5/minute", scope="middle", store=store)
    app = FastAPI(dependencies=[Depends(outer)])
    router = APIRouter(dependencies=[Depends(middle)])
    inner = RateLimit("1/second", store=store)
    router.get("/inner", dependencies=[Depends(inner), Depends(outer)])(nothing)
    router.get("/plain")(nothing)
    app.include_router(router)
    async with new_client(app) as client:
        answer = await client.get("/inner")
        assert answer.headers["ratelimit"] == '"1/second";r=0;t=1'
        policies = '"5/minute";q=5;w=60, "1/second";q=1;w=1'
        assert answer.headers["ratelimit-policy"] == policies
        assert await statuses(client, *["/inner"] * 9) == [429] * 9
        assert (await outer.peek("127.0.0.1")).remaining == 4
        assert (await middle.peek("127.0.0.1")).remaining == 4
        assert await statuses(client, *["/plain"] * 5) == [200, 200, 200, 200, 429]
        assert (await outer.peek("127.0.0.1")).remaining == 0


async def test_keys(store: Store) -> None:
    """Any function of the connection says who is counted, and may exempt; so may dependencies."""

    def by_request(request: Request) -> str | None:
        return request.headers.get("name")

    async def waiting(connection: "HTTPConnection") -> str | None:
        await asyncio.sleep(0)
        return connection.headers.get("name")

    async def asking(name: Annotated[str | None, Depends(by_request)]) -> str | None:
        return name

    untyped: Any = lambda connection: connection.headers.get("name")  # noqa: E731
    for key in (by_name, by_request, waiting, asking, untyped, Depends(by_request)):
        limit = RateLimit("1/minute", key=key, store=store, scope=f"{key}")
        async with new_client(serving(limit)) as client:
            for name in ("ada", "grace"):
                assert await statuses(client, "/", "/", headers={"name": name}) == [200, 429]
            assert await statuses(client, "/", "/", "/") == [200, 200, 200]


async def test_dependencies_as_settings(store: Store) -> None:
    """Key, limits and cost are dependencies: asked once, shared, overridable, not in OpenAPI."""
    asked: list[str] = []

    async def current_user(request: Request) -> str:
        asked.append(request.headers["name"])
        return request.headers["name"]

    async def key(user: Annotated[str, Depends(current_user)]) -> str:
        return user

    async def plan(user: Annotated[str, Depends(current_user)]) -> str | None:
        return {"ada": "4/minute", "root": None}.get(user, "2/minute")

    async def cost(user: Annotated[str, Depends(current_user)]) -> int:
        return {"grace": 2, "heavy": 100}.get(user, 1)

    limit = RateLimit(plan, key=key, cost=cost, store=store)
    app = FastAPI()

    @app.get("/", dependencies=[Depends(limit)])
    async def root(
        user: Annotated[str, Depends(current_user)], quota: Annotated[Quota, Depends(limit)]
    ) -> int | None:
        return quota.remaining

    async def get(name: str) -> tuple[int, Any]:
        answer = await client.get("/", headers={"name": name})
        return answer.status_code, answer.json()

    async with new_client(app) as client:
        assert await get("ada") == (200, 3)
        assert asked == ["ada"]
        assert await get("grace") == (200, 0)
        assert await get("heavy") == (200, 0)
        assert (await get("grace"))[0] == 429
        assert await get("root") == (200, None)
        app.dependency_overrides[plan] = lambda: ["1/minute", "9/hour"]
        assert await get("linus") == (200, 0)
        app.dependency_overrides = {limit: unlimited}
        assert await get("linus") == (200, None)
    operation = expanded(app.openapi())["paths"]["/"]["get"]
    assert "parameters" not in operation
    assert "security" not in operation


async def test_quota(store: Store, clock: FrozenClock) -> None:
    """The dependency returns how the client stands, and what was charged can be given back."""
    limit = RateLimit("2/minute", "10/hour", cost=2, store=store)
    app = FastAPI()

    @app.get("/")
    async def root(
        quota: Annotated[Quota, Depends(limit)], *, free: bool = False
    ) -> dict[str, Any]:
        if free:
            await quota.refund()
            await quota.refund()
        seconds = (quota.retry_after.total_seconds(), quota.reset_after.total_seconds())
        return {"allowed": quota.allowed, "remaining": quota.remaining, "seconds": seconds}

    async with new_client(app) as client:
        for _ in range(3):
            answer = await client.get("/?free=true")
            assert answer.json() == {"allowed": True, "remaining": 0, "seconds": [0, 720]}
        assert await statuses(client, "/", "/") == [200, 429]
    await Quota().refund()
    assert (Quota().remaining, Quota().retry_after, Quota().reset_after) == (
        None,
        timedelta(),
        timedelta(),
    )


async def test_from_code(store: Store) -> None:
    """Asked from code it raises what a request would get, and can be looked at and reset."""
    limit = RateLimit("3/minute", scope="messages", store=store)
    assert (await limit.hit("ada", cost=2)).remaining == 1
    quota = await limit.peek("ada")
    assert (quota.allowed, quota.remaining, quota.retry_after) == (True, 1, timedelta())
    with pytest.raises(TooManyRequests) as caught:
        await limit.hit("ada", cost=2)
    assert (caught.value.headers or {})["Retry-After"] == "20"
    await limit.hit("ada")
    quota = await limit.peek("ada")
    assert (quota.allowed, quota.remaining) == (False, 0)
    assert quota.retry_after == timedelta(seconds=20)
    await quota.refund()
    assert (await limit.peek("ada")).remaining == 0
    await limit.refund("ada", cost=2)
    assert (await limit.peek("ada")).remaining == 2
    await limit.reset("ada")
    assert (await limit.peek("ada")).remaining == 3

    planned = RateLimit(by_name, scope="planned", store=store)
    assert (await planned.hit("ada", limits="5/minute")).remaining == 4
    assert (await planned.peek("ada", limits=["5/minute"])).remaining == 4
    with pytest.raises(ConfigurationError, match="pass limits="):
        await planned.hit("ada")
    with pytest.raises(ConfigurationError, match="scope"):
        await RateLimit("1/minute").hit("ada")


async def test_shadow(store: Store) -> None:
    """A limit in the shadow refuses nobody, tells of those it would have, and is not documented."""
    events: list[AuthEvent] = []
    end = subscribe(events.append)
    limit = RateLimit("1/minute", shadow=True, store=store, scope="shadow")
    app = serving(limit)
    install(app)
    async with new_client(app) as client:
        assert await statuses(client, "/", "/", "/") == [200, 200, 200]
    end()
    [event] = events
    assert event.name == "excess_rate_limit_exceeded"
    assert event.data == {"scope": "shadow", "refused": 1, "shadow": True}
    assert "429" not in app.openapi()["paths"]["/"]["get"]["responses"]
    async with RateLimit("1/minute", shadow=True, store=store, scope="shadow").attempt("ada") as q:
        assert q.allowed
    failures = FailureLimit("1/minute", shadow=True, store=store, scope="failures")
    for expected in (True, False):
        async with failures.attempt("ada") as quota:
            assert quota.allowed is expected
            quota.failed = True


@pytest.mark.security(99)
async def test_an_event_that_is_refused() -> None:
    """Who can't be told of a refusal does not change it."""

    def fails(_: AuthEvent) -> None:
        raise RuntimeError

    end = subscribe(fails, when="before_commit")
    async with new_client(serving(RateLimit("1/minute", scope="refused event"))) as client:
        assert await statuses(client, *["/"] * 3) == [200, 429, 429]
    end()


async def test_events(store: Store) -> None:
    """A flood is told of once a second, with its size."""
    events: list[AuthEvent] = []
    end = subscribe(events.append)
    limit = RateLimit("1/minute", scope="flood", store=store)
    async with new_client(serving(limit)) as client:
        await statuses(client, *["/"] * 10)
        end_second()
        await statuses(client, *["/"] * 3)
        end_second()
        end_second()
    end()
    assert [event.data["refused"] for event in events] == [1, 8, 3]


async def test_openapi(store: Store) -> None:
    """Each route that is limited says so, wherever the limit was put, `public` ones too."""
    app = FastAPI()
    app.get("/free")(nothing)
    app.get("/alone", dependencies=[Depends(RateLimit("1/minute"))])(nothing)
    router = APIRouter(dependencies=[Depends(RateLimit("1/minute", on_error="deny"))])
    router.get("/public", response_model=None)(public(unlimited))
    app.include_router(router, prefix="/v1")
    install(app)
    paths = expanded(app.openapi())["paths"]
    assert "429" not in paths["/free"]["get"]["responses"]
    assert "503" not in paths["/alone"]["get"]["responses"]
    for path in ("/alone", "/v1/public"):
        documented = paths[path]["get"]["responses"]["429"]
        assert documented["headers"].keys() == {"Retry-After", "RateLimit", "RateLimit-Policy"}
        examples = documented["content"]["application/problem+json"]["examples"]
        assert examples.keys() == {"too_many_requests"}
    assert "503" in paths["/v1/public"]["get"]["responses"]

    limited = FastAPI()
    install(limited, limit=RateLimit("1/minute"))
    limited.get("/")(nothing)
    assert "429" in limited.openapi()["paths"]["/"]["get"]["responses"]


async def test_no_rate_limits(store: Store) -> None:
    """Within it nothing is limited or counted; tests of applications want that."""
    limit = RateLimit("1/minute", scope="x", store=store)
    failures = FailureLimit("1/minute", store=store)
    async with new_client(serving(limit, failures)) as client:
        with no_rate_limits():
            assert await statuses(client, *["/"] * 5) == [200] * 5
            assert (await limit.hit("127.0.0.1")).remaining is None
            async with limit.attempt("127.0.0.1") as quota:
                assert quota.remaining is None
        assert (await limit.peek("127.0.0.1")).remaining == 1
        assert await statuses(client, "/", "/") == [200, 429]


def a_key(connection: HTTPConnection, other: str = "") -> str:
    """Not a function of the connection alone."""
    return other


@pytest.mark.parametrize(
    ("limits", "settings"),
    [
        ([], {}),
        ([10], {}),
        (["1/minute", by_name], {}),
        (["1/minute", "1/minute"], {}),
        (["1/minute"], {"burst": 0}),
        (["1/minute"], {"burst": 5, "strict": True}),
        (["1001/minute"], {"strict": True}),
        (["5/minute"], {"cost": 0}),
        (["5/minute", "2/second"], {"cost": 3}),
        (["5/minute"], {"on_error": "pray"}),
        (["5/minute"], {"block": timedelta(seconds=59)}),
        (["5/minute"], {"block": timedelta(seconds=59), "strict": True}),
        (["5/minute"], {"block": timedelta(days=400)}),
        (["5/minute"], {"key": int}),
    ],
)
def test_contradictions(limits: list[Any], settings: dict[str, Any]) -> None:
    """What can't work, or would have no effect, is refused when the limit is made."""
    with pytest.raises(ConfigurationError):
        RateLimit(*limits, **settings)


@pytest.mark.parametrize("key", ["user", None])
def test_key_that_is_no_function(key: str | None) -> None:
    """A key that is no function is refused when the limit is made, and the error says what is."""
    with pytest.raises(ConfigurationError, match=r"key takes a function such as by_user\(guard\)"):
        RateLimit("2/minute", key=key)


def test_what_goes(store: Store) -> None:
    """What goes well together is accepted."""
    RateLimit("1000/minute", strict=True)
    RateLimit("5/minute", burst=20, cost=20)
    RateLimit("5/minute", block=timedelta(minutes=1))
    RateLimit("5/minute", key=a_key)
    assert isinstance(FailureLimit("5/minute"), RateLimit)


async def test_charged_twice(store: Store) -> None:
    """Two limits that are one charge a request twice, which is said."""
    limits = [RateLimit("5/minute", store=store) for _ in range(2)]
    async with new_client(serving(*limits)) as client:
        answer = await client.get("/")
        assert answer.headers["ratelimit"] == '"5/minute";r=3;t=12'
    assert self_checks.has_said("charged_twice")
    self_checks._said.clear()
    async with new_client(serving(limits[0], RateLimit("6/minute", store=store))) as client:
        await client.get("/")
    assert not self_checks.has_said("charged_twice")


async def test_many_scopes(store: Store) -> None:
    """What is remembered of scopes and limits is bounded."""
    limit = RateLimit(lambda connection: connection.url.query, store=store)
    budgets = limit._tariff._budgets
    for number in range(1, 5000):
        budgets.of(f"{number}/minute", "x")
    assert len(budgets._made) < 4097


async def test_names_of_routes() -> None:
    """What is remembered of routes is bounded too."""
    for number in range(5000):
        route_scope({"route": "route", "root_path": f"/{number}", "path_params": {}})
    assert len(scopes._names) <= scopes.REMEMBERED


async def test_response_parameter(store: Store) -> None:
    """An endpoint's own headers stay beside those of the limit."""
    app = FastAPI()

    @app.get("/", dependencies=[Depends(RateLimit("5/minute", store=store))])
    async def root(response: Response) -> dict[str, str]:
        response.headers["X-Mine"] = "yes"
        return {}

    async with new_client(app) as client:
        answer = await client.get("/")
        assert (answer.headers["x-mine"], answer.headers["ratelimit"][:10]) == ("yes", '"5/minute"')


async def test_no_cost() -> None:
    """A cost of `None` exempts a request, as a key and limits do."""
    limit = RateLimit("1/minute", scope="no cost", cost=lambda _: None)
    async with new_client(serving(limit)) as client:
        assert await statuses(client, *["/"] * 3) == [200, 200, 200]
