"""Hypothesis: what a list gives is what the same filters, order and limit give in memory."""

from collections.abc import Callable
from contextlib import suppress
from functools import cmp_to_key
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from piccolo_api_fastapi import Crud, Identity, SessionAuth, User
from piccolo_api_fastapi.access.identity import NEVER
from piccolo_api_fastapi.errors import Unprocessable
from tests.crud.tables import Movie

Row = dict[str, Any]

TITLES = ["", "a", "A", "ab", "a%b", "a_b", "null", "é"]
NOTES = [None, "x", "xy", "%"]

rows_of = st.lists(
    st.fixed_dictionaries(
        {
            "title": st.sampled_from(TITLES),
            "rating": st.integers(-2, 2),
            "notes": st.sampled_from(NOTES),
        }
    ),
    max_size=8,
)


def lower(text: str | None) -> str | None:
    """Small letters, of ASCII only: as SQLite does it."""
    if text is None:
        return None
    return "".join(c.lower() if c.isascii() else c for c in text)


Match = Callable[[Any, Any], bool]

MATCHES: dict[str, Match] = {
    "": lambda found, value: found == value,
    "__ne": lambda found, value: found is not None and found != value,
    "__in": lambda found, value: found in value,
    "__lt": lambda found, value: found < value,
    "__lte": lambda found, value: found <= value,
    "__gt": lambda found, value: found > value,
    "__gte": lambda found, value: found >= value,
    "__isnull": lambda found, value: (found is None) is (value == "true"),
    "__contains": lambda found, value: (
        found is not None and (lower(value) or "") in (lower(found) or "")
    ),
    "__starts": lambda found, value: (
        found is not None and (lower(found) or "").startswith(lower(value) or "")
    ),
    "__ends": lambda found, value: (
        found is not None and (lower(found) or "").endswith(lower(value) or "")
    ),
}

filters_of = st.dictionaries(
    st.sampled_from(
        [f"rating{op}" for op in ("", "__ne", "__in", "__lt", "__lte", "__gt", "__gte")]
        + [f"title{op}" for op in ("", "__ne", "__in", "__contains", "__starts", "__ends")]
        + [f"notes{op}" for op in ("", "__ne", "__in", "__contains", "__isnull")]
    ),
    st.randoms(use_true_random=False),
    max_size=3,
)
sorts_of = st.lists(
    st.sampled_from(["rating", "-rating", "notes", "-notes"]), max_size=3, unique=True
)


def value_for(name: str, random: Any) -> Any:
    """A value for a filter."""
    column, _, operator = name.partition("__")
    if operator == "isnull":
        return random.choice(["true", "false"])
    pool: list[Any] = [*range(-3, 4)] if column == "rating" else [t for t in TITLES + NOTES if t]
    return random.sample(pool, random.randint(1, 3)) if operator == "in" else random.choice(pool)


def expected(rows: list[Row], filters: dict[str, Any], sort: list[str]) -> list[Row]:
    """The rows that a list must have, in their order."""
    kept = []
    for row in rows:
        names = [(name.partition("__"), value) for name, value in filters.items()]
        if all(MATCHES[bar + op](row[column], value) for (column, bar, op), value in names):
            kept.append(row)
    order: list[str] = []
    for name in sort:
        if name.removeprefix("-") not in [known.removeprefix("-") for known in order]:
            order.append(name)

    def compare(one: Row, other: Row) -> int:
        for name in order:
            a, b = one[name.removeprefix("-")], other[name.removeprefix("-")]
            if a == b:
                continue
            if a is None or b is None:
                return 1 if a is None else -1
            return (1 if a > b else -1) * (-1 if name.startswith("-") else 1)
        return int(one["id"] - other["id"])

    return sorted(kept, key=cmp_to_key(compare))


async def listed(crud: Crud, caller: Identity[User], query: dict[str, Any]) -> list[Row]:
    """All rows, page by page."""
    rows: list[Row] = []
    while True:
        page = await crud.list(caller, urlencode(query, doseq=True))
        rows += page.items
        if page.next is None:
            return rows
        query = query | {"cursor": page.next}


@pytest.fixture
def movies(session: SessionAuth[User]) -> Crud:
    """Movies of their owners."""
    columns = [Movie.title, Movie.rating, Movie.notes]
    return Crud(
        Movie, session, owner=Movie.owner, filters=columns, sort=[Movie.rating, Movie.notes]
    )


def caller_of(user: User) -> Identity[User]:
    """The caller that a user is."""
    return Identity(user, "test", None, frozenset(), NEVER)


@settings(
    max_examples=25,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(rows=rows_of, filters=filters_of, sort=sorts_of, limit=st.integers(1, 5))
async def test_model(
    movies: Crud,
    people: dict[str, User],
    rows: list[Row],
    filters: dict[str, Any],
    sort: list[str],
    limit: int,
) -> None:
    """Filters, order and pages are those of the model, and another's rows are not there."""
    caller = caller_of(people["ada"])
    await Movie.delete(force=True)
    for row in rows:
        await Movie(owner=people["ada"].id, **row).save()
        await Movie(owner=people["bob"].id, **row).save()
    values = {name: value_for(name, random) for name, random in filters.items()}
    query: dict[str, Any] = {**values, "limit": limit}
    if sort:
        query["sort"] = ",".join(sort)
    notes = Movie.notes.as_alias("notes")  # which has another name in the database
    columns = [Movie.id, Movie.title, Movie.rating, notes]
    mine = await Movie.select(*columns).where(Movie.owner == people["ada"].id).order_by(Movie.id)
    found = await listed(movies, caller, query)
    wanted = expected(mine, values, sort)
    assert [row["id"] for row in wanted] == [row["id"] for row in found]
    total = (await movies.list(caller, urlencode(query | {"count": "exact"}, doseq=True))).total
    assert total == len(wanted)


@settings(
    max_examples=200,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    raw=st.one_of(
        st.binary(max_size=60), st.text("=&%+_,.-abcrtings0129", max_size=60).map(str.encode)
    )
)
def test_any_bytes(movies: Crud, raw: bytes) -> None:
    """Whatever the query, it is understood or refused as a whole."""
    with suppress(Unprocessable):
        assert movies.grammars.list.parse(raw).limit
