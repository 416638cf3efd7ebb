"""Two people, each operation, each way to name a row: nobody sees or changes what is another's."""

import re
from collections.abc import AsyncIterator
from functools import lru_cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import Crud, SessionAuth, User, Users, crud_router
from tests.conftest import new_client
from tests.crud.conftest import make_app, signed_in
from tests.crud.tables import Album, Director, Movie, Track

ALL: Any = ["list", "read", "create", "update", "replace", "delete", "bulk", "options"]
SECRET = "zirconium"
"""Stands in what is another's."""


@pytest.fixture
def app(session: SessionAuth[User]) -> FastAPI:
    """Movies of their owners, albums with a version, and tracks of their owners' albums."""
    return _app(session)


@lru_cache
def _app(session: SessionAuth[User]) -> FastAPI:
    movies = Crud(
        Movie,
        session,
        write=[Movie.title, Movie.rating, Movie.director, Movie.pin],
        owner=Movie.owner,
        sees_all="admin",
        filters=[Movie.title, Movie.rating, Movie.director, Movie.owner],
        sort=[Movie.title, Movie.rating],
        search=[Movie.title],
        include=[Movie.director],
    )
    albums = Crud(
        Album,
        session,
        write=[Album.name],
        owner=Album.owner,
        filters=[Album.name],
        sort=[Album.name],
        search=[Album.name],
        include=[Track.album],
        version=Album.version,
    )
    tracks = Crud(
        Track,
        session,
        write=[Track.album, Track.title, Track.seconds],
        owner=Track.album.owner,
        filters=[Track.title, Track.album, Track.album.name],
        sort=[Track.title, Track.album.name],
        search=[Track.title, Track.album.name],
        include=[Track.album],
    )
    routers = {"movies": movies, "albums": albums, "tracks": tracks}
    return make_app(
        session, **{name: crud_router(crud, operations=ALL) for name, crud in routers.items()}
    )


@pytest.fixture
async def rows(people: dict[str, User]) -> dict[str, Any]:
    """The key of a row of Bob's in each table, and of one of Ada's."""
    director = Director(name="Varda")
    await director.save()
    found: dict[str, Any] = {}
    for name in ("bob", "ada"):
        owner = people[name].id
        title = SECRET if name == "bob" else "mine"
        movie = Movie(owner=owner, title=title, director=director.id, pin="1234")
        album = Album(owner=owner, name=title)
        await movie.save()
        await album.save()
        track = Track(album=album.id, title=title, seconds=7)
        await track.save()
        found[name] = {"movies": movie.id, "albums": str(album.id), "tracks": track.id}
    return found


@pytest.fixture
async def ada_client(app: FastAPI, rows: dict[str, Any]) -> AsyncIterator[httpx.AsyncClient]:
    """Ada's client."""
    async with signed_in(app, "ada") as client:
        yield client


async def dump() -> list[Any]:
    """All that is Bob's."""
    movies = await Movie.select().where(Movie.title == SECRET)
    albums = await Album.select().where(Album.name == SECRET)
    return [movies, albums, await Track.select().where(Track.title == SECRET)]


BODIES: dict[str, dict[str, Any]] = {
    "movies": {"title": "taken", "rating": 1},
    "albums": {"name": "taken"},
    "tracks": {"title": "taken"},
}


Asked = tuple[str, str, Any]


def requests_for(method: str, path: str, key: Any, mine: Any, body: Any) -> list[Asked]:
    """The requests of an operation that name a row, by path or in a body, and those that list."""
    if "{id}" in path:
        sent = body if method in {"patch", "put"} else None
        return [(method, path.replace("{id}", str(key)), sent)]
    if path.endswith("/_bulk") and method == "patch":
        return [(method, path, {"items": [{"id": mine, **body}, {"id": key, **body}]})]
    if path.endswith("/_bulk/delete"):
        return [(method, path, {"ids": [mine, key]})]
    if method == "post":
        return []  # it names rows by foreign keys only: see below
    assert method == "get", f"{method} {path} is not swept"
    return [(method, path, None)]


