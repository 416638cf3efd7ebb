"""Creating, changing and deleting: statuses, entity tags, bulk requests and what a refusal says."""

from functools import lru_cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import SessionAuth, User, crud_router
from tests.crud.conftest import make_app
from tests.crud.tables import Album, Country, Director, Movie

ALL: Any = ["list", "read", "create", "update", "replace", "delete", "bulk", "options"]


@pytest.fixture
def app(session: SessionAuth[User]) -> FastAPI:
    """Directors, movies, albums and countries."""
    return _app(session)


@lru_cache
def _app(session: SessionAuth[User]) -> FastAPI:
    return make_app(
        session,
        directors=crud_router(Director, session, write=[Director.name], operations=ALL, max_bulk=3),
        movies=crud_router(
            Movie,
            session,
            write=[Movie.title, Movie.rating, Movie.genre, Movie.director, Movie.notes],
            owner=Movie.owner,
            operations=ALL,
        ),
        albums=crud_router(
            Album,
            session,
            write=[Album.name],
            owner=Album.owner,
            version=Album.version,
            require_match=True,
            operations=["read", "create", "update", "replace", "delete"],
        ),
        countries=crud_router(
            Country, session, create=[Country.code, Country.name], update=[Country.name]
        ),
    )


async def test_defaults(client: httpx.AsyncClient) -> None:
    """What is left out gets the default of its column, by PUT as well."""
    answer = await client.post("/movies", json={"title": "a"})
    row = answer.json()
    assert (row["rating"], row["genre"], row["director"], row["notes"]) == (5, "d", None, None)
    assert answer.headers["cache-control"] == "private, no-cache"
    place = answer.headers["location"]
    await client.patch(place, json={"rating": 9, "notes": "null"})
    assert (await client.get(place)).json()["notes"] == "null"
    assert (await client.put(place, json={"title": "a"})).json() == row


async def test_null(client: httpx.AsyncClient) -> None:
    """Null is stored where the column has null, and refused elsewhere."""
    place = (await client.post("/movies", json={"title": "a", "notes": "x"})).headers["location"]
    assert (await client.patch(place, json={"notes": None})).json()["notes"] is None
    for name in ("title", "rating", "genre"):
        answer = await client.patch(place, json={name: None})
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["body", name]


async def test_choices(client: httpx.AsyncClient, app: FastAPI) -> None:
    """Choices are enforced, and OpenAPI lists them."""
    assert (await client.post("/movies", json={"title": "a", "genre": "c"})).status_code == 201
    assert (await client.post("/movies", json={"title": "a", "genre": "z"})).status_code == 422
    schema = app.openapi()["components"]["schemas"]["MovieCreate"]["properties"]
    assert schema["genre"]["enum"] == ["d", "c"]
    assert schema["genre"]["default"] == "d"
    assert schema["title"]["description"] == "What the poster says."


async def test_nothing_to_change(client: httpx.AsyncClient, statements: list[str]) -> None:
    """An empty change is the row as it is; with `If-Match` it is compared."""
    made = await client.post("/movies", json={"title": "a"})
    place, tag = made.headers["location"], made.headers["etag"]
    assert (await client.patch(place, json={})).json() == made.json()
    assert (await client.patch(place, json={}, headers={"If-Match": tag})).status_code == 200
    assert (await client.patch(place, json={}, headers={"If-Match": '"x"'})).status_code == 412
    assert (await client.patch("/movies/999", json={})).status_code == 404


async def test_taken(client: httpx.AsyncClient) -> None:
    """A unique value that is taken is a 409 that names the field, not the constraint."""
    await client.post("/directors", json={"name": "Varda"})
    other = (await client.post("/directors", json={"name": "Akerman"})).headers["location"]
    for answer in (
        await client.post("/directors", json={"name": "Varda"}),
        await client.patch(other, json={"name": "Varda"}),
    ):
        assert answer.status_code == 409
        found = answer.json()
        assert (found["code"], found["fields"]) == ("value_taken", ["name"])
        assert "crud_" not in answer.text
        assert "_key" not in answer.text


async def test_in_use(client: httpx.AsyncClient) -> None:
    """A row that others refer to is a 409 if the database keeps it for them."""
    made = await client.post("/directors", json={"name": "Varda"})
    director = made.json()["id"]
    await client.post("/movies", json={"title": "a", "director": director})
    answer = await client.delete(made.headers["location"])
    assert (answer.status_code, answer.json()["code"]) == (409, "in_use")
    assert "crud_" not in answer.text
    answer = await client.post("/directors/_bulk/delete", json={"ids": [director]})
    assert (answer.status_code, answer.json()["loc"]) == (409, ["body", "ids", 0])


