"""Lists and rows of a table: what `crud_router` costs beside a route by hand and PiccoloCRUD."""

import asyncio
import base64
import gc
import json
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timezone
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any, TypeAlias

from fastapi import Depends, FastAPI, HTTPException, Query
from fastapi.openapi.models import HTTPBearer
from fastapi.security.base import SecurityBase
from piccolo.columns import ForeignKey, Integer, Real, Serial, Text, Timestamptz, Varchar
from piccolo.engine.postgres import PostgresEngine
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table, create_db_tables
from pydantic import BaseModel
from starlette.requests import HTTPConnection

from benchmarks import databases
from benchmarks.budget import Budget
from benchmarks.samples import as_json, figure, ratio
from piccolo_api_fastapi import Identity, User, Users, crud_router
from piccolo_api_fastapi.access.scheme import Scheme

ROWS, REQUESTS = 1_000_000, 40
PAGE = 20

BY_HAND, HERE, PEER = "by hand", "here: crud_router", "piccolo-api: PiccoloCRUD"
PATHS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        BY_HAND: {"list": "/hand?sort=-rating&limit=20", "detail": "/hand/7"},
        HERE: {"list": "/here?sort=-rating&limit=20", "detail": "/here/7"},
        PEER: {"list": "/peer/?__order=-rating&__page_size=20", "detail": "/peer/7/"},
    }
)

Ask: TypeAlias = Callable[[str], Awaitable[bytes]]


class BenchMovie(Table, tablename="bench_movie"):
    """A row of seven columns."""

    id = Serial(primary_key=True)
    title = Varchar(length=200)
    year = Integer()
    rating = Real(index=True)
    plot = Text()
    added_by = ForeignKey(User, index=False)
    added_at = Timestamptz()


class MovieOut(BaseModel):
    """A row as the route by hand returns it."""

    id: int
    title: str
    year: int
    rating: float
    plot: str
    added_by: int
    added_at: datetime


class MoviesOut(BaseModel):
    """A page of rows."""

    items: list[MovieOut]


class Somebody(Scheme[User], SecurityBase):
    """Finds the same caller for each request, so that only what follows is measured."""

    transport = "header"
    challenge = "Bearer"
    documented_errors = ()

    def __init__(self) -> None:
        self.scheme_name = "Somebody"
        self.model = HTTPBearer()
        self.users = Users()
        now = datetime.now(timezone.utc)
        self._identity = Identity(
            User(id=1, username="ada"), "Somebody", None, frozenset(), now, {"password": now}
        )
        super().__init__()

    async def authenticate(self, connection: HTTPConnection) -> Identity[User]:  # noqa: ARG002
        """Return the caller."""
        return self._identity


def application() -> FastAPI:
    """The table, served in three ways."""
    from piccolo_api.crud.endpoints import PiccoloCRUD

    somebody, app = Somebody(), FastAPI()
    _add_by_hand(app, somebody)
    here = crud_router(
        BenchMovie,
        somebody,
        sort=[BenchMovie.rating],
        filters=[BenchMovie.year],
        name="BenchMovie",
    )
    app.include_router(here, prefix="/here")
    app.mount("/peer", PiccoloCRUD(BenchMovie, page_size=PAGE))
    return app


def _add_by_hand(app: FastAPI, somebody: Scheme[User]) -> None:
    columns = BenchMovie.all_columns()

    @app.get("/hand")
    async def movies(
        _: Annotated[User, Depends(somebody)],
        sort: Annotated[str, Query(pattern="^-?rating$")] = "rating",
        limit: Annotated[int, Query(ge=1, le=100)] = PAGE,
    ) -> MoviesOut:
        query = BenchMovie.select(*columns).limit(limit)
        query = query.order_by(BenchMovie.rating, ascending=not sort.startswith("-"))
        rows = await query.order_by(BenchMovie.id)
        return MoviesOut(items=[MovieOut(**row) for row in rows])

    @app.get("/hand/{key}")
    async def movie(_: Annotated[User, Depends(somebody)], key: int) -> MovieOut:
        row = await BenchMovie.select(*columns).where(BenchMovie.id == key).first()
        if row is None:
            raise HTTPException(404)
        return MovieOut(**row)


def run(kind: databases.Kind, folder: Path, budget: Budget, rows: int = ROWS) -> dict[str, Any]:
    """The three in turn, and pages at the beginning and deep inside a large table."""
    name = databases.create(kind, "crud", folder)
    try:
        return asyncio.run(_measure(kind, name, budget, rows))
    finally:
        databases.drop(kind, name)


