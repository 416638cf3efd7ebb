"""Tables, models and rows at the edge: no request is a 500, and no page is lost."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from datetime import datetime
from datetime import time as clock
from decimal import Decimal
from enum import Enum
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo.columns import (
    JSON,
    UUID,
    Array,
    Boolean,
    Column,
    Date,
    DoublePrecision,
    Email,
    ForeignKey,
    Integer,
    Interval,
    Numeric,
    Real,
    Serial,
    Text,
    Time,
    Timestamp,
    Timestamptz,
    Varchar,
)
from piccolo.table import Table, create_db_tables
from piccolo.utils.pydantic import create_pydantic_model
from pydantic import BaseModel, Field, Json, field_serializer

from piccolo_api_fastapi import ConfigurationError, Crud, SessionAuth, User, crud_router
from tests.crud.conftest import make_app, signed_in
from tests.crud.tables import Everything, Genre, Step

LONG = "long_" * 8


class Odd(Table, tablename="crud_odd"):
    """Values of which SQLite and Piccolo make others."""

    id: Serial
    exact = Numeric()
    scaled = Numeric(digits=(30, 17))
    double = DoublePrecision()
    real = Real()
    lasting = Interval()
    meta = JSON(default="{}")
    mail = Email(default="")


class Lists(Table, tablename="crud_lists"):
    """Arrays of arrays."""

    id: Serial
    keys = Array(Array(UUID()))
    deep = Array(Array(Array(UUID())))
    dates = Array(Array(Date()))
    times = Array(Array(Time()))
    naive = Array(Array(Timestamp()))
    aware = Array(Array(Timestamptz()))
    amounts = Array(Array(Numeric()))
    flags = Array(Array(Boolean()))


class Item(Table, tablename="crud_item"):
    """What others refer to by a code."""

    id: Serial
    code = Varchar(unique=True)
    body = Text(default="")


class Kid(Table, tablename="crud_kid"):
    """Of an item."""

    id: Serial
    item = ForeignKey(Item, target_column=Item.code)
    text = Varchar()


class LongKey(Table, tablename="crud_long_key"):
    """By a key of any length."""

    key = Text(primary_key=True)


class Count(Enum):
    """Whole numbers."""

    one = 1
    two = 2


class Share(Enum):
    """Numbers."""

    half = 0.5
    third = 0.25


class Chosen(Table, tablename="crud_chosen"):
    """Choices of several types."""

    id: Serial
    genre = Varchar(length=1, choices=Genre, default=Genre.drama)
    number = Integer(choices=Count, default=Count.one)
    shares = Array(Real(), choices=Share, default=list)
    step = Numeric(digits=(3, 1), choices=Step, default=Step.half)
    mail = Email(default="")


def _table(name: str, **columns: Column) -> Any:
    return type(name, (Table,), {"__module__": __name__, **columns}, tablename=f"crud_{name}")


Target = _table("Target", **{f"{LONG}title": Varchar()})
Source = _table("Source", **{f"{LONG}target": ForeignKey(Target)})

TABLES: list[type[Table]] = [Odd, Lists, Item, Kid, Target, Source, LongKey, Chosen]


@pytest.fixture
async def tables(database: Any, ada: User) -> AsyncIterator[None]:
    """The tables of these tests, which are empty."""
    for table in TABLES:
        table._meta._db = database
    await create_db_tables(*TABLES, if_not_exists=True)
    yield
    for table in reversed(TABLES):
        await table.delete(force=True)


pytestmark = pytest.mark.usefixtures("tables")

ALL = ["list", "read", "create", "update", "bulk"]
BULK = ["update", "delete", "bulk"]


def _app(session: SessionAuth[User], table: type[Table], **options: Any) -> FastAPI:
    """An application with a router of a table at /rows."""
    wanted = options.pop("operations", ALL if "write" in options else ["list", "read"])
    router = crud_router(Crud(table, session, **options), operations=wanted)
    return make_app(session, rows=router)


async def _walk(client: httpx.AsyncClient, **params: Any) -> list[int]:
    """Return the keys of all rows, page by page."""
    seen: list[int] = []
    for _ in range(20):
        answer = await client.get("/rows", params=params)
        assert answer.status_code == 200, answer.text
        seen += [row["id"] for row in answer.json()["items"]]
        if (following := answer.json()["next"]) is None:
            return seen
        params["cursor" if "paging" not in params else "offset"] = following
    pytest.fail(f"There is no end: {seen}")


VALUES: dict[str, list[Any]] = {
    "exact": ["0.30000000000000004", "0.30000000000000004", "12345678901234567890.25", "1", "-0.5"],
    "scaled": ["0.30000000000000004", "0.30000000000000004", "1000000000000"],
    "double": [0.1 + 0.2, 0.1 + 0.2, 1e300, 1 / 3],
    "real": [0.1, 0.1, 1 / 3, 16777217.0],
    "lasting": ["P40000DT0.00001S", "P40000DT0.00001S", "-P40000DT0.00001S", "PT0.1S"],
}


@pytest.mark.parametrize("name", VALUES)
async def test_all_digits(session: SessionAuth[User], name: str) -> None:
    """Pages end, and `If-Match` holds, for numbers with more digits than Piccolo reads."""
    column = Odd._meta.get_column_by_name(name)
    app = _app(session, Odd, write=[column, Odd.mail], sort=[column])
    async with signed_in(app, "ada") as client:
        for value in VALUES[name]:
            made = await client.post("/rows", json={name: value})
            assert made.status_code == 201, made.text
        for sort in (name, f"-{name}"):
            keys = await _walk(client, sort=sort, limit="1")
            assert len(keys) == len(set(keys)) == len(VALUES[name])
        for row in (await client.get("/rows")).json()["items"]:
            tag = (await client.get(f"/rows/{row['id']}")).headers["etag"]
            changed = await client.patch(
                f"/rows/{row['id']}", json={"mail": "a@example.com"}, headers={"If-Match": tag}
            )
            assert changed.status_code == 200, (row, changed.text)


FORGED = {
    "exact": ["sNaN", "NaN", "Infinity", "-Infinity", "1E+400000", "1E-400000", "x", "9" * 30],
    "double": ["nan", "inf", "-inf", "1_0", "1e309"],
    "real": ["1e300", "nan", "-inf"],
    "lasting": ["9" * 18, "9" * 25, "-" + "9" * 17, "1.5", "inf", "1_0"],
}


@pytest.mark.security(5)
@pytest.mark.parametrize("name", FORGED)
async def test_forged_places(session: SessionAuth[User], name: str) -> None:
    """A cursor that was made by hand is a place like any other, or a 422 at `cursor`."""
    column = Odd._meta.get_column_by_name(name)
    app = _app(session, Odd, write=[column], sort=[column])
    async with signed_in(app, "ada") as client:
        for value in VALUES[name]:
            await client.post("/rows", json={name: value})
        first = await client.get("/rows", params={"sort": name, "limit": "1"})
        version, mark, *_ = json.loads(base64.urlsafe_b64decode(first.json()["next"] + "=="))
        for text in FORGED[name]:
            raw = json.dumps([version, mark, text, "1"]).encode()
            forged = base64.urlsafe_b64encode(raw).decode().rstrip("=")
            answer = await client.get("/rows", params={"sort": name, "cursor": forged})
            assert answer.status_code in {200, 422}, (text, answer.text)
            if answer.status_code == 422:
                assert answer.json()["detail"][0]["loc"] == ["query", "cursor"], text


KEY = "6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a11"

NESTED: dict[str, Any] = {
    "keys": [[KEY, KEY]],
    "deep": [[[KEY], [KEY]]],
    "dates": [["2024-02-29"]],
    "times": [["23:59:59.000001"]],
    "naive": [["2026-01-31T12:30:00"]],
    "aware": [["2026-01-31T12:30:00Z"]],
    "amounts": [["1.5", "-0.25"]],
    "flags": [[True, False]],
}


@pytest.mark.parametrize("name", NESTED)
async def test_arrays_of_arrays(session: SessionAuth[User], name: str) -> None:
    """What goes in comes out."""
    app = _app(session, Lists, write=[Lists._meta.get_column_by_name(name)])
    async with signed_in(app, "ada") as client:
        made = await client.post("/rows", json={name: NESTED[name]})
        assert made.status_code == 201, made.text
        assert NESTED[name] == made.json()[name]
        read = await client.get(made.headers["location"])
        assert NESTED[name] == read.json()[name]
        tag = read.headers["etag"]
        again = await client.patch(
            made.headers["location"], json={name: NESTED[name]}, headers={"If-Match": tag}
        )
        assert again.status_code == 200, again.text


class AnyMeta(BaseModel):
    """JSON as an object of texts."""

    id: int
    meta: dict[str, Any]


class TextMeta(BaseModel):
    """JSON as its text, perhaps."""

    id: int
    meta: str | None = None


class JsonMeta(BaseModel):
    """JSON that Pydantic reads."""

    id: int
    meta: Json[dict[str, int]]


@pytest.mark.parametrize(
    ("model", "shown"),
    [(AnyMeta, {"x": 1}), (TextMeta, '{"x":1}'), (JsonMeta, {"x": 1})],
)
async def test_json_in_models(
    session: SessionAuth[User], model: type[BaseModel], shown: Any
) -> None:
    """A model of the application reads JSON as its annotation says."""
    app = _app(session, Odd, read=model, write=[Odd.meta])
    async with signed_in(app, "ada") as client:
        made = await client.post("/rows", json={"meta": {"x": 1}})
        assert made.status_code == 201, made.text
        assert shown == made.json()["meta"]
        assert (await client.get("/rows")).json()["items"] == [made.json()]


class Strict(BaseModel):
    """A model that refuses much, and masks more."""

    id: int
    mail: str = Field(min_length=3)
    meta: AnyMeta | None = None
    double: float

    @field_serializer("mail")
    def mask(self, value: str) -> str:
        """Show the end."""
        return f"***{value[-2:]}"


async def test_rows_that_a_model_refuses(session: SessionAuth[User], database: Any) -> None:
    """A list does not fail for such a row: its values are shown, through the serializers."""
    double = float("nan") if database.engine_type == "postgres" else 1.0
    await Odd(mail="x", meta='{"secret": 1}', double=double).save()
    await Odd(mail="ada@example.com", meta="null", double=1.0).save()
    async with signed_in(_app(session, Odd, read=Strict), "ada") as client:
        answer = await client.get("/rows")
        assert answer.status_code == 200, answer.text
        first, second = answer.json()["items"]
    assert (first["mail"], first["meta"]) == ("***x", None)
    assert first["double"] == (1.0 if database.engine_type == "sqlite" else None)
    assert (second["mail"], second["meta"]) == ("***om", None)
    model = create_pydantic_model(Odd, include_default_columns=True)
    await Odd(mail="").save()
    async with signed_in(_app(session, Odd, read=model, name="Made"), "ada") as client:
        answer = await client.get("/rows")
        assert answer.status_code == 200, answer.text
        assert [row["mail"] for row in answer.json()["items"]] == ["x", "ada@example.com", ""]


async def test_children_by_another_key(session: SessionAuth[User]) -> None:
    """The column that children refer to need not be read."""
    await Item(code="a").save()
    await Kid(item="a", text="b").save()
    app = _app(session, Item, read=[Item.body], include=[Kid.item])
    async with signed_in(app, "ada") as client:
        for query in ("include=kids", "include=kids&fields=id"):
            answer = await client.get(f"/rows?{query}")
            assert answer.status_code == 200, answer.text
            [row] = answer.json()["items"]
            assert [kid["text"] for kid in row["kids"]] == ["b"]
            assert "code" not in row
            assert (await client.get(f"/rows/{row['id']}?{query}")).json() == row


async def test_long_names(session: SessionAuth[User]) -> None:
    """Names that are longer together than PostgreSQL takes."""
    target = Target(**{f"{LONG}title": "x"})
    await target.save()
    await Source(**{f"{LONG}target": target.id}).save()
    column = getattr(Source, f"{LONG}target")
    app = _app(session, Source, include=[column])
    async with signed_in(app, "ada") as client:
        answer = await client.get("/rows", params={"include": f"{LONG}target"})
        assert answer.status_code == 200, answer.text
        assert answer.json()["items"][0][f"{LONG}target"] == {"id": target.id, f"{LONG}title": "x"}


@pytest.mark.parametrize(
    "raw", ["9" * 400, "-" + "9" * 400, '{"a":[1' + "0" * 400 + "]}", "9" * 20]
)
async def test_json_numbers(session: SessionAuth[User], raw: str) -> None:
    """A number that is no finite double, or that the database would change, is a 422."""
    headers = {"Content-Type": "application/json"}
    async with signed_in(_app(session, Odd, write=[Odd.meta]), "ada") as client:
        answer = await client.post("/rows", content=f'{{"meta": {raw}}}', headers=headers)
        assert answer.status_code == 422, answer.text
        for value in (2**63 - 1, 0.1 + 0.2, [10**30], 1e300):
            made = await client.post("/rows", json={"meta": value})
            assert value == made.json()["meta"], made.text
            read = await client.get(made.headers["location"])
            assert value == read.json()["meta"]
            tag = read.headers["etag"]
            again = await client.patch(
                made.headers["location"], json={"meta": value}, headers={"If-Match": tag}
            )
            assert again.status_code == 200, again.text


@pytest.mark.parametrize(
    ("stored", "shown"),
    [
        ('"\\ud800"', "?"),
        ('{"\\udfff": ["\\u00e9"]}', {"?": ["é"]}),
        ('{"a": 1e999}', {"a": None}),
        ("[NaN, -Infinity, 1.5]", [None, None, 1.5]),
        ("1e999", None),
    ],
)
async def test_stored_json(
    session: SessionAuth[User], database: Any, stored: str, shown: Any
) -> None:
    """What others stored, and JSON can't carry, does not break a page."""
    if "NaN" in stored and database.engine_type == "postgres":
        pytest.skip("PostgreSQL has no such JSON.")
    await Odd(meta="[]").save()
    await Odd.raw("UPDATE crud_odd SET meta = {}", stored)
    async with signed_in(_app(session, Odd), "ada") as client:
        answer = await client.get("/rows")
        assert answer.status_code == 200
        assert b"Infinity" not in answer.content
        assert shown == answer.json()["items"][0]["meta"]