async def test_bulk_says_which(client: httpx.AsyncClient) -> None:
    """An error of a bulk request has the place of its row; nothing of it is written."""
    made = [
        (await client.post("/directors", json={"name": name})).json()["id"] for name in ("a", "b")
    ]
    items: list[dict[str, Any]] = [{"name": "c"}, {"name": "a"}]
    answer = await client.post("/directors/_bulk", json={"items": items})
    found = answer.json()
    assert (answer.status_code, found["fields"]) == (409, ["name"])
    assert found["loc"] == ["body", "items", 1]
    items = [{"id": made[0], "name": "x"}, {"id": 999, "name": "y"}]
    answer = await client.patch("/directors/_bulk", json={"items": items})
    assert (answer.status_code, answer.json()["loc"]) == (404, ["body", "items", 1])
    answer = await client.post("/directors/_bulk/delete", json={"ids": [made[0], 999]})
    assert (answer.status_code, answer.json()["loc"]) == (404, ["body", "ids", 1])
    items = [{"name": "c"}, {"name": "x" * 60}]
    answer = await client.post("/directors/_bulk", json={"items": items})
    assert answer.status_code == 422
    assert answer.json()["detail"][0]["loc"] == ["body", "items", 1, "name"]
    items = [{"title": "a"}, {"title": "b", "director": 999}]
    answer = await client.post("/movies/_bulk", json={"items": items})
    assert answer.json()["detail"][0]["loc"] == ["body", "items", 1, "director"]
    assert [row["name"] for row in await Director.select().order_by(Director.id)] == ["a", "b"]
    assert await Movie.count() == 0


@pytest.mark.parametrize("number", [0, 4])
async def test_bulk_size(client: httpx.AsyncClient, number: int) -> None:
    """A bulk request has at least one row, and no more than `max_bulk`."""
    for path, body in (
        ("/directors/_bulk", {"items": [{"name": str(n)} for n in range(number)]}),
        ("/directors/_bulk/delete", {"ids": list(range(number))}),
    ):
        assert (await client.post(path, json=body)).status_code == 422
    items = {"items": [{"id": n, "name": str(n)} for n in range(number)]}
    assert (await client.patch("/directors/_bulk", json=items)).status_code == 422


async def test_no_deletion_without_keys(client: httpx.AsyncClient) -> None:
    """There is no way to delete or change rows that are not named."""
    await client.post("/directors", json={"name": "a"})
    for method in ("DELETE", "PATCH", "PUT"):
        assert (await client.request(method, "/directors?limit=1")).status_code == 405
    assert (await client.post("/directors/_bulk/delete", json={})).status_code == 422
    assert await Director.count() == 1


