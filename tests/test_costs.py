"""
What a request costs, in what can be counted: statements, dependencies, calls and allocations.

Counts do not depend on the machine, so they fail a change that a noisy benchmark would miss.
"""

import asyncio
import gc
import re
import sys
import tracemalloc
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import httpx
import piccolo
import pytest
from fastapi import Depends, FastAPI
from fastapi.dependencies.models import Dependant
from fastapi.routing import iter_route_contexts

import piccolo_api_fastapi
from piccolo_api_fastapi import MemoryStore, RateLimit, TokenAuth, User, Users
from piccolo_api_fastapi.testing import FrozenClock
from tests import engines
from tests.conftest import bearer, get_tokens, log_in, reaches_no_sql

OURS = str(Path(piccolo_api_fastapi.__file__).parent)
PICCOLO = str(Path(piccolo.__file__).parent)

DOCS = Path(__file__).parents[1] / "docs/performance.md"

CALLS = {"/session": 37, "/jwt": 42, "/token": 36, "/me": 43, "/claims": 13}
"""
Calls of functions of the package for a request, where nothing is left to be saved; seven of
them, or six, are what `install` does, two of those for caches. On PostgreSQL, two are the time
limit of the statement.
"""

UNCOUNTED = (
    "core/database/sqlite.py",
    "core/database/sqlite_pools.py",
    "core/database/postgres.py",
    "core/database/time_limit.py:look",
)
"""
An application need not have these engines. A look at the time limits comes five times a second,
however many requests there are.
"""

PICCOLO_CALLS = 24
"""Calls of Piccolo's functions; a query that is built takes hundreds."""

TOLERANCE = 1
"""CPython does not tell of each call of a path that is warm; 3.12 counts no comprehensions."""

PEAK = {"postgres": 360_000, "sqlite": 60_000}
"""
Bytes that a request may have allocated at any one time, in all packages: it was 35,000, most of it
httpx and FastAPI, and 256 KiB more for what asyncpg reads into.
"""


@pytest.fixture(autouse=True)
def in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Run statements on SQLite in threads, whose calls are not counted."""
    monkeypatch.setattr(engines, "is_alone", lambda: False)


@pytest.fixture
def app(app: FastAPI, users: Users[User]) -> FastAPI:
    """The application, and `/token` by API token."""

    @app.get("/token")
    async def by_token(user: Annotated[User, Depends(TokenAuth(users))]) -> dict[str, str]:
        return {"username": user.username}

    return app


@pytest.fixture
def transactions(database: Any, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The transactions that are begun from now on."""
    begun: list[str] = []
    kind = type(database.transaction())
    begin = kind.begin

    async def record(self: Any) -> None:
        begun.append("BEGIN")
        await begin(self)

    monkeypatch.setattr(kind, "begin", record)
    return begun


@pytest.fixture
async def headers(
    client: httpx.AsyncClient, users: Users[User], ada: User
) -> dict[str, dict[str, str]]:
    """Those of ada, for each route of the application, which has been asked once before."""
    await log_in(client)
    cookie = {"Cookie": f"__Host-session={client.cookies['__Host-session']}"}
    client.cookies.clear()
    header = bearer((await get_tokens(client))["access_token"])
    token = bearer((await TokenAuth(users).create(ada, "report")).secret)
    found = {"/session": cookie, "/jwt": header, "/me": cookie, "/claims": header, "/token": token}
    for path, values in found.items():
        assert (await client.get(path, headers=values)).status_code == 200
    return found


@pytest.mark.parametrize(
    ("path", "expected"), [("/session", 1), ("/jwt", 1), ("/token", 1), ("/me", 1), ("/claims", 0)]
)
async def test_statements_of_a_protected_request(
    client: httpx.AsyncClient,
    headers: dict[str, dict[str, str]],
    statements: list[str],
    transactions: list[str],
    path: str,
    expected: int,
) -> None:
    """A protected request is one statement, whichever scheme; `claims` none; no transaction."""
    statements.clear()
    transactions.clear()
    await client.get(path, headers=headers[path])
    assert expected == len(statements)
    assert not transactions


AT_ONCE = 24

Headers = list[dict[str, str]]