@pytest.mark.parametrize("sort", ["body", "-body"])
async def test_long_texts(session: SessionAuth[User], sort: str) -> None:
    """`next` is a cursor that the same API takes, however long the values are."""
    bodies = ["本" * 100_000, "本" * 100_001, "本" * 99, "\x01" * 2_000, "\x01" * 2_001, ""]
    for body in bodies:
        await Item(code=str(len(body)), body=body).save()
    app = _app(session, Item, sort=[Item.body, Item.code])
    async with signed_in(app, "ada") as client:
        keys = await _walk(client, sort=sort, limit="1", fields="id")
        assert len(keys) == len(set(keys)) == len(bodies)
        whole = await client.get("/rows", params={"sort": sort, "fields": "id"})
        assert keys == [row["id"] for row in whole.json()["items"]]


async def test_cursors_that_would_be_too_long(session: SessionAuth[User]) -> None:
    """A list that could not be continued is a 422, and not half a list."""
    for number in (1, 2):
        await LongKey(key=str(number) * 10_000).save()
    async with signed_in(_app(session, LongKey), "ada") as client:
        answer = await client.get("/rows?limit=1")
        assert answer.status_code == 422
        assert answer.json()["detail"][0]["loc"] == ["query", "sort"]
        assert len((await client.get("/rows?fields=key")).json()["items"]) == 2