def sweep(app: FastAPI, key: Any, missing: Any, mine: Any) -> dict[str, list[Asked]]:
    """The requests that name a row of another and a missing row, by operation of OpenAPI."""
    found: dict[str, list[Asked]] = {}
    for path, item in app.openapi()["paths"].items():
        table = path.split("/")[1]
        if table == "auth":
            continue
        body = BODIES[table] | ({"album": mine["albums"]} if table == "tracks" else {})
        for method, operation in item.items():
            name = operation["operationId"]
            found[name] = [
                request
                for rows in (key, missing)
                for request in requests_for(method, path, rows[table], mine[table], body)
            ]
    return found


MISSING = {"movies": 99_999, "albums": "6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a11", "tracks": 99_999}


@pytest.mark.security(101)
async def test_sweep(
    app: FastAPI, ada_client: httpx.AsyncClient, rows: dict[str, Any], statements: list[str]
) -> None:
    """Another's row and none at all: the same bytes, by the same statements, and no change."""
    before = await dump()
    swept = sweep(app, rows["bob"], MISSING, rows["ada"])
    assert len(swept) == 3 * 10
    for name, asked in swept.items():
        answers = []
        for method, url, body in asked:
            statements.clear()
            answer = await ada_client.request(method, url, json=body)
            assert SECRET not in answer.text, name
            if not name.startswith("list"):
                assert answer.status_code == 404, (name, answer.text)
            answers.append((answer.status_code, answer.text, dict(answer.headers), [*statements]))
        assert not answers or answers[0] == answers[1], name
        assert before == await dump(), name
    mine = [await table.count() for table in (Movie, Album, Track)]
    assert mine == [2, 2, 2]


@pytest.mark.parametrize(
    "query",
    [
        "title={s}",
        "title__contains={s}",
        "q={s}",
        "sort=-title&limit=100",
        "count=exact&title={s}",
        "count=capped&q={s}",
        "fields=title",
        "include=director",
        "rating__gte=0",
    ],
)
async def test_lists(ada_client: httpx.AsyncClient, query: str) -> None:
    """No filter, order, count or include shows another's row."""
    answer = await ada_client.get("/movies?" + query.format(s=SECRET))
    assert answer.status_code == 200, answer.text
    assert SECRET not in answer.text
    found = answer.json()
    assert found.get("total", 0) == 0
    assert len(found["items"]) == (0 if SECRET in query.format(s=SECRET) else 1)


async def test_relations(
    ada_client: httpx.AsyncClient, rows: dict[str, Any], people: dict[str, User]
) -> None:
    """What is joined or returned along is in the scope of its own table, too."""
    # By hand: a track of Ada's album moves below Bob's, and one of Bob's below Ada's.
    [mine] = await Track.select().where(Track.title == "mine")
    answer = await ada_client.get(f"/albums/{rows['ada']['albums']}?include=tracks")
    assert [track["title"] for track in answer.json()["tracks"]] == ["mine"]
    answer = await ada_client.get("/tracks?include=album&sort=-album.name&q=mine")
    [track] = answer.json()["items"]
    assert track["album"]["id"] == rows["ada"]["albums"]
    for query in (f"album.name={SECRET}", f"album={rows['bob']['albums']}", f"q={SECRET}"):
        answer = await ada_client.get(f"/tracks?{query}")
        assert (answer.status_code, answer.json()["items"]) == (200, [])
    assert mine["id"] == rows["ada"]["tracks"]


@pytest.mark.security(101)
async def test_foreign_keys_in_bodies(
    ada_client: httpx.AsyncClient, rows: dict[str, Any], statements: list[str]
) -> None:
    """A foreign key to another's row is answered as one to nothing, and nothing is written."""
    before = await dump()
    own = rows["ada"]["tracks"]
    texts = []
    for album in (rows["bob"]["albums"], MISSING["albums"]):
        body = {"title": "x", "album": album}
        for method, url, sent in (
            ("POST", "/tracks", body),
            ("PATCH", f"/tracks/{own}", body),
            ("PUT", f"/tracks/{own}", body),
            ("POST", "/tracks/_bulk", {"items": [{"album": rows["ada"]["albums"]}, body]}),
            ("PATCH", "/tracks/_bulk", {"items": [{"id": own, **body}]}),
        ):
            statements.clear()
            answer = await ada_client.request(method, url, json=sent)
            assert answer.status_code == 422, (method, url, answer.text)
            [error] = answer.json()["detail"]
            assert (error["loc"][-1], error["type"]) == ("album", "row_missing")
            texts.append((answer.text, [*statements]))
    assert texts[:5] == texts[5:]
    assert before == await dump()
    assert await Track.count() == 2
    answer = await ada_client.patch(f"/tracks/{own}", json={"album": None})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "missing")
    answer = await ada_client.post("/tracks", json={"title": "nobody's"})
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (422, "missing")