@pytest.fixture
async def different(client: httpx.AsyncClient, users: Users[User], ada: User) -> dict[str, Headers]:
    """As many different credentials of each scheme as there are requests at once."""
    found: dict[str, Headers] = {"/session": [], "/jwt": [], "/token": [], "/me": []}
    api_tokens = TokenAuth(users)
    for number in range(AT_ONCE):
        await log_in(client)
        cookie = {"Cookie": f"__Host-session={client.cookies['__Host-session']}"}
        client.cookies.clear()
        access = bearer((await get_tokens(client))["access_token"])
        found["/session"].append(cookie)
        found["/jwt"].append(access)
        found["/token"].append(bearer((await api_tokens.create(ada, f"report {number}")).secret))
        found["/me"].append(cookie if number % 2 else access)
        await client.get("/token", headers=found["/token"][-1])  # its first use is written
    return found


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_statements_of_requests_at_once(
    client: httpx.AsyncClient, different: dict[str, Headers], statements: list[str]
) -> None:
    """24 protected requests at once, each with a credential of its own, are two statements."""
    for path, headers in different.items():
        assert len({str(one) for one in headers}) == AT_ONCE
        statements.clear()
        answers = await asyncio.gather(*(client.get(path, headers=one) for one in headers))
        assert {answer.status_code for answer in answers} == {200}
        assert len(statements) <= (3 if path == "/me" else 2), path


async def test_statements_of_activity(
    client: httpx.AsyncClient,
    headers: dict[str, dict[str, str]],
    statements: list[str],
    clock: FrozenClock,
) -> None:
    """Activity is written at most once a minute."""
    counts = []
    for seconds in (59, 2, 1, 58, 60):
        clock.advance(timedelta(seconds=seconds))
        statements.clear()
        await client.get("/session", headers=headers["/session"])
        counts.append(len(statements))
    assert counts == [1, 2, 1, 1, 2]


LOGIN = (
    "SELECT piccolo_user",
    "INSERT auth_password_failure",
    "UPDATE auth_password_failure",
    "SELECT auth_totp",
    "BEGIN",
    "UPDATE piccolo_user",
    "UPDATE auth_password",
    "SELECT auth_totp",
    "INSERT auth_session",
    "COMMIT",
    "INSERT auth_known_device",
)
"""A login by password in a new browser. `docs/performance.md` says what each statement is for."""


def name_of(statement: str) -> str:
    """The verb of a statement, and its table; whatever is in parentheses does not count."""
    outer, inner = "", statement
    while outer != inner:
        outer, inner = inner, re.sub(r"\([^()]*\)", "", inner)
    found = re.search(r"(?:FROM|INTO|UPDATE) \"?(\w+)", outer)
    return f"{statement.split(maxsplit=1)[0]} {found[1]}" if found else statement