async def test_the_last_offset(session: SessionAuth[User], monkeypatch: Any) -> None:
    """At the largest offset, `next` is null: the same API would refuse it."""
    monkeypatch.setattr("piccolo_api_fastapi.crud.pages.MAX_OFFSET", 2)
    for number in range(4):
        await Item(code=str(number)).save()
    app = _app(session, Item, paging="offset", page_size=1)
    async with signed_in(app, "ada") as client:
        places = [(await client.get(f"/rows?offset={n}")).json()["next"] for n in range(3)]
        assert places == ["1", "2", None]


async def test_bulks_in_opposite_orders(session: SessionAuth[User]) -> None:
    """Bulk requests on the same rows wait for each other, and none is a 503."""
    keys = []
    for number in range(30):
        item = Item(code=str(number))
        await item.save()
        keys.append(item.id)
    app = _app(session, Item, write=[Item.body], operations=BULK)
    async with signed_in(app, "ada") as client:
        answers = await asyncio.gather(
            *(
                client.patch(
                    "/rows/_bulk",
                    json={
                        "items": [
                            {"id": key, "body": str(turn)} for key in keys[:: 1 - turn % 2 * 2]
                        ]
                    },
                )
                for turn in range(8)
            )
        )
        assert [answer.status_code for answer in answers] == [200] * 8
        answers = await asyncio.gather(
            *(
                client.post("/rows/_bulk/delete", json={"ids": keys[:: 1 - turn % 2 * 2]})
                for turn in range(8)
            )
        )
        assert sorted(answer.status_code for answer in answers) == [200] + [404] * 7


