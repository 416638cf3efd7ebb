"""All types of columns: what goes in comes out, and what does not fit is a 422."""

import json
from datetime import datetime, timedelta, timezone
from decimal import Decimal
from functools import lru_cache
from typing import Any

import httpx
import jsonschema_rs
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import SessionAuth, User, crud_router
from tests.crud.conftest import make_app
from tests.crud.tables import Everything

WRITE = [column for column in Everything._meta.columns if not column._meta.primary_key]

VALUES: dict[str, list[Any]] = {
    "varchar": ["a", "", "null", "€ and 𝄞", "x" * 20],
    "char": ["ab", "abcd"],
    "email": ["ada@example.com"],
    "text": ["a\nb", "NaN", "{}", "0"],
    "uuid": ["6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a11"],
    "small": [-(2**15), 2**15 - 1, 0],
    "integer": [-(2**31), 2**31 - 1],
    "big": [-(2**63), 2**63 - 1, 2**53 + 1],
    "boolean": [True, False],
    "numeric": ["0.00", "-999.99", "9.50"],
    "decimal": ["0", "-12.5", "1234567.25"],
    "real": [0.1, 3.4e38, -2.5],
    "floating": [0.1, 0.2],
    "double": [0.1, 1e300, -5e-324],
    "date": ["2024-02-29", "0001-01-01", "9999-12-31"],
    "time": ["00:00:00", "23:59:59.000001"],
    "timestamp": ["2026-01-31T12:30:00", "0001-01-01T00:00:00", "9999-12-31T23:59:59.999999"],
    "timestamptz": ["2026-01-31T12:30:00Z", "2026-01-31T12:30:00.000001Z"],
    "interval": ["PT0S", "P1D", "P1DT3661.5S", "-PT0.000001S"],
    "json": [{"a": [1, 2.5, None, "x", {}]}, [], "text", 0, False],
    "jsonb": [{"a": [1, 2.5, None, "x", {}]}, [], "text", 0, False, [10**30]],
    "bytea": ["", "AP8=", "/+8="],
    "blob": ["AAAA"],
    "numbers": [[], [1, 2, -3]],
    "words": [[["a", "b"], ["c", "null"]]],
    "keys": [["6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a11"]],
    "times": [["2026-01-31T12:30:00Z"]],
    "amounts": [["1.50", "-0.25"]],
}

DEEP: Any = 1
for _ in range(60):
    DEEP = [DEEP]

IMPOSSIBLE: dict[str, list[Any]] = {
    "varchar": ["x" * 21, 1, True, ["a"]],
    "char": ["abcde"],
    "email": ["", "nobody", "a b@example.com"],
    "text": [1, {}],
    "uuid": ["6f1b2c1e7a3d4f0e9a550d2f5f2b7a11", "x", 1, "{6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a11}"],
    "small": [2**15, -(2**15) - 1, "1", True, 1.5],
    "integer": [2**31, -(2**31) - 1, "7", False, 2**70],
    "big": [2**63, -(2**63) - 1, "1_0"],
    "boolean": ["yes", 1, 0, "true"],
    "numeric": [9.5, "1000.00", "0.001", "NaN", "1e2", "", "+1", " 1", "٣"],
    "decimal": ["Infinity", "NaN", 1, "1_0"],
    "real": ["0.1", 3.5e38, True],
    "double": ["x", False],
    "date": ["2023-02-29", "20240101", "2024-01-01T00:00:00", 0, "2024-W01-1", "1700000000"],
    "time": ["24:00:00", "10:00", "10:00:00+02:00", 3600],
    "timestamp": ["2026-01-31T12:30:00Z", "2026-01-31 12:30:00", 0, "2026-01-31", "1700000000"],
    "timestamptz": ["2026-01-31T12:30:00", 0, "0001-01-01T00:00:00+14:00", "2026-13-01T00:00:00Z"],
    "interval": ["P1Y", "1 day", 60, "P", "PT", "P1W", "PT1.0000001S"],
    "json": [DEEP],
    "jsonb": [DEEP],
    "bytea": ["€", "AP8", 1],
    "numbers": [[1, "2"], [None], 1, [[1]], [0] * 101, [2**31]],
    "words": [[["a"], ["b", "c"]], [[]], ["a"]],
    "keys": [["x"]],
    "times": [["2026-01-31T12:30:00"]],
    "amounts": [[1.5]],
    "director": [999, "1", 2**31],
}


@pytest.fixture
def app(session: SessionAuth[User]) -> FastAPI:
    """An application with a table of everything."""
    return _app(session)


@lru_cache
def _app(session: SessionAuth[User]) -> FastAPI:
    return make_app(
        session,
        everything=crud_router(
            Everything,
            session,
            write=WRITE,
            filters=WRITE,
            sort=[Everything.real, Everything.interval, Everything.decimal, Everything.timestamptz],
        ),
    )