async def test_statements_of_a_login(
    client: httpx.AsyncClient,
    ada: User,
    database: Any,
    statements: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each statement of a login by name, and the only transaction, which issues the session."""
    assert ada.active
    kind = type(database.transaction())
    for name in ("begin", "commit"):
        call = getattr(kind, name)

        async def record(self: Any, name: str = name, call: Any = call) -> None:
            statements.append(name.upper())
            await call(self)

        monkeypatch.setattr(kind, name, record)
    await log_in(client)
    assert tuple(name_of(statement) for statement in statements) == LOGIN


def test_the_documented_statements_of_a_login() -> None:
    """The table in the documentation has the same statements."""
    section = DOCS.read_text("utf-8").split("## What a login costs")[1].split("\n## ")[0]
    documented = re.findall(r"^\| `([A-Z]+(?: \w+)?)` \|", section, re.MULTILINE)
    assert list(LOGIN) == documented


@pytest.mark.parametrize(
    ("name", "expected"), [("log in", 9), ("get a token", 8), ("refresh", 2), ("log out", 1)]
)
async def test_statements_of_other_requests(
    client: httpx.AsyncClient, ada: User, statements: list[str], name: str, expected: int
) -> None:
    """
    The rest does not become more without somebody noticing. Two of those of a login ask for
    a second factor, two count the guess, and one makes the browser known. Caps count in the
    insert.
    """
    await log_in(client)
    session = dict(client.cookies)
    client.cookies.clear()
    refresh = {
        "grant_type": "refresh_token",
        "refresh_token": (await get_tokens(client))["refresh_token"],
    }
    requests: dict[str, Callable[[], Awaitable[Any]]] = {
        "log in": lambda: log_in(client),
        "get a token": lambda: get_tokens(client),
        "refresh": lambda: client.post("/auth/token", data=refresh),
        "log out": lambda: client.post(
            "/auth/logout", headers={"Cookie": f"__Host-session={session['__Host-session']}"}
        ),
    }
    statements.clear()
    await requests[name]()
    assert expected == len(statements), len(statements)


def dependencies_of(dependant: Dependant) -> int:
    """How many calls FastAPI makes before the endpoint."""
    return sum(1 + dependencies_of(inner) for inner in dependant.dependencies)


@reaches_no_sql
@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/session", 1),
        ("/jwt", 1),
        ("/token", 1),
        ("/claims", 1),
        ("/me", 3),
        ("/admin", 3),
        ("/optional", 3),
    ],
)
def test_dependencies(app: FastAPI, path: str, expected: int) -> None:
    """A scheme is one dependency; what combines them has one more for each, for OpenAPI."""
    (route,) = (
        route
        for route in iter_route_contexts(app.routes)
        if route.path_format == path and "GET" in (route.methods or ())
    )
    assert expected == dependencies_of(route.dependant)


async def calls_of(request: Callable[[], Awaitable[Any]]) -> Counter[tuple[str, str]]:
    """The functions that a request calls in this thread, by file and name."""
    frames: set[FrameType] = set()

    def record(frame: FrameType, event: str, _: Any) -> None:
        if event == "call":  # also when a coroutine goes on after it waited, in the same frame
            frames.add(frame)

    sys.setprofile(record)
    try:
        await request()
    finally:
        sys.setprofile(None)
    return Counter((frame.f_code.co_filename, frame.f_code.co_name) for frame in frames)


def within(calls: Counter[tuple[str, str]], folder: str) -> dict[str, int]:
    """Those of one package."""
    return {
        f"{Path(file).relative_to(folder)}:{name}": count
        for (file, name), count in calls.items()
        if Path(file).is_relative_to(folder)
    }


@pytest.mark.parametrize("path", CALLS)
async def test_calls(
    client: httpx.AsyncClient, headers: dict[str, dict[str, str]], path: str
) -> None:
    """The path of a request through the package stays as short as it was measured to be."""
    calls = await calls_of(lambda: client.get(path, headers=headers[path]))
    own = within(calls, OURS)
    own = {call: count for call, count in own.items() if not call.startswith(UNCOUNTED)}
    assert 0 < sum(own.values()) <= CALLS[path] + TOLERANCE, own


@pytest.mark.parametrize("path", ["/session", "/jwt", "/token", "/me"])
async def test_nothing_is_built(
    client: httpx.AsyncClient, headers: dict[str, dict[str, str]], path: str
) -> None:
    """No request builds a query, or a row by Piccolo's constructor: either costs a third of it."""
    calls = await calls_of(lambda: client.get(path, headers=headers[path]))
    of_piccolo = within(calls, PICCOLO)
    assert sum(of_piccolo.values()) <= PICCOLO_CALLS, of_piccolo
    assert "table.py:__init__" not in of_piccolo


LEFT_BEHIND = 4096
"""Bytes that the package may have allocated in twenty requests and not given back; it was 0."""


@pytest.mark.parametrize("path", CALLS)
@pytest.mark.slow
async def test_allocations(
    client: httpx.AsyncClient, database: Any, headers: dict[str, dict[str, str]], path: str
) -> None:
    """Requests of a path that is warm need little memory, and leave nothing behind."""
    await client.get(path, headers=headers[path])
    gc.collect()
    tracemalloc.start()
    try:
        peaks = []
        for _ in range(20):
            before = tracemalloc.get_traced_memory()[0]
            tracemalloc.reset_peak()
            await client.get(path, headers=headers[path])
            peaks.append(tracemalloc.get_traced_memory()[1] - before)
        gc.collect()
        snapshot = tracemalloc.take_snapshot()
    finally:
        tracemalloc.stop()
    assert sorted(peaks)[10] <= PEAK[database.engine_type]
    own = tracemalloc.Filter(inclusive=True, filename_pattern=f"{OURS}/*")
    assert sum(trace.size for trace in snapshot.filter_traces([own]).traces) <= LEFT_BEHIND


LIMITED_CALLS = 37
"""The same for a limit in memory, without `install`."""


async def test_calls_of_a_limited_route() -> None:
    """Nor does the path of a limit grow, from the question who asks to the headers."""
    app = FastAPI()

    @app.get("/", dependencies=[Depends(RateLimit("1000/second", store=MemoryStore()))])
    async def root() -> dict[str, str]:
        return {}

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="https://test") as client:
        await client.get("/")
        calls = await calls_of(lambda: client.get("/"))
    own = within(calls, OURS)
    own = {call: count for call, count in own.items() if not call.startswith(UNCOUNTED)}
    assert 0 < sum(own.values()) <= LIMITED_CALLS + TOLERANCE, own