async def _measure(kind: databases.Kind, name: str, budget: Budget, rows: int) -> dict[str, Any]:
    engine = _engine_on(kind, name)
    for table in (User, BenchMovie):
        table._meta._db = engine  # noqa: SLF001
    if isinstance(engine, PostgresEngine):
        await engine.start_connection_pool(min_size=1, max_size=databases.POOL_SIZE)
    await create_db_tables(User, BenchMovie)
    await _fill(kind, rows)
    app = application()

    async def ask(path: str) -> bytes:
        return await _ask(app, path)

    samples: dict[str, dict[str, list[float]]] = {}
    first = "/here?sort=rating&limit=20"
    pages = {"first": first, "deep": f"{first}&cursor={await _deep_cursor(ask, first, rows)}"}
    depths: dict[str, list[float]] = {depth: [] for depth in pages}
    for number in budget.rounds(least=3):
        print(f"  {kind}, crud: round {number + 1}", flush=True)
        for contender, paths in PATHS.items():
            taken = samples.setdefault(contender, {"list": [], "detail": []})
            for what, path in paths.items():
                taken[what].append(await _cpu_us(ask, path))
        for depth, path in pages.items():
            depths[depth].append(await _wall_ms(ask, path))
    if isinstance(engine, PostgresEngine):
        await engine.close_connection_pool()
    return _results(samples, depths)


def _results(
    samples: Mapping[str, Mapping[str, list[float]]], depths: Mapping[str, list[float]]
) -> dict[str, Any]:
    results: dict[str, Any] = {"pages": {}}
    for contender, taken in samples.items():
        results[contender] = {
            what: {
                "cpu_us": as_json(figure(measured)),
                "of_by_hand": as_json(ratio(measured, samples[BY_HAND][what])),
                "of_peer": as_json(ratio(samples[PEER][what], measured)),
            }
            for what, measured in taken.items()
        }
    for name, measured in depths.items():
        results["pages"][name] = {"wall_ms": as_json(figure(measured))}
    results["pages"]["deep"]["of_first"] = as_json(ratio(depths["deep"], depths["first"]))
    return results


def _engine_on(kind: databases.Kind, name: str) -> PostgresEngine | SQLiteEngine:
    if kind == "postgres":
        return PostgresEngine(config={**databases.PG, "database": name})
    return SQLiteEngine(path=name, timeout=30)


async def _fill(kind: databases.Kind, rows: int) -> None:
    await User.insert(User(username="ada", password="correct horse battery"))
    numbers = (
        f"generate_series(1, {rows}) AS n(n)"
        if kind == "postgres"
        else f"(WITH RECURSIVE n(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < {rows}) "
        "SELECT n FROM n)"
    )
    moment = "now()" if kind == "postgres" else "'2026-01-01 00:00:00+00:00'"
    await BenchMovie.raw(
        "INSERT INTO bench_movie (title, year, rating, plot, added_by, added_at) "
        f"SELECT 'Movie ' || n, 1900 + n % 120, n, 'What happens.', 1, {moment} FROM {numbers}"
    )
    await BenchMovie.raw("ANALYZE")


async def _deep_cursor(ask: Ask, first: str, rows: int) -> str:
    """Return the cursor of a page after nine tenths of the rows."""
    cursor = json.loads(await ask(first))["next"]
    version, mark, *_ = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    key = rows * 9 // 10
    place = json.dumps([version, mark, f"{key}.0", str(key)], separators=(",", ":"))
    return base64.urlsafe_b64encode(place.encode()).decode().rstrip("=")


async def _ask(app: FastAPI, path: str) -> bytes:
    """Send a request without a server, and return the body."""
    where, _, query = path.partition("?")
    body = bytearray()
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": where,
        "raw_path": where.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(b"host", b"127.0.0.1")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start" and message["status"] != 200:
            raise RuntimeError(f"{path} is answered with {message['status']}.")
        body.extend(message.get("body", b""))

    await app(scope, receive, send)
    return bytes(body)


async def _cpu_us(ask: Ask, path: str) -> float:
    await ask(path)
    gc.collect()
    before = time.process_time()
    for _ in range(REQUESTS):
        await ask(path)
    return (time.process_time() - before) / REQUESTS * 1e6


async def _wall_ms(ask: Ask, path: str) -> float:
    await ask(path)
    before = time.perf_counter()
    for _ in range(REQUESTS):
        await ask(path)
    return (time.perf_counter() - before) / REQUESTS * 1e3
