"""The routes of a table, from end to end."""

from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import SessionAuth, User, crud_router
from tests.crud.conftest import make_app, signed_in
from tests.crud.tables import Director, Movie


def movies(session: SessionAuth[User], **options: Any) -> Any:
    """A router of movies with most of what it has."""
    return crud_router(
        Movie,
        session,
        write=[Movie.title, Movie.rating, Movie.genre, Movie.director, Movie.released, Movie.notes],
        owner=Movie.owner,
        filters=[Movie.title, Movie.rating, Movie.released, Movie.director.name],
        sort=[Movie.title, Movie.rating, Movie.released],
        search=[Movie.title, Movie.notes],
        include=[Movie.director],
        operations=["list", "read", "create", "update", "replace", "delete", "bulk", "options"],
        **options,
    )


@pytest.fixture
def app(session: SessionAuth[User]) -> FastAPI:
    """An application with movies."""
    return _app(session)


@lru_cache
def _app(session: SessionAuth[User]) -> FastAPI:
    return make_app(session, movies=movies(session))


@pytest.fixture
async def ada_client(app: FastAPI, people: dict[str, User]) -> AsyncIterator[httpx.AsyncClient]:
    """Ada's client."""
    async with signed_in(app, "ada") as client:
        yield client


async def test_walk(ada_client: httpx.AsyncClient, statements: list[str]) -> None:
    """Create, read, list, change, replace and delete."""
    client = ada_client
    director = Director(name="Agnès Varda", salary=1)
    await director.save()
    answer = await client.post(
        "/movies", json={"title": "Cléo", "director": director.id, "released": "1962-04-11"}
    )
    assert answer.status_code == 201, answer.text
    row = answer.json()
    place = answer.headers["location"]
    assert place == f"/movies/{row['id']}"
    answer = await client.get(place)
    assert (answer.status_code, answer.json()) == (200, row)
    tag = answer.headers["etag"]
    statements.clear()
    answer = await client.get(
        "/movies?include=director&director.name__contains=varda&count=exact&sort=-rating"
    )
    assert answer.status_code == 200, answer.text
    answer = await client.patch(place, json={"rating": 9}, headers={"If-Match": tag})
    assert answer.status_code == 200, answer.text
    answer = await client.patch(place, json={"rating": 9}, headers={"If-Match": tag})
    assert answer.status_code == 412, answer.text
    answer = await client.put(place, json={"title": "Cléo de 5 à 7"})
    assert answer.status_code == 200, answer.text
    answer = await client.get("/movies/_options?q=cl")
    assert answer.status_code == 200, answer.text
    answer = await client.delete(place)
    assert answer.status_code == 204, answer.text
    answer = await client.delete(place)
    assert answer.status_code == 404, answer.text
    answer = await client.patch(place, json={"rating": 9})
    assert answer.status_code == 404, answer.text
    answer = await client.post("/movies/_bulk", json={"items": [{"title": "A"}, {"title": "B"}]})
    assert answer.status_code == 201, answer.text
    ids = [item["id"] for item in answer.json()["items"]]
    answer = await client.patch(
        "/movies/_bulk", json={"items": [{"id": ids[0], "rating": 1}, {"id": ids[1], "rating": 2}]}
    )
    assert answer.status_code == 200, answer.text
    answer = await client.get("/movies?limit=1")
    assert answer.headers["link"], answer.text
    answer = await client.get("/movies?limit=1&cursor=" + answer.json()["next"])
    assert answer.json()["items"][0]["id"] == ids[1]
    answer = await client.post("/movies/_bulk/delete", json={"ids": ids})
    assert answer.status_code == 200, answer.text
    answer = await client.post("/movies", json={"title": "A", "director": 999})
    assert answer.status_code == 422, answer.text