class Draft(BaseModel):
    """A model with defaults of its own."""

    body: str = "none given"
    code: str | None = None


async def test_defaults_of_a_model(session: SessionAuth[User]) -> None:
    """A new row has the defaults of the model, and a change has only what was sent."""
    app = _app(session, Item, write=Draft)
    async with signed_in(app, "ada") as client:
        made = await client.post("/rows", json={"code": "a"})
        assert made.json() == {"id": made.json()["id"], "code": "a", "body": "none given"}
        place = made.headers["location"]
        await client.patch(place, json={"body": "b"})
        changed = await client.patch(place, json={"code": "c"})
        assert (changed.json()["code"], changed.json()["body"]) == ("c", "b")
        assert (await client.post("/rows", json={})).json()["code"] == ""
        assert (await client.post("/rows", json={"code": None})).status_code == 422


class Loose(BaseModel):
    """A model that takes more than the columns hold."""

    small: int | None = None
    integer: int | None = None
    big: int | None = None
    numbers: list[int] | None = None
    real: float | None = None
    numeric: Decimal | None = None
    time: clock | None = None
    timestamp: datetime | None = None
    timestamptz: datetime | None = None
    varchar: str | None = None
    email: str | None = None
    jsonb: Any = None
    keys: list[str] | None = None


