"""The movie club: visitors read, users own what they add, editors change what others added."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from piccolo.table import create_db_tables, drop_db_tables

from examples.movies.app import app, roles, users
from examples.movies.piccolo_app import APP_CONFIG
from examples.movies.tables import TABLES, Movie, Person
from tests.conftest import PASSWORD, log_in, new_client
from tests.migrations import changes_found


@pytest.fixture
async def club(database: Any) -> AsyncIterator[None]:
    """Three users, their roles, and a person to direct movies."""
    for table in TABLES:
        table._meta._db = database
    await create_db_tables(*TABLES)
    await roles.sync()
    await users.create("ada", PASSWORD)
    await users.create("bob", PASSWORD)
    for name, role in (("ed", "editor"), ("grace", "administrator")):
        await roles.grant(await users.create(name, PASSWORD), role)
    await Person(name="Ida Lupino", born=1918).save()
    yield
    await drop_db_tables(*TABLES)


@pytest.fixture
async def client(club: None) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the club, in which nobody is signed in."""
    async with new_client(app) as client:
        yield client


async def as_user(client: httpx.AsyncClient, name: str) -> None:
    """Sign another user in."""
    client.cookies.clear()
    assert (await log_in(client, name)).status_code == 200


async def add(client: httpx.AsyncClient, **values: Any) -> dict[str, Any]:
    """Add a movie."""
    answer = await client.post("/movies", json={"title": "Outrage", "year": 1950, **values})
    assert answer.status_code == 201, answer.text
    movie: dict[str, Any] = answer.json()
    return movie


async def test_visitors_read(client: httpx.AsyncClient) -> None:
    """Whoever is not signed in reads all, and writes nothing."""
    await as_user(client, "ada")
    person = (await client.get("/people")).json()["items"][0]
    movie = await add(client, director=person["id"])
    review = {"movie": movie["id"], "stars": 5, "text": "Brave."}
    assert (await client.post("/reviews", json=review)).status_code == 201
    client.cookies.clear()
    page = (await client.get("/movies?include=director,reviews&sort=-year&count=exact")).json()
    assert page["total"] == 1
    assert page["items"][0]["director"]["name"] == "Ida Lupino"
    assert page["items"][0]["reviews"][0]["text"] == "Brave."
    for path in ("/movies", "/reviews", "/people"):
        assert (await client.post(path, json={})).status_code == 401
    assert "Movie club" in (await client.get("/")).text


async def test_owners(client: httpx.AsyncClient) -> None:
    """Each changes their own. To others it is a 404 to change or delete it."""
    await as_user(client, "ada")
    movie = await add(client)
    path = f"/movies/{movie['id']}"
    assert (await client.patch(path, json={"year": 1951})).json()["version"] == 2
    await as_user(client, "bob")
    assert (await client.get(path)).status_code == 200
    assert (await client.patch(path, json={"year": 1952})).status_code == 404
    assert (await client.delete(path)).status_code == 404
    assert await Movie.count() == 1


async def test_editors(client: httpx.AsyncClient) -> None:
    """An editor changes what others added, and writes the people, until the role is withdrawn."""
    await as_user(client, "ada")
    movie = await add(client)
    assert (await client.post("/people", json={"name": "Agnès Varda"})).status_code == 403
    await as_user(client, "ed")
    answer = await client.patch(f"/movies/{movie['id']}", json={"title": "Outrage (1950)"})
    assert (answer.status_code, answer.json()["added_by"]) == (200, movie["added_by"])
    assert (await client.post("/people", json={"name": "Agnès Varda"})).status_code == 201
    ed = await users.find("ed")
    assert ed is not None
    await roles.withdraw(ed, "editor")
    assert (await client.post("/people", json={"name": "Kurosawa"})).status_code == 403
    assert (await client.delete(f"/movies/{movie['id']}")).status_code == 404


async def test_the_administrator(client: httpx.AsyncClient) -> None:
    """Who may manage roles grants one; a director of movies is not deleted."""
    await as_user(client, "grace")
    listed = (await client.get("/auth/roles")).json()
    assert {role["name"] for role in listed} == {"administrator", "editor"}
    person = (await client.get("/people")).json()["items"][0]
    await add(client, director=person["id"])
    answer = await client.delete(f"/people/{person['id']}")
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")


async def test_unhappy(client: httpx.AsyncClient) -> None:
    """Values that do not fit, and a movie that there is not."""
    await as_user(client, "ada")
    wrong = {"movie": 1, "stars": 7}
    answer = await client.post("/reviews", json=wrong)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "stars"])
    answer = await client.post("/reviews", json={"movie": 999, "stars": 1, "text": ""})
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "movie"])
    assert (await client.get("/movies?nope=1")).status_code == 422
    assert (await client.get("/movies/999")).status_code == 404


async def test_migrations_are_complete() -> None:
    """The migrations make the tables as they are."""
    assert await changes_found(APP_CONFIG) == []