@pytest.fixture
def shown(app: FastAPI) -> Any:
    """Checks a row against OpenAPI."""
    return _validator(app)


@lru_cache
def _validator(app: FastAPI) -> Any:
    document = app.openapi()
    whole = {"components": document["components"], "$ref": "#/components/schemas/Everything"}
    return jsonschema_rs.validator_for(whole)


@pytest.mark.parametrize("name", VALUES)
async def test_values(client: httpx.AsyncClient, shown: Any, name: str) -> None:
    """A value that is sent is the value that is read, and sending it back changes nothing."""
    for value in [*VALUES[name], None]:
        answer = await client.post("/everything", json={name: value})
        assert answer.status_code == 201, (value, answer.text)
        assert value == answer.json()[name], answer.text
        place, tag = answer.headers["location"], answer.headers["etag"]
        answer = await client.get(place)
        assert (value, tag) == (answer.json()[name], answer.headers["etag"])
        assert shown.is_valid(answer.json()), answer.text
        whole = {key: item for key, item in answer.json().items() if key != "serial"}
        answer = await client.patch(place, json=whole, headers={"If-Match": tag})
        assert (200, tag) == (answer.status_code, answer.headers.get("etag")), answer.text
        assert value == answer.json()[name]


async def test_all_at_once(client: httpx.AsyncClient, shown: Any) -> None:
    """A row of all types goes in and out, and stays the same row."""
    row = {name: found[-1] for name, found in VALUES.items()}
    answer = await client.post("/everything", json=row)
    assert answer.status_code == 201, answer.text
    assert row == {name: answer.json()[name] for name in row}
    assert shown.is_valid(answer.json())
    place, tag = answer.headers["location"], answer.headers["etag"]
    answer = await client.patch(place, json=row, headers={"If-Match": tag})
    assert (200, tag) == (answer.status_code, answer.headers["etag"])


@pytest.mark.parametrize("name", IMPOSSIBLE)
async def test_impossible_values(client: httpx.AsyncClient, name: str) -> None:
    """A value that the column can't hold is a 422 at its field, on each database."""
    made = await client.post("/everything", json={})
    for value in IMPOSSIBLE[name]:
        for answer in (
            await client.post("/everything", json={name: value}),
            await client.patch(made.headers["location"], json={name: value}),
        ):
            assert answer.status_code == 422, (value, answer.text)
            assert answer.json()["detail"][0]["loc"][:2] == ["body", name], answer.text
    assert await Everything.count() == 1


@pytest.mark.parametrize(
    "raw",
    [
        '{"text": "a\\u0000"}',
        '{"text": "\\ud800"}',
        '{"double": NaN}',
        '{"double": 1e999}',
        '{"real": -1e999}',
        '{"json": {"a": 1, "a": 2}}',
        '{"json": 1e999}',
        '{"jsonb": [NaN]}',
        '{"jsonb": "\\u0000"}',
        '{"text": "a", "text": "b"}',
        '{"serial": 7}',
        '{"nope": 1}',
        "[]",
        "null",
        '{"integer": 1' + "0" * 5000 + "}",
    ],
)
async def test_impossible_json(client: httpx.AsyncClient, raw: str) -> None:
    """What JSON or PostgreSQL does not have is a 422 as well."""
    headers = {"Content-Type": "application/json"}
    answer = await client.post("/everything", content=raw, headers=headers)
    assert answer.status_code == 422, answer.text
    assert await Everything.count() == 0


async def test_what_others_stored(client: httpx.AsyncClient, database: Any, shown: Any) -> None:
    """Rows that this API would refuse are read, and never make a list fail."""
    await Everything(email="", bytea=b"\xff\xfe", numeric=Decimal("1.5")).save()
    change = "json = 'not JSON'"
    if database.engine_type == "postgres":
        change = "numeric = 'NaN', double = 'inf'"
    await Everything.raw(f"UPDATE crud_everything SET {change}")  # noqa: S608 - our own
    await Everything(interval=timedelta(days=400_000), real=0.123456789).save()
    answer = await client.get("/everything")
    assert answer.status_code == 200, answer.text
    first, second = answer.json()["items"]
    assert (first["email"], first["bytea"]) == ("", "//4=")
    assert second["interval"] == "P400000D"
    assert second["real"] == 0.12345679
    assert shown.is_valid(first)
    assert shown.is_valid(second)
    if database.engine_type == "postgres":
        assert (first["numeric"], first["double"]) == ("NaN", None)
    else:
        assert (first["numeric"], first["json"]) == ("1.50", "not JSON")


async def test_numbers_out_of_range(client: httpx.AsyncClient) -> None:
    """A number that the column can't hold is refused in a query as well."""
    for query in ("real=1e39", "double=1e999", "small=40000", "numeric=1000.00"):
        assert (await client.get(f"/everything?{query}")).status_code == 422


