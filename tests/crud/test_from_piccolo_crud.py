"""The page for who comes from PiccoloCRUD: one table, served by both libraries, asked the same."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo_api.crud.endpoints import PiccoloCRUD
from piccolo_api.fastapi.endpoints import FastAPIWrapper

from piccolo_api_fastapi import SessionAuth, User, crud_router
from tests.crud.conftest import make_app, signed_in
from tests.crud.tables import Album, Track

# What Piccolo says when piccolo-api filters texts on SQLite.
pytestmark = pytest.mark.filterwarnings("ignore:.*doesn't support ILIKE.*:Warning")


@pytest.fixture
def app(session: SessionAuth[User]) -> FastAPI:
    """An application that is on its way."""
    new = crud_router(
        Track,
        session,
        write=[Track.title, Track.seconds, Track.album],
        filters=[Track.title, Track.seconds, Track.album.name],
        sort=[Track.title, Track.seconds],
        search=[Track.title],
        include=[Track.album],
        operations=["list", "read", "create", "update", "replace", "delete", "bulk", "options"],
        name="NewTrack",
        owner=Track.album.owner,
    )
    app = make_app(session, new=new)
    FastAPIWrapper("/old/", app, PiccoloCRUD(Track, read_only=False, page_size=50, max_joins=1))
    return app


@pytest.fixture
async def client(app: FastAPI, ada: User, database: Any) -> AsyncIterator[httpx.AsyncClient]:
    """Who is signed in, with some tracks."""
    album = Album(name="Kind of Blue", owner=ada)
    await album.save()
    for number in range(1, 7):
        await Track(title=f"Track {number}", seconds=number, album=album).save()
    async with signed_in(app, "ada") as client:
        yield client


def _titles(rows: list[dict[str, Any]]) -> list[str]:
    return [row["title"] for row in rows]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("__order=title", "sort=title"),
        ("title=Track 3", "title__contains=Track 3"),
        ("title=track&title__match=starts&__order=title", "title__starts=track&sort=title"),
        ("title=3&title__match=ends", "title__ends=3"),
        ("title=Track 3&title__match=exact", "title=Track 3"),
        ("seconds=3&seconds__operator=gte&__order=seconds", "seconds__gte=3&sort=seconds"),
        ("seconds=3&seconds__operator=ne&__order=-seconds", "seconds__ne=3&sort=-seconds"),
        ("__order=-seconds,title&__page_size=2", "sort=-seconds,title&limit=2"),
    ],
)
async def test_queries(client: httpx.AsyncClient, old: str, new: str) -> None:
    """Each query of the page gives the same rows."""
    before = (await client.get(f"/old/?{old}")).json()["rows"]
    after = (await client.get(f"/new?{new}")).json()["items"]
    assert before
    assert _titles(after) == _titles(before)


async def test_reading(client: httpx.AsyncClient) -> None:
    """Counts, columns, joins, pages, and one row."""
    page = (await client.get("/new?count=exact&limit=2&sort=title")).json()
    count = (await client.get("/old/count/")).json()["count"]
    assert page["total"] == count == 6
    second = (await client.get("/old/?__page=2&__page_size=2&__order=title")).json()["rows"]
    more = f"/new?count=exact&limit=2&sort=title&cursor={page['next']}"
    assert _titles((await client.get(more)).json()["items"]) == _titles(second)
    key = page["items"][0]["id"]
    old = (await client.get(f"/old/{key}/")).json()
    new = (await client.get(f"/new/{key}")).json()
    shared = old.keys() & new.keys()
    assert {"title", "seconds"} <= shared
    assert {name: old[name] for name in shared} == {name: new[name] for name in shared}
    joined = (await client.get("/old/?__visible_fields=title,album.name")).json()["rows"][0]
    included = (await client.get(f"/new/{key}?include=album")).json()
    assert joined["album"]["name"] == included["album"]["name"] == "Kind of Blue"
    fields = (await client.get("/new?fields=id,title&limit=1")).json()["items"][0]
    assert fields.keys() == {"id", "title"}
    ids = (await client.get("/old/ids/?search=3")).json()
    options = (await client.get("/new/_options?q=Track 3")).json()["items"]
    assert len(options) == 1
    assert isinstance(ids, dict)


async def test_writing(client: httpx.AsyncClient) -> None:
    """Rows are made, changed and deleted; the answers are those of the page."""
    album = await Album.select(Album.id).first()
    body = {"title": "New", "seconds": 3, "album": str(album["id"])}  # type: ignore[index]
    made = await client.post("/new", json=body)
    assert (made.status_code, made.json()["title"]) == (201, "New")
    key = made.json()["id"]
    assert (await client.patch(f"/new/{key}", json={"seconds": 4})).json()["seconds"] == 4
    replaced = await client.put(f"/new/{key}", json={**body, "title": "Whole"})
    assert (replaced.status_code, replaced.json()["title"]) == (200, "Whole")
    assert [(await client.delete(f"/new/{key}")).status_code for _ in range(2)] == [204, 404]
    keys = await Track.select(Track.id).limit(2).output(as_list=True)
    gone = await client.post("/new/_bulk/delete", json={"ids": keys})
    assert gone.status_code == 200
    assert await Track.count() == 4


async def test_what_is_refused(client: httpx.AsyncClient) -> None:
    """An unknown parameter is named, and strangers get nothing of the new routes."""
    answer = await client.get("/new?__page=2")
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["query", "__page"])
    client.cookies.clear()
    assert (await client.get("/old/")).status_code == 200
    assert (await client.get("/new")).status_code == 401


def test_every_route_has_a_successor(app: FastAPI) -> None:
    """The page names each route that piccolo-api adds."""
    page = Path(__file__, "../../../docs/migrating_crud.md").resolve().read_text("utf-8")
    old = {path.removeprefix("/old") for path in app.openapi()["paths"] if "/old" in path}
    named = {path.replace("{row_id}", "{id}").rstrip("/") for path in old}
    missing = {path for path in named if f"{path}/" not in page}
    assert missing == set()
