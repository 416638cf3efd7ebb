"""The tables of an application: things with owners, and what is everybody's."""

from decimal import Decimal as DecimalValue
from enum import Enum
from typing import Any

from piccolo.columns import (
    JSON,
    JSONB,
    UUID,
    Array,
    BigInt,
    Boolean,
    Bytea,
    Char,
    Date,
    DoublePrecision,
    Email,
    ForeignKey,
    Integer,
    Interval,
    Numeric,
    Real,
    Serial,
    SmallInt,
    Text,
    Time,
    Timestamp,
    Timestamptz,
    Varchar,
)
from piccolo.columns.base import OnDelete
from piccolo.columns.column_types import Blob, Decimal, Float
from piccolo.columns.readable import Readable
from piccolo.table import Table

from piccolo_api_fastapi import User


class Director(Table, tablename="crud_director"):
    """Everybody's."""

    id: Serial
    name = Varchar(length=50, unique=True)
    salary = Integer(secret=True)

    @classmethod
    def get_readable(cls) -> Readable:
        """The name."""
        return Readable(template="%s", columns=[cls.name])


class Genre(Enum):
    """What a film is."""

    drama = "d"
    comedy = "c"


class Movie(Table, tablename="crud_movie"):
    """Somebody's, about a director who is everybody's."""

    id: Serial
    owner = ForeignKey(User, null=False)
    title = Varchar(length=100, required=True, help_text="What the poster says.")
    rating = Integer(default=5)
    genre = Varchar(length=1, choices=Genre, default=Genre.drama)
    director = ForeignKey(Director, null=True, on_delete=OnDelete.restrict)
    released = Date(null=True, default=None)
    pin = Varchar(length=20, null=True, default=None, secret=True)
    notes = Text(null=True, default=None, db_column_name="remarks")


class Album(Table, tablename="crud_album"):
    """Somebody's, which counts its changes."""

    id = UUID(primary_key=True)
    owner = ForeignKey(User, null=False)
    name = Varchar(length=50, default="")
    version = Integer(default=1)


class Track(Table, tablename="crud_track"):
    """The owner is that of the album."""

    id: Serial
    album = ForeignKey(Album, null=True)
    title = Varchar(length=50, default="")
    seconds = Integer(null=True, default=None)


class Country(Table, tablename="crud_country"):
    """By a key that people choose."""

    code = Varchar(length=10, primary_key=True)
    name = Varchar(length=50, default="")


class Everything(Table, tablename="crud_everything"):
    """Each type of column."""

    serial = Serial(primary_key=True)
    varchar = Varchar(length=20, null=True, default=None)
    char = Char(length=4, null=True, default=None)
    email = Email(null=True, default=None)
    text = Text(null=True, default=None)
    uuid = UUID(null=True, default=None)
    small = SmallInt(null=True, default=None)
    integer = Integer(null=True, default=None)
    big = BigInt(null=True, default=None)
    boolean = Boolean(null=True, default=None)
    numeric = Numeric(digits=(5, 2), null=True, default=None)
    decimal = Decimal(null=True, default=None)
    real = Real(null=True, default=None)
    floating = Float(null=True, default=None)
    double = DoublePrecision(null=True, default=None)
    date = Date(null=True, default=None)
    time = Time(null=True, default=None)
    timestamp = Timestamp(null=True, default=None)
    timestamptz = Timestamptz(null=True, default=None)
    interval = Interval(null=True, default=None)
    json = JSON(null=True, default=None)
    jsonb = JSONB(null=True, default=None)
    bytea = Bytea(null=True, default=None)
    blob = Blob(null=True, default=None)
    numbers = Array(Integer(), null=True, default=None)
    words = Array(Array(Varchar()), null=True, default=None)
    keys = Array(UUID(), null=True, default=None)
    times = Array(Timestamptz(), null=True, default=None)
    amounts = Array(Numeric(digits=(5, 2)), null=True, default=None)
    director = ForeignKey(Director, null=True, default=None)


class Step(Enum):
    """How much more."""

    half = DecimalValue("0.5")
    whole = DecimalValue("1.0")


class Node(Table, tablename="crud_node"):
    """In a tree, with steps to choose from."""

    id: Serial
    parent: ForeignKey[Any] = ForeignKey("self", null=True)
    step = Numeric(digits=(3, 1), choices=Step, default=Step.half)
    steps = Array(Varchar(length=1), choices=Genre, default=list)

    @classmethod
    def get_readable(cls) -> Readable:
        """The steps of both."""
        return Readable(template="%s of %s", columns=[cls.step, cls.parent.step])


TABLES: list[type[Table]] = [Director, Movie, Album, Track, Country, Everything, Node]
"""Those that others refer to come first."""
