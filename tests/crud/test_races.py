"""Twenty-four callers at once: one creates a unique value, one changes a version, one deletes."""

from collections import Counter
from functools import lru_cache
from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import CrudHooks, SessionAuth, User, crud_router
from piccolo_api_fastapi.testing import race
from tests.crud.conftest import make_app, signed_in
from tests.crud.tables import Album, Director, Movie

ALL: Any = ["list", "read", "create", "update", "delete", "bulk"]


@pytest.fixture
def app(session: SessionAuth[User]) -> FastAPI:
    """Directors of everybody, whose names are unique; movies; albums with a version."""
    return _app(session)


@lru_cache
def _app(session: SessionAuth[User]) -> FastAPI:
    return make_app(
        session,
        directors=crud_router(Director, session, write=[Director.name], operations=ALL),
        movies=crud_router(
            Movie, session, write=[Movie.title, Movie.rating], owner=Movie.owner, operations=ALL
        ),
        albums=crud_router(
            Album, session, write=[Album.name], owner=Album.owner, version=Album.version
        ),
    )


async def statuses(app: FastAPI, method: str, url: str, **options: Any) -> Counter[int]:
    """The statuses of the answers to 24 requests at once, of which none may be an error of ours."""
    async with signed_in(app, "ada") as client:

        async def ask() -> Any:
            return await client.request(method, url, **options)

        answers: list[Any] = await race(ask)
    return Counter(answer.status_code for answer in answers)


async def test_create(app: FastAPI, ada: User) -> None:
    """One creates, and 23 are told that the name is taken."""
    found = await statuses(app, "POST", "/directors", json={"name": "Varda"})
    assert found == {201: 1, 409: 23}
    assert await Director.count() == 1


@pytest.mark.parametrize("table", ["movies", "albums"])
async def test_change(app: FastAPI, ada: User, table: str) -> None:
    """Of 24 changes to what was read, one is made; with and without a column for the version."""
    async with signed_in(app, "ada") as client:
        body = {"title": "a"} if table == "movies" else {"name": "a"}
        made = await client.post(f"/{table}", json=body)
    place, tag = made.headers["location"], made.headers["etag"]
    change = {"rating": 9} if table == "movies" else {"name": "b"}
    found = await statuses(app, "PATCH", place, json=change, headers={"If-Match": tag})
    assert found == {200: 1, 412: 23}


async def test_increments(app: FastAPI, ada: User) -> None:
    """Who reads, adds one and writes what was read loses nothing."""
    async with signed_in(app, "ada") as client:
        place = (await client.post("/movies", json={"title": "a", "rating": 0})).headers["location"]

        async def increment() -> None:
            while True:
                row = await client.get(place)
                change = {"rating": row.json()["rating"] + 1}
                tag = {"If-Match": row.headers["etag"]}
                if (await client.patch(place, json=change, headers=tag)).status_code == 200:
                    return

        await race(increment, 8)
        assert (await client.get(place)).json()["rating"] == 8


async def test_delete(app: FastAPI, ada: User) -> None:
    """One deletes, and 23 find nothing."""
    async with signed_in(app, "ada") as client:
        place = (await client.post("/movies", json={"title": "a"})).headers["location"]
    assert await statuses(app, "DELETE", place) == {204: 1, 404: 23}


async def test_bulk(app: FastAPI, ada: User) -> None:
    """All rows of one request, or none: of 24 with a name in common, one is done."""
    items = [{"name": f"{number}"} for number in range(5)]
    found = await statuses(app, "POST", "/directors/_bulk", json={"items": items})
    assert found == {201: 1, 409: 23}
    assert await Director.count() == 5
    ids = [row["id"] for row in await Director.select(Director.id)]
    found = await statuses(app, "POST", "/directors/_bulk/delete", json={"ids": ids})
    assert found == {200: 1, 404: 23}
    assert await Director.count() == 0


@pytest.mark.parametrize("method", ["PATCH", "DELETE"])
@pytest.mark.parametrize("database", ["postgres"], indirect=True)  # SQLite locks the database
async def test_the_row_of_a_hook_is_locked(
    session: SessionAuth[User], database: Any, ada: User, method: str
) -> None:
    """Nobody can change the row that a hook checks until the transaction ends."""
    free: list[Any] = []

    async def judge(*_: Any) -> None:
        other = await database.get_new_connection()
        try:
            free.append(await other.fetch("SELECT 1 FROM crud_movie FOR SHARE SKIP LOCKED"))
        finally:
            await other.close()

    hooks = CrudHooks(before_update=judge, before_delete=judge)
    movies = crud_router(Movie, session, write=[Movie.title], owner=Movie.owner, hooks=hooks)
    app = make_app(session, movies=movies)
    async with signed_in(app, "ada") as client:
        place = (await client.post("/movies", json={"title": "a"})).headers["location"]
        body = {"title": "b"} if method == "PATCH" else None
        assert (await client.request(method, place, json=body)).is_success
    assert free == [[]]
