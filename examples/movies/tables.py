"""People, the movies that they directed, and what users say about those."""

from enum import IntEnum

from piccolo.columns import (
    ForeignKey,
    Integer,
    OnDelete,
    SmallInt,
    Text,
    Timestamptz,
    Varchar,
)
from piccolo.columns.readable import Readable
from piccolo.table import Table

from piccolo_api_fastapi import User


class Person(Table, tablename="person"):
    """Somebody who makes movies. Editors write these."""

    name = Varchar(length=100, unique=True)
    born = SmallInt(null=True, default=None, help_text="The year of birth.")

    @classmethod
    def get_readable(cls) -> Readable:
        """What a person is called in lists to choose from."""
        return Readable(template="%s", columns=[cls.name])


class Movie(Table, tablename="movie"):
    """A movie. It belongs to the user who added it."""

    title = Varchar(length=200)
    year = SmallInt(help_text="The year of the first showing.")
    director = ForeignKey(Person, on_delete=OnDelete.restrict, null=True, default=None)
    added_by = ForeignKey(User, null=False)
    added_at = Timestamptz()
    version = Integer(default=1, help_text="Counts the changes.")

    @classmethod
    def get_readable(cls) -> Readable:
        """What a movie is called in lists to choose from."""
        return Readable(template="%s (%s)", columns=[cls.title, cls.year])


class Stars(IntEnum):
    """How good a movie is."""

    BAD, POOR, FAIR, GOOD, GREAT = 1, 2, 3, 4, 5


class Review(Table, tablename="review"):
    """What a user says about a movie."""

    movie = ForeignKey(Movie, null=False)
    author = ForeignKey(User, null=False)
    stars = SmallInt(choices=Stars)
    text = Text()


TABLES = [Person, Movie, Review]