async def test_cursor_of_another(
    app: FastAPI, ada_client: httpx.AsyncClient, people: dict[str, User]
) -> None:
    """A cursor says where a page begins, and never whose rows it has."""
    await Movie(owner=people["bob"].id, title=SECRET + "2").save()
    async with signed_in(app, "bob") as bob:
        theirs = (await bob.get("/movies?limit=1")).json()["next"]
    answer = await ada_client.get(f"/movies?limit=1&cursor={theirs}")
    assert answer.status_code == 200
    assert SECRET not in answer.text


async def test_owner_is_the_caller(
    ada_client: httpx.AsyncClient, people: dict[str, User], rows: dict[str, Any]
) -> None:
    """Creating sets the owner, and no body can."""
    answer = await ada_client.post("/movies", json={"title": "new"})
    assert answer.json()["owner"] == people["ada"].id
    for body in ({"owner": people["bob"].id}, {"id": 7}):
        answer = await ada_client.post("/movies", json={"title": "new", **body})
        assert answer.status_code == 422
        answer = await ada_client.patch(f"/movies/{rows['ada']['movies']}", json=body)
        assert answer.status_code == 422


async def test_secrets(ada_client: httpx.AsyncClient, rows: dict[str, Any]) -> None:
    """A secret is written if that is allowed, never read, and kept by PUT."""
    place = f"/movies/{rows['ada']['movies']}"
    row = (await ada_client.get(place)).json()
    assert "pin" not in row
    body = {name: row[name] for name in ("title", "rating", "director")}
    assert (await ada_client.put(place, json=body)).json() == row
    [stored] = await Movie.select(Movie.pin).where(Movie.id == rows["ada"]["movies"])
    assert stored == {"pin": "1234"}
    for query in ("sort=pin", "pin=1234", "fields=pin", "sort=director.salary"):
        assert (await ada_client.get(f"/movies?{query}")).status_code == 422
    answer = await ada_client.get("/movies?include=director")
    assert answer.json()["items"][0]["director"].keys() == {"id", "name"}


async def test_sees_all(app: FastAPI, rows: dict[str, Any], people: dict[str, User]) -> None:
    """The holder of a scope sees and changes the rows of all, where that was said."""
    async with signed_in(app, "grace") as grace:
        assert len((await grace.get("/movies")).json()["items"]) == 2
        found = await grace.get(f"/movies?owner={people['bob'].id}")
        assert [row["title"] for row in found.json()["items"]] == [SECRET]
        answer = await grace.patch(f"/movies/{rows['bob']['movies']}", json={"rating": 2})
        assert (answer.status_code, answer.json()["owner"]) == (200, people["bob"].id)
        assert (await grace.get("/albums")).json()["items"] == []


async def test_nobody(app: FastAPI) -> None:
    """Nobody who is not signed in gets anything, whichever the operation."""
    async with new_client(app) as client:
        for path, item in app.openapi()["paths"].items():
            if not path.startswith("/auth"):
                for method in (*item, "head"):
                    answer = await client.request(method, path.replace("{id}", "1"), json={})
                    assert answer.status_code in ({401} if method in item else {401, 405})


async def test_join_does_not_leak(
    ada_client: httpx.AsyncClient, rows: dict[str, Any], users: Users[User]
) -> None:
    """A row whose parent has become another's shows nothing of that parent."""
    # The album of Ada's track becomes Bob's: the track is no longer hers.
    [bob] = await User.select(User.id).where(User.username == "bob")
    await Album.update({Album.owner: bob["id"], Album.name: SECRET}).where(Album.name == "mine")
    answer = await ada_client.get("/tracks?include=album&sort=album.name")
    assert (answer.status_code, answer.json()["items"]) == (200, [])
    answer = await ada_client.get(f"/tracks/{rows['ada']['tracks']}?include=album")
    assert answer.status_code == 404
    assert re.search(SECRET, answer.text) is None


