"""OpenAPI of tables: names, statuses, parameters, models; and it is valid."""

from functools import lru_cache
from typing import Any

import pytest
from fastapi import FastAPI
from openapi_spec_validator import OpenAPIV31SpecValidator

from piccolo_api_fastapi import RateLimit, SessionAuth, User, crud_router
from tests.conftest import reaches_no_sql
from tests.crud.conftest import make_app
from tests.crud.tables import Album, Everything, Movie, Track

ALL: Any = ["list", "read", "create", "update", "replace", "delete", "bulk", "options"]

pytestmark = reaches_no_sql


@pytest.fixture
def document(session: SessionAuth[User]) -> dict[str, Any]:
    """The document of an application with several tables."""
    return _app(session).openapi()


@lru_cache
def _app(session: SessionAuth[User]) -> FastAPI:
    return make_app(
        session,
        movies=crud_router(
            Movie,
            session,
            write=[Movie.title, Movie.rating, Movie.genre, Movie.director, Movie.pin],
            owner=Movie.owner,
            filters=[Movie.rating, Movie.title],
            sort=[Movie.rating],
            search=[Movie.title],
            include=[Movie.director],
            permissions={"delete": "movies:write"},
            operations=ALL,
            limit=RateLimit("100/minute", scope="movies"),
        ),
        albums=crud_router(
            Album,
            session,
            write=[Album.name],
            owner=Album.owner,
            version=Album.version,
            require_match=True,
            include=[Track.album],
        ),
        everything=crud_router(Everything, session),
    )


def test_valid(document: dict[str, Any]) -> None:
    """The document is valid, and has no keys of its own in schemas."""
    OpenAPIV31SpecValidator(document).validate()
    assert "'extra'" not in str(document)


@pytest.mark.parametrize(
    ("path", "method", "name", "statuses"),
    [
        ("/movies", "get", "list_movies", "200 401 403 413 422 429 503"),
        ("/movies", "post", "create_movie", "201 401 403 409 413 415 422 429 503"),
        ("/movies/{id}", "get", "get_movie", "200 304 401 403 404 413 422 429 503"),
        ("/movies/{id}", "patch", "update_movie", "200 401 403 404 409 412 413 415 422 429 503"),
        ("/movies/{id}", "put", "replace_movie", "200 401 403 404 409 412 413 415 422 429 503"),
        ("/movies/{id}", "delete", "delete_movie", "204 401 403 404 409 412 413 422 429 503"),
        ("/movies/_bulk", "post", "create_movies", "201 401 403 409 413 415 422 429 503"),
        ("/movies/_bulk", "patch", "update_movies", "200 401 403 404 409 413 415 422 429 503"),
        (
            "/movies/_bulk/delete",
            "post",
            "delete_movies",
            "200 401 403 404 409 413 415 422 429 503",
        ),
        ("/movies/_options", "get", "list_movie_options", "200 401 403 413 422 429 503"),
        ("/albums/{id}", "patch", "update_album", "200 401 403 404 409 412 413 415 422 428 503"),
    ],
)
def test_operations(
    document: dict[str, Any], path: str, method: str, name: str, statuses: str
) -> None:
    """Each operation has its name and the statuses that it can answer."""
    operation = document["paths"][path][method]
    assert operation["operationId"] == name
    assert " ".join(sorted(operation["responses"])) == statuses
    assert operation["tags"] == [path.split("/")[1]]
    scopes = ["movies:write"] if method == "delete" or path.endswith("delete") else []
    assert operation["security"] == [{"Session": scopes}]
    assert operation["summary"]
    assert operation["description"]


def test_parameters(document: dict[str, Any]) -> None:
    """All parameters of a list are there, with their types."""
    found = {one["name"]: one for one in document["paths"]["/movies"]["get"]["parameters"]}
    assert set(found) == {
        "rating",
        "rating__ne",
        "rating__in",
        "rating__lt",
        "rating__lte",
        "rating__gt",
        "rating__gte",
        "title",
        "title__ne",
        "title__in",
        "title__contains",
        "title__starts",
        "title__ends",
        "q",
        "sort",
        "limit",
        "cursor",
        "fields",
        "include",
        "count",
    }
    assert found["rating__gte"]["schema"]["type"] == "integer"
    assert found["sort"]["schema"]["items"]["enum"] == ["rating", "-rating"]
    assert (found["sort"]["explode"], found["rating__in"]["explode"]) == (False, True)
    assert found["limit"]["schema"]["maximum"] == 100
    assert all(one["description"].endswith(".") for one in found.values())
    [key] = document["paths"]["/movies/{id}"]["delete"]["parameters"][:1]
    assert (key["name"], key["schema"]["type"], key["schema"]["maximum"]) == (
        "id",
        "integer",
        2**31 - 1,
    )
    [match] = document["paths"]["/albums/{id}"]["patch"]["parameters"][1:]
    assert (match["name"], match["required"]) == ("If-Match", True)


def test_models(document: dict[str, Any]) -> None:
    """What is read and what is written, with defaults, choices and what may be null."""
    schemas = document["components"]["schemas"]
    movie, create, update = (schemas[f"Movie{kind}"] for kind in ("", "Create", "Update"))
    assert "pin" not in movie["properties"]
    assert set(movie["required"]) == movie["properties"].keys()
    assert create["required"] == ["title"]
    assert create["additionalProperties"] is False
    assert create["properties"]["rating"]["default"] == 5
    assert create["properties"]["genre"]["enum"] == ["d", "c"]
    assert "required" not in update
    assert "default" not in update["properties"]["rating"]
    assert {"type": "null"} in update["properties"]["director"]["anyOf"]
    assert "anyOf" not in update["properties"]["rating"]
    view = schemas["MovieView"]
    assert "required" not in view
    assert {"$ref": "#/components/schemas/MovieDirector"} in view["properties"]["director"]["anyOf"]
    assert "salary" not in schemas["MovieDirector"]["properties"]
    assert schemas["AlbumView"]["properties"]["tracks"]["type"] == "array"
    page = schemas["MoviePage"]
    assert page["required"] == ["items", "next"]
    assert all("Column" not in part.get("title", "") for part in movie["properties"].values())