class LooseMeta(BaseModel):
    """JSON as its text."""

    meta: str | None = None


def _loose(session: SessionAuth[User], name: str) -> FastAPI:
    if name == "meta":
        return _app(session, Odd, write=LooseMeta)
    return _app(session, Everything, write=Loose)


UNFIT: list[tuple[str, Any]] = [
    ("small", 2**20),
    ("integer", 2**40),
    ("big", 2**63),
    ("numbers", [2**31]),
    ("real", 1e300),
    ("numeric", "NaN"),
    ("numeric", "123456.789"),
    ("time", "10:00:00+02:00"),
    ("timestamp", "2026-01-01T00:00:00+05:00"),
    ("timestamptz", "2026-01-01T00:00:00"),
    ("timestamptz", "0001-01-01T00:00:00+05:00"),
    ("varchar", "x" * 21),
    ("email", "x" * 256),
    ("meta", "{bad"),
    ("meta", '"x\\u0000"'),
    ("jsonb", {"a": 10**400}),
    ("keys", ["x"]),
]


@pytest.mark.parametrize(("name", "value"), UNFIT)
async def test_models_that_take_more(session: SessionAuth[User], name: str, value: Any) -> None:
    """A value that the column can't hold is a 422 at its field, whatever a model takes."""
    async with signed_in(_loose(session, name), "ada") as client:
        answer = await client.post("/rows", json={name: value})
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"][0]["loc"] == ["body", name]
        bulk = await client.post("/rows/_bulk", json={"items": [{}, {name: value}]})
        assert bulk.json()["detail"][0]["loc"] == ["body", "items", 1, name]
        assert await Everything.count() == 0


FIT: list[tuple[str, Any, Any]] = [
    ("small", 2**15 - 1, 2**15 - 1),
    ("numeric", "1.5", "1.50"),
    ("timestamptz", "2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00Z"),
    ("email", "nobody", "nobody"),
    ("meta", '{"a":1}', {"a": 1}),
    ("jsonb", "text", "text"),
    ("jsonb", {"a": [1, None]}, {"a": [1, None]}),
    ("keys", [KEY], [KEY]),
    ("numbers", [1, 2], [1, 2]),
]


@pytest.mark.parametrize(("name", "value", "shown"), FIT)
async def test_models_and_columns(
    session: SessionAuth[User], name: str, value: Any, shown: Any
) -> None:
    """What fits both is stored."""
    async with signed_in(_loose(session, name), "ada") as client:
        answer = await client.post("/rows", json={name: value})
        assert answer.status_code == 201, answer.text
        assert shown == answer.json()[name]