@pytest.mark.security(101)
@pytest.mark.parametrize("options", [{"public_read": True}, {"sees_all": "admin"}])
async def test_rows_below_those_of_another(
    session: SessionAuth[User], people: dict[str, User], rows: dict[str, Any], options: Any
) -> None:
    """Who reads another's album, or may change it as such, puts no tracks into it."""
    albums = Crud(Album, session, write=[Album.name], owner=Album.owner, **options)
    tracks = Crud(
        Track,
        session,
        write=[Track.title, Track.album],
        owner=Track.album.owner,
        related=[albums],
        include=[Track.album],
    )
    app = make_app(session, tracks=crud_router(tracks, operations=ALL))
    before = await dump()
    async with signed_in(app, "grace") as grace:
        own = Album(owner=people["grace"].id, name="hers")
        await own.save()
        answer = await grace.post("/tracks", json={"title": "t", "album": str(own.id)})
        assert answer.status_code == 201
        place, body = f"/tracks/{answer.json()['id']}", {"album": rows["bob"]["albums"]}
        for method, url, sent in (
            ("POST", "/tracks", body),
            ("PATCH", place, body),
            ("PUT", place, body),
            ("POST", "/tracks/_bulk", {"items": [body]}),
        ):
            answer = await grace.request(method, url, json=sent)
            assert answer.status_code == 422, (method, answer.text)
            assert answer.json()["detail"][0]["type"] == "row_missing"
    assert before == await dump()
    assert await Track.count() == 3


async def test_public_rows_stay_below_own_rows(
    session: SessionAuth[User], people: dict[str, User], rows: dict[str, Any]
) -> None:
    """If everybody may read tracks, users still put tracks only into their own albums."""
    tracks = Crud(
        Track,
        session,
        write=[Track.title, Track.album],
        owner=Track.album.owner,
        public_read=True,
    )
    app = make_app(session, tracks=crud_router(tracks))
    body = {"album": rows["bob"]["albums"]}
    async with signed_in(app, "ada") as ada:
        for method, url in (("POST", "/tracks"), ("PATCH", f"/tracks/{rows['ada']['tracks']}")):
            answer = await ada.request(method, url, json=body)
            assert answer.status_code == 422, answer.text
            assert answer.json()["detail"][0]["type"] == "row_missing"
    assert await Track.count().where(Track.album == rows["bob"]["albums"]) == 1


async def test_public_rows_do_not_show_their_owners(
    session: SessionAuth[User], people: dict[str, User], rows: dict[str, Any]
) -> None:
    """If everybody may read all movies, a filter by e-mail address finds only one's own."""
    movies = Crud(Movie, session, owner=Movie.owner, public_read=True, filters=[Movie.owner.email])
    app = make_app(session, movies=crud_router(movies))
    async with signed_in(app, "ada") as ada:
        assert len((await ada.get("/movies")).json()["items"]) == 2
        for email, count in (("bob@example.com", 0), (people["ada"].email, 1)):
            found = (await ada.get("/movies", params={"owner.email": email})).json()["items"]
            assert len(found) == count


async def test_sees_all_applies_to_related_rows(
    session: SessionAuth[User], people: dict[str, User], rows: dict[str, Any]
) -> None:
    """A caller with the scope of `sees_all` also sees the children and the owners of all rows."""
    albums = Crud(
        Album,
        session,
        owner=Album.owner,
        sees_all="admin",
        include=[Track.album],
        filters=[Album.owner.email],
    )
    app = make_app(session, albums=crud_router(albums))
    for name, count in (("grace", 2), ("ada", 1)):
        async with signed_in(app, name) as client:
            found = (await client.get("/albums?include=tracks")).json()["items"]
            assert [len(one["tracks"]) for one in found] == [1] * count
            query = {"owner.email": "bob@example.com"}
            assert len((await client.get("/albums", params=query)).json()["items"]) == count - 1
