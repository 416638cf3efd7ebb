"""Schemathesis sends tables what their OpenAPI allows and what it forbids, with all its checks."""

from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, settings

from piccolo_api_fastapi import Cookie, SessionAuth, Users, crud_router, install, session_router
from tests.conftest import PASSWORD, log_in, new_client
from tests.crud.tables import Album, Director, Everything, Movie, Track
from tests.pooled import OpensPools

ALL: Any = ["list", "read", "create", "update", "replace", "delete", "bulk", "options"]

users = Users()
session = SessionAuth(users, cookie=Cookie.insecure_for_http_on_localhost())

app = FastAPI()
install(app, check_tables=False)  # the database comes with the tests
app.include_router(session_router(session), prefix="/auth")
for path, router in {
    "movies": crud_router(
        Movie,
        session,
        write=[Movie.title, Movie.rating, Movie.genre, Movie.director, Movie.released, Movie.notes],
        owner=Movie.owner,
        filters=[Movie.title, Movie.rating, Movie.released, Movie.director.name],
        sort=[Movie.rating, Movie.released, Movie.director.name],
        search=[Movie.title],
        include=[Movie.director],
        operations=ALL,
    ),
    "albums": crud_router(
        Album,
        session,
        write=[Album.name],
        owner=Album.owner,
        version=Album.version,
        include=[Track.album],
        require_match=True,
        filters=[Album.id],
    ),
    "directors": crud_router(
        Director, session, write=[Director.name], operations=ALL, paging="offset"
    ),
    "everything": crud_router(
        Everything,
        session,
        write=[
            column
            for column in Everything._meta.columns
            if not column._meta.primary_key and column._meta.name != "director"
        ],
        filters=Everything._meta.columns,
    ),
}.items():
    app.include_router(router, prefix=f"/{path}")
app.add_middleware(OpensPools)


def make_schema(path: str) -> Any:
    """The operations of some tables, and what an answer to valid data may be."""
    schema = schemathesis.openapi.from_asgi("/openapi.json", app)
    # Keys of rows can't be guessed, and values have rules that no schema says: a cursor is that of
    # its list, a foreign key leads to a row, a date is one of the calendar.
    expected = ["2xx", "304", "404", "409", "412", "422"]
    schema.config.checks.positive_data_acceptance.expected_statuses = expected
    # RFC 6585 has a status of its own for this header.
    schema.config.checks.missing_required_header.expected_statuses = ["401", "422", "428"]
    schema.config.generation.update(allow_x00=False, with_security_parameters=False)
    return schema.include(path_regex=path)


bounded = settings(
    max_examples=10,
    derandomize=True,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.usefixtures("unlimited"),
    pytest.mark.parametrize("database", ["postgres"], indirect=True),  # it takes less than SQLite
]

schema = make_schema("^/(movies|albums|directors|everything)")


@pytest.fixture
async def headers(pooled: None) -> dict[str, str]:
    """What a person sends who is signed in."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    async with new_client(app) as client:
        await log_in(client)
        cookies = "; ".join(f"{name}={text}" for name, text in client.cookies.items())
    return {"Cookie": cookies}


@schema.parametrize()  # type: ignore[untyped-decorator]
@bounded
def test_tables(case: Any, headers: dict[str, str]) -> None:
    """Whatever is sent: no 5xx, nothing undocumented, and no answer against its schema."""
    case.call_and_validate(headers=headers)