async def test_choices_everywhere(session: SessionAuth[User]) -> None:
    """Bodies and filters take the choices and nothing like them, and OpenAPI shows them."""
    columns = [Chosen.genre, Chosen.number, Chosen.shares, Chosen.step]
    app = _app(session, Chosen, write=[*columns, Chosen.mail], filters=columns)
    async with signed_in(app, "ada") as client:
        made = await client.post("/rows", json={"number": 2, "shares": [0.5, 0.25], "step": "1.0"})
        assert made.status_code == 201, made.text
        for body in (
            {"number": True},
            {"number": 1.0},
            {"number": 3},
            {"shares": [0.1]},
            {"genre": "x"},
        ):
            assert (await client.post("/rows", json=body)).status_code == 422, body
        for query, status in {
            "genre=d": 200,
            "genre=nope": 422,
            "genre__in=d&genre__in=x": 422,
            "number=3": 422,
            "number__gte=2": 200,
            "shares__has=0.25": 200,
            "shares__has=0.1": 422,
            "step=1.0": 200,
            "step=0.7": 422,
        }.items():
            assert (await client.get(f"/rows?{query}")).status_code == status, query
        back = await client.patch(made.headers["location"], json={"mail": made.json()["mail"]})
        assert back.status_code == 200, back.text
        assert (await client.post("/rows", json={"mail": "x"})).status_code == 422
    document = app.openapi()
    shown = document["components"]["schemas"]["Chosen"]["properties"]
    assert shown["genre"]["enum"] == ["d", "c"]
    assert shown["number"]["enum"] == [1, 2]
    assert shown["step"]["enum"] == ["0.5", "1.0"]
    assert shown["shares"]["items"]["enum"] == [0.5, 0.25]
    parameters = {one["name"]: one for one in document["paths"]["/rows"]["get"]["parameters"]}
    assert parameters["genre"]["schema"]["enum"] == ["d", "c"]
    assert parameters["genre__in"]["schema"]["items"]["enum"] == ["d", "c"]


@pytest.mark.parametrize("key", ["", "_x", "_bulk", "a/b", ".", "..", "x" * 1_001])
async def test_keys_that_no_path_has(session: SessionAuth[User], key: str) -> None:
    """A row that no path could name is not created."""
    app = _app(session, LongKey, create=[LongKey.key], operations=["create", "read", "delete"])
    async with signed_in(app, "ada") as client:
        answer = await client.post("/rows", json={"key": key})
        assert answer.status_code == 422, answer.text
        assert answer.json()["detail"][0]["loc"] == ["body", "key"]
        for good in ("a", "a_", "...", "%2F", "a b?#", "é"):
            made = await client.post("/rows", json={"key": good})
            assert made.status_code == 201, made.text
            assert (await client.get(made.headers["location"])).json() == {"key": good}


async def test_merge_patch(session: SessionAuth[User]) -> None:
    """A change may have the content type of RFC 7396, and nothing else may."""
    await Item(code="a").save()
    [key] = [row["id"] for row in await Item.select(Item.id)]
    headers = {"Content-Type": "application/merge-patch+json"}
    async with signed_in(_app(session, Item, write=[Item.body]), "ada") as client:
        answer = await client.patch(f"/rows/{key}", content='{"body": "b"}', headers=headers)
        assert (answer.status_code, answer.json()["body"]) == (200, "b")
        for raw, status in {
            '{"body": "a", "body": "b"}': 422,
            '{"body": 1}': 422,
            "{": 422,
        }.items():
            answer = await client.patch(f"/rows/{key}", content=raw, headers=headers)
            assert answer.status_code == status, raw
        answer = await client.post("/rows", content='{"body": "b"}', headers=headers)
        assert answer.status_code == 415


async def test_search_in_numbers(session: SessionAuth[User]) -> None:
    """`search=` takes columns of texts."""
    for column in (Item.id, Odd.exact, Kid.item, Kid.item.id):
        with pytest.raises(ConfigurationError, match="must be a column of texts"):
            Crud(
                column._meta.table if not column._meta.call_chain else Kid, session, search=[column]
            )