@pytest.mark.parametrize(
    ("tag", "status"),
    [
        ("{}", 200),
        ("*", 200),
        ('"a", {}', 200),
        ('"a"', 412),
        ("nope", 412),
        ("W/{}", 412),
        ('"v999999999999999999"', 412),
        ('"v99999999999999999999999"', 412),
        ("", 412),
    ],
)
@pytest.mark.parametrize("table", ["movies", "albums"])
async def test_if_match(client: httpx.AsyncClient, table: str, tag: str, status: int) -> None:
    """A change is made only to a row that has the tag."""
    body = {"title": "a"} if table == "movies" else {"name": "a"}
    made = await client.post(f"/{table}", json=body)
    place = made.headers["location"]
    headers = {"If-Match": tag.format(made.headers["etag"])}
    answer = await client.patch(place, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    made = await client.get(place)
    headers = {"If-Match": tag.format(made.headers["etag"])}
    answer = await client.put(place, json=body, headers=headers)
    assert answer.status_code == status, answer.text
    made = await client.get(place)
    headers = {"If-Match": tag.format(made.headers["etag"])}
    answer = await client.delete(place, headers=headers)
    assert answer.status_code == (204 if status == 200 else 412)
    answer = await client.delete(place.rsplit("/", 1)[0] + "/999", headers=headers)
    assert answer.status_code == (404 if table == "movies" else 422)


async def test_match_is_required(client: httpx.AsyncClient) -> None:
    """With `require_match`, a change without `If-Match` is a 428."""
    place = (await client.post("/albums", json={"name": "a"})).headers["location"]
    for method, body in (("PATCH", {"name": "b"}), ("PUT", {"name": "b"}), ("DELETE", None)):
        answer = await client.request(method, place, json=body)
        assert (answer.status_code, answer.json()["code"]) == (428, "precondition_required")


async def test_version(client: httpx.AsyncClient) -> None:
    """Each change counts the version up, which is the entity tag."""
    made = await client.post("/albums", json={"name": "a"})
    assert made.status_code == 201, made.text
    assert (made.json()["version"], made.headers["etag"]) == (1, '"v1"')
    headers = {"If-Match": '"v1"'}
    answer = await client.patch(made.headers["location"], json={"name": "b"}, headers=headers)
    assert (answer.json()["version"], answer.headers["etag"]) == (2, '"v2"')
    answer = await client.patch(
        made.headers["location"], json={"version": 7}, headers={"If-Match": "*"}
    )
    assert answer.status_code == 422
    answer = await client.patch(made.headers["location"], json={}, headers=headers)
    assert answer.status_code == 412


async def test_not_modified(client: httpx.AsyncClient) -> None:
    """`If-None-Match` spares a client what it has; narrowed and widened rows have no tag."""
    made = await client.post("/movies", json={"title": "a"})
    place, tag = made.headers["location"], made.headers["etag"]
    for known in (tag, "*", f'"x", W/{tag}'):
        answer = await client.get(place, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content) == (304, b"")
        assert answer.headers["etag"] == tag
    answer = await client.get(place, headers={"If-None-Match": '"x"'})
    assert answer.status_code == 200
    answer = await client.get(f"{place}?fields=title", headers={"If-None-Match": tag})
    assert (answer.status_code, answer.json()) == (200, {"id": made.json()["id"], "title": "a"})
    assert "etag" not in answer.headers
    assert answer.headers["cache-control"] == "no-store"


async def test_head(client: httpx.AsyncClient) -> None:
    """`HEAD` has the headers of `GET`, and no body."""
    place = (await client.post("/movies", json={"title": "a"})).headers["location"]
    for url in ("/movies", place, "/movies/_options", "/movies/999"):
        get, head = await client.get(url), await client.head(url)
        assert (get.status_code, dict(get.headers)) == (head.status_code, dict(head.headers))
        assert head.content == b""


async def test_methods(client: httpx.AsyncClient) -> None:
    """A 405 names all methods of the path."""
    answer = await client.post("/movies/1", json={})
    assert (answer.status_code, answer.headers["allow"]) == (405, "DELETE, GET, HEAD, PATCH, PUT")
    answer = await client.delete("/movies")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")
    answer = await client.put("/movies/_options", json={"title": "a"})
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD")
    assert answer.headers["content-type"] == "application/problem+json"
    assert (await client.get("/movies/_bulk")).headers["allow"] == "PATCH, POST"
    assert (await client.options("/movies/_bulk")).headers["allow"] == "PATCH, POST"


@pytest.mark.parametrize(
    "key", ["1_0", "%D9%A1", "%201", "+1", "1.0", "01", "9" * 30, "x", "2147483648", "%00"]
)
async def test_keys(client: httpx.AsyncClient, key: str) -> None:
    """A key that is no whole number is a 422, whether it is there or not."""
    for method in ("GET", "PATCH", "PUT", "DELETE"):
        body = {"title": "x"} if method in {"PATCH", "PUT"} else None
        answer = await client.request(method, f"/movies/{key}", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"][0]["loc"] == ["path", "id"]


async def test_text_keys(client: httpx.AsyncClient) -> None:
    """A key that people choose is quoted in its place; one that begins with _ is that of no row."""
    for code in ("new", "count", "ids", "a b", "é?#"):
        made = await client.post("/countries", json={"code": code})
        assert made.status_code == 201
        assert (await client.get(made.headers["location"])).json()["code"] == code
        answer = await client.patch(made.headers["location"], json={"name": code})
        assert answer.json() == {"code": code, "name": code}
    answer = await client.post("/countries", json={"code": "new"})
    assert answer.status_code == 409
    assert (await client.patch("/countries/new", json={"code": "old"})).status_code == 422
    for path in ("/countries/_x", "/countries/_bulk", "/countries/_options"):
        assert (await client.get(path)).status_code == 404
    assert (await client.get("/countries/%00")).status_code == 422


async def test_sizes(client: httpx.AsyncClient) -> None:
    """Bodies of tables may be larger than those of logins, and still have a limit."""
    answer = await client.post("/movies", json={"title": "a", "notes": "x" * 100_000})
    assert answer.status_code == 201
    answer = await client.post("/movies", json={"title": "a", "notes": "x" * 1_100_000})
    assert answer.status_code == 413
    answer = await client.post("/movies", content=b"{}", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


async def test_statements(client: httpx.AsyncClient, statements: list[str]) -> None:
    """Each operation is one statement, beside that of the session."""
    made = await client.post("/movies", json={"title": "a"})
    place, tag = made.headers["location"], made.headers["etag"]
    versioned = await client.post("/albums", json={"name": "a"})
    counts = {}
    for name, method, url, body, headers in (
        ("create", "POST", "/movies", {"title": "b"}, {}),
        ("list", "GET", "/movies", None, {}),
        ("count", "GET", "/movies?count=exact", None, {}),
        ("read", "GET", place, None, {}),
        ("change", "PATCH", place, {"title": "a"}, {}),
        ("match", "PATCH", place, {"title": "a"}, {"If-Match": tag}),
        ("version", "PATCH", versioned.headers["location"], {"name": "b"}, {"If-Match": '"v1"'}),
        ("delete", "DELETE", place, None, {}),
        ("missing", "PATCH", place, {"title": "a"}, {}),
    ):
        statements.clear()
        await client.request(method, url, json=body, headers=headers)
        counts[name] = len([text for text in statements if "auth_session" not in text])
    assert counts == {
        "create": 1,
        "list": 1,
        "count": 2,
        "read": 1,
        "change": 1,
        "match": 2,
        "version": 1,
        "delete": 1,
        "missing": 2,
    }
