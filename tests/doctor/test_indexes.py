"""The check of indexes."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from fastapi import FastAPI
from piccolo.columns import Boolean, ForeignKey, Integer, Text, Varchar
from piccolo.table import Table

from piccolo_api_fastapi import SessionAuth, User, crud_router
from tests.doctor.examining import found, severities


class DoctorStudio(Table):
    """A studio."""

    name = Varchar()
    city = Varchar(index=True)


class DoctorFilm(Table):
    """A film of a studio."""

    title = Varchar(index=True)
    summary = Text()
    rating = Integer(db_column_name="stars")
    is_seen = Boolean()
    studio = ForeignKey(DoctorStudio)


class DoctorShelf(Table):
    """A shelf of a user."""

    owner = ForeignKey(User)


class DoctorDisc(Table):
    """A disc on a shelf."""

    shelf = ForeignKey(DoctorShelf, index=True)


@pytest.fixture
async def films(database: Any) -> AsyncIterator[None]:
    """Both tables, in the test database."""
    for table in (DoctorStudio, DoctorFilm):
        table._meta._db = database
        await table.create_table()
    yield
    for table in (DoctorFilm, DoctorStudio):
        await table.alter().drop_table()


def app_of(**options: Any) -> FastAPI:
    """An application with the routes of films."""
    app = FastAPI()
    app.include_router(crud_router(DoctorFilm, SessionAuth(), **options), prefix="/films")
    return app


async def test_indexes(films: None) -> None:
    """Columns that begin no index, perhaps of a joined table; not those that are only searched."""
    film: Any = DoctorFilm
    app = app_of(
        filters=[film.id, film.title, film.is_seen, film.rating, film.studio.name],
        sort=[film.rating, film.title, film.studio.city],
        search=[film.summary],
    )
    [line] = await found(app, "indexes")
    assert line.startswith(
        "warning: Requests filter or sort DoctorFilm by rating, studio.name, with which no index"
    )


async def test_owners(database: Any) -> None:
    """The columns that lead to the owner are in the condition of each list that is not public."""
    tables: list[Any] = [DoctorShelf, DoctorDisc]
    for table in tables:
        table._meta._db = database
        await table.create_table()
    app, public = FastAPI(), FastAPI()
    owner = DoctorDisc.shelf.owner
    app.include_router(crud_router(DoctorDisc, SessionAuth(), owner=owner), prefix="/discs")
    shown = crud_router(DoctorDisc, SessionAuth(), owner=owner, public_read=True)
    public.include_router(shown, prefix="/discs")
    [line] = await found(app, "indexes")
    assert line.startswith("warning: Requests filter or sort DoctorDisc by shelf.owner, with")
    assert await severities(public, "indexes") == ["ok"]
    for table in reversed(tables):
        await table.alter().drop_table()


async def test_a_table_that_does_not_exist(database: Any) -> None:
    """It is an error, and nothing is said about its indexes."""
    DoctorFilm._meta._db = database
    app = app_of()
    [users, films] = await found(app, "tables")
    assert users == "ok: All tables for User exist."
    assert films.startswith("error: The table doctor_film can't be read (")
    assert await found(app, "indexes") == []


async def test_all_indexed(films: None, database: Any) -> None:
    """An index that begins with the column will do, whoever made it."""
    await DoctorFilm.raw('CREATE INDEX doctor_film_stars ON doctor_film ("stars", "title")')
    app = app_of(filters=[DoctorFilm.rating], sort=[DoctorFilm.title])
    assert await found(app, "indexes") == ["ok: All filters and sorts of DoctorFilm have an index."]
    await DoctorFilm.raw("DROP INDEX doctor_film_stars")
    await DoctorFilm.raw('CREATE INDEX doctor_film_titles ON doctor_film ("title", "stars")')
    [line] = await found(app, "indexes")
    assert line.startswith("warning: ")