async def test_same_text_on_each_database(client: httpx.AsyncClient) -> None:
    """Numbers and times look alike, whatever the database makes of them."""
    at = datetime(2026, 1, 1, 14, tzinfo=timezone(timedelta(hours=2)))
    row = {"numeric": "1", "decimal": "1.10", "timestamptz": at.isoformat(), "interval": "PT36H"}
    answer = await client.post("/everything", json=row)
    assert answer.status_code == 201
    found = answer.json()
    assert (found["numeric"], found["decimal"]) == ("1.00", "1.1")
    assert (found["timestamptz"], found["interval"]) == ("2026-01-01T12:00:00Z", "P1DT43200S")


QUERIES = [
    ("varchar", "a", "b"),
    ("text", "", "x"),
    ("email", "ada@example.com", "x"),
    ("uuid", "6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a11", "6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a12"),
    ("small", "0", "1"),
    ("integer", "-2147483648", "2147483647"),
    ("big", "9223372036854775807", "0"),
    ("boolean", "true", "false"),
    ("numeric", "9.50", "9.51"),
    ("decimal", "-12.5", "0"),
    ("real", "0.1", "0.2"),
    ("double", "1e300", "-0.5"),
    ("date", "2024-02-29", "2024-02-28"),
    ("time", "23:59:59.000001", "23:59:59"),
    ("timestamp", "2026-01-31T12:30:00", "2026-01-31T12:30:01"),
    ("timestamptz", "2026-01-31T12:30:00Z", "2026-01-31T12:30:00+01:00"),
    ("interval", "P1DT3661.5S", "PT0S"),
]


@pytest.mark.parametrize(("name", "value", "other"), QUERIES)
async def test_equal(client: httpx.AsyncClient, name: str, value: str, other: str) -> None:
    """A filter finds what was sent, by each type of column; and so do its other operators."""
    is_literal = name in {"small", "integer", "big", "boolean", "real", "double"}
    sent = json.loads(value) if is_literal else value
    assert (await client.post("/everything", json={name: sent})).status_code == 201
    await client.post("/everything", json={})

    async def number(**params: Any) -> int:
        answer = await client.get("/everything", params=params)
        assert answer.status_code == 200, answer.text
        return len(answer.json()["items"])

    assert await number(**{name: value}) == 1
    assert await number(**{name: other}) == 0
    assert await number(**{f"{name}__ne": value}) == 0
    assert await number(**{f"{name}__ne": other}) == 1
    assert await number(**{f"{name}__in": [value, other]}) == 1
    assert await number(**{f"{name}__isnull": "true"}) == 1
    assert await number(**{f"{name}__isnull": "false"}) == 1
    if name not in {"varchar", "text", "email", "uuid", "boolean"}:
        assert await number(**{f"{name}__gte": value, f"{name}__lte": value}) == 1
        assert await number(**{f"{name}__gt": value}) == 0
        assert await number(**{f"{name}__lt": value}) == 0


@pytest.mark.parametrize(
    ("name", "value", "other"),
    [
        ("numbers", "2", "4"),
        ("keys", "6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a11", "6f1b2c1e-7a3d-4f0e-9a55-0d2f5f2b7a12"),
        ("times", "2026-01-31T12:30:00Z", "2026-01-31T12:31:00Z"),
        ("amounts", "1.50", "1.51"),
    ],
)
async def test_has(client: httpx.AsyncClient, name: str, value: str, other: str) -> None:
    """`has` finds an element of an array."""
    assert (await client.post("/everything", json={name: VALUES[name][-1]})).status_code == 201
    for text, number in ((value, 1), (other, 0)):
        answer = await client.get("/everything", params={f"{name}__has": text})
        assert answer.status_code == 200, answer.text
        assert len(answer.json()["items"]) == number


@pytest.mark.parametrize("column", ["real", "interval", "decimal", "timestamptz"])
async def test_cursors(client: httpx.AsyncClient, column: str) -> None:
    """A cursor holds the value of each type exactly."""
    values = [*VALUES[column], None, None]
    for value in values:
        assert (await client.post("/everything", json={column: value})).status_code == 201
    for sort in (column, f"-{column}"):
        whole = (await client.get("/everything", params={"sort": sort})).json()["items"]
        seen: list[Any] = []
        params = {"sort": sort, "limit": "1"}
        while True:
            answer = await client.get("/everything", params=params)
            assert answer.status_code == 200, answer.text
            seen += answer.json()["items"]
            if answer.json()["next"] is None:
                break
            params["cursor"] = answer.json()["next"]
        assert whole == seen
        assert len(seen) == len(values)
        assert [row[column] for row in seen[-2:]] == [None, None]
