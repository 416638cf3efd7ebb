"""Models of the application that hide a part of a value: nothing shows the rest."""

from typing import Any

import pytest
from pydantic import BaseModel, Field, computed_field, field_serializer, field_validator

from piccolo_api_fastapi import ConfigurationError, Crud, SessionAuth, User, crud_router
from tests.crud.conftest import make_app, signed_in
from tests.crud.tables import Director, Movie


class DirectorOut(BaseModel):
    """A director, by initial."""

    id: int
    name: str

    @field_serializer("name")
    def mask(self, name: str) -> str:
        """The initial."""
        return name[0] + "."


class MovieOut(BaseModel):
    """A movie whose notes are not for all."""

    id: int
    title: str = Field(serialization_alias="called")
    notes: str | None
    director: int | None

    @field_validator("notes")
    @classmethod
    def mask(cls, notes: str | None) -> str | None:
        """How many words there are."""
        return None if notes is None else f"{len(notes.split())} words"

    @computed_field  # type: ignore[prop-decorator]
    @property
    def shout(self) -> str:
        """The title, loud."""
        return self.title.upper()


@pytest.mark.security(101)
async def test_masks(session: SessionAuth[User], ada: User) -> None:
    """The model makes what is shown, whether some fields are asked for or rows along."""
    directors = Crud(Director, session, read=DirectorOut)
    movies = Crud(
        Movie,
        session,
        read=MovieOut,
        write=[Movie.title, Movie.notes, Movie.director],
        owner=Movie.owner,
        related=[directors],
        include=[Movie.director],
    )
    several = Crud(
        Director, session, owner=None, include=[Movie.director], related=[movies], name="Several"
    )
    app = make_app(session, movies=crud_router(movies), directors=crud_router(several))
    director = Director(name="Varda")
    await director.save()
    async with signed_in(app, "ada") as client:
        body = {"title": "Cléo", "notes": "not for you", "director": director.id}
        answer = await client.post("/movies", json=body)
        row: dict[str, Any] = {"called": "Cléo", "notes": "3 words", "director": director.id}
        row |= {"id": answer.json()["id"], "shout": "CLÉO"}
        key = {"id": row["id"]}
        assert answer.json() == row
        expected = {
            "": row,
            "fields=notes": key | {"notes": "3 words"},
            "fields=title": key | {"called": "Cléo"},
            "fields=id": key,
            "include=director": row | {"director": {"id": director.id, "name": "V."}},
            "include=director&fields=title,director": key
            | {"called": "Cléo", "director": {"id": director.id, "name": "V."}},
        }
        for query, shown in expected.items():
            answer = await client.get(f"/movies/{row['id']}?{query}")
            assert answer.json() == shown, query
            assert (await client.get(f"/movies?{query}")).json()["items"] == [shown], query
        answer = await client.get(f"/directors/{director.id}?include=movies")
        assert answer.json() == {"id": director.id, "name": "Varda", "movies": [row]}
    schemas = app.openapi()["components"]["schemas"]
    assert {"MovieOut", "DirectorOut"} <= schemas.keys()


@pytest.mark.security(101)
async def test_sorting_by_what_is_not_read(session: SessionAuth[User]) -> None:
    """A cursor has the values of the last row: a joined column must be one that clients read."""
    keys_only = Crud(Director, session, read=[Director.id])
    with pytest.raises(ConfigurationError, match=r"sort=director\.name must be in read"):
        Crud(Movie, session, owner=Movie.owner, sort=[Movie.director.name], related=[keys_only])
