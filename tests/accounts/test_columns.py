"""Columns that people fill in: what does not fit, or belongs to somebody, on both databases."""

from collections.abc import AsyncIterator
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from piccolo.apps.user.tables import BaseUser
from piccolo.columns import (
    JSON,
    JSONB,
    Array,
    BigInt,
    Column,
    DoublePrecision,
    Integer,
    Interval,
    Numeric,
    Real,
    SmallInt,
    Text,
    Timestamp,
    Timestamptz,
    Varchar,
)
from piccolo.table import create_db_tables

from piccolo_api_fastapi import (
    Accounts,
    SessionAuth,
    Users,
    accounts_router,
    auth_tables,
    install,
    session_router,
)
from piccolo_api_fastapi.mail import DetailTaken, VerifyEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.conftest import PASSWORD, log_in, new_client, use_engine

from .conftest import BASE_URL, register


class Plan(str, Enum):
    """What a user may choose."""

    free = "free"
    paid = "paid"


class Level(int, Enum):
    """Choices that are numbers."""

    low = 1
    high = 2


class Price(Enum):
    """Choices that JSON has no type for."""

    small = Decimal("1.5")
    great = Decimal("2.5")


class Odd(BaseUser, tablename="odd_user"):
    """A user with columns of many types."""

    nick = Varchar(length=10, unique=True, null=True, default=None)
    age = Integer(null=True, default=None)
    small = SmallInt(null=True, default=None)
    big = BigInt(null=True, default=None)
    ratio = Real(null=True, default=None)
    precise = DoublePrecision(null=True, default=None)
    seen = Timestamp(null=True, default=None)
    met = Timestamptz(null=True, default=None)
    span = Interval(null=True, default=None)
    notes = JSON(null=True, default=None)
    more = JSONB(null=True, default=None)
    bio = Text(null=True, default=None, db_column_name="biography")
    plan = Varchar(choices=Plan, default=Plan.free, help_text="What the user pays for.")
    level = Integer(choices=Level, null=True, default=None)
    price = Numeric(digits=(5, 2), choices=Price, null=True, default=None)
    colours = Array(Varchar(), choices=Plan, null=True, default=None)


TABLES = [Odd, *auth_tables(Odd)]
COLUMNS: list[Column] = Odd._meta.columns
EXTRA = [name for column in COLUMNS if not hasattr(BaseUser, name := column._meta.name)]


@lru_cache
def _users(_: Any, clock: FrozenClock) -> Users[Odd]:
    return Users(Odd, clock=clock)


@pytest.fixture
async def odd(database: Any, clock: FrozenClock) -> AsyncIterator[Users[Odd]]:
    """Users of such a table, two of them."""
    use_engine(database)
    await create_db_tables(*TABLES, if_not_exists=True)
    users = _users(database, clock)
    await users.create("bob", PASSWORD, email="bob@example.com", nick="bob")
    await users.create("eve", PASSWORD, email="eve@example.com")
    yield users
    for table in TABLES:
        await table.delete(force=True)


def build(users: Users[Odd], **options: Any) -> FastAPI:
    """An application in which all of the columns can be filled in."""
    session = SessionAuth(users)
    accounts = Accounts(users, schemes=[session], extra=EXTRA, **options)
    app = FastAPI()
    install(app)
    app.include_router(session_router(session), prefix="/auth")
    app.include_router(accounts_router(accounts), prefix="/auth")
    return app


@lru_cache
def app_of(users: Users[Odd], outbox: Outbox | None) -> FastAPI:
    """One that is built once, with mail or without."""
    return build(users, mail=outbox, base_url=BASE_URL) if outbox is not None else build(users)


@pytest.fixture
async def client(odd: Users[Odd], outbox: Outbox) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with new_client(app_of(odd, outbox)) as client:
        yield client


UNUSABLE: list[dict[str, Any]] = [
    {"age": 2**31},
    {"age": 2**70},
    {"small": 40_000},
    {"big": 2**63},
    {"big": -(2**63) - 1},
    {"ratio": 1e300},
    {"ratio": "nan"},
    {"seen": "2020-01-01T00:00:00Z"},
    {"met": "9999-12-31T23:59:59-14:00"},
    {"met": "0001-01-01T00:00:00+14:00"},
    {"notes": '{"a": NaN}'},
    {"more": '{"a": NaN}'},
    {"more": '["\\u0000"]'},
    {"plan": "gold"},
    {"level": 3},
    {"price": "3.5"},
]

USABLE: list[dict[str, Any]] = [
    {"age": 2**31 - 1, "small": -(2**15), "big": 2**63 - 1, "ratio": 0.5, "precise": 1e300},
    {"seen": "2020-01-01T00:00:00", "met": "2020-01-01T00:00:00+02:00"},
    {"met": "2020-01-01T00:00:00"},
    {"notes": "[1]", "more": '{"a": 1}'},
    {"bio": "long"},
    {"plan": "paid", "level": 2, "price": "2.5"},
    {"plan": "free", "level": None, "colours": ["free", "paid"]},
    {"nick": None, "age": None, "met": None, "more": None},
]


@pytest.mark.parametrize("values", UNUSABLE, ids=str)
async def test_what_does_not_fit(
    client: httpx.AsyncClient, outbox: Outbox, values: dict[str, Any]
) -> None:
    """It is a 422 that names the field, for a change and for a registration, before its answer."""
    await log_in(client, "bob")
    for answer in (await client.patch("/auth/me", json=values), await register(client, **values)):
        assert answer.status_code == 422
        assert [error["loc"] for error in answer.json()["detail"]] == [["body", *values]]
    assert outbox.messages == []


@pytest.mark.parametrize("values", USABLE, ids=str)
async def test_what_fits(client: httpx.AsyncClient, outbox: Outbox, values: dict[str, Any]) -> None:
    """The largest and the smallest are stored."""
    await log_in(client, "bob")
    assert (await client.patch("/auth/me", json=values)).status_code == 200
    assert (await client.get("/auth/me")).status_code == 200
    assert (await register(client, **values)).status_code == 202
    outbox.last(VerifyEmail)


async def test_names_and_choices(
    odd: Users[Odd], client: httpx.AsyncClient, outbox: Outbox
) -> None:
    """Fields have the names of Python, OpenAPI lists the choices, and older values are shown."""
    await log_in(client, "bob")
    answer = await client.patch("/auth/me", json={"bio": "long", "plan": "paid"})
    assert answer.json()["bio"] == "long"
    assert (await client.get("/auth/me")).json() == answer.json()
    answer = await client.patch("/auth/me", json={"colours": ["red"]})
    assert answer.json()["detail"][0]["loc"] == ["body", "colours", 0]
    await Odd.update({Odd.plan: "gold"}).where(Odd.username == "bob")
    assert (await client.get("/auth/me")).json()["plan"] == "gold"
    models = app_of(odd, outbox).openapi()["components"]["schemas"]
    for model in ("MeIn", "RegisterIn"):
        plan = models[model]["properties"]["plan"]
        assert plan["anyOf"][0]["enum"] == ["free", "paid"]
        assert plan["description"] == "What the user pays for."
        assert models[model]["properties"]["level"]["anyOf"][0]["enum"] == [1, 2]
    assert models["MeOut"]["properties"]["plan"] == {
        "description": "What the user pays for.",
        "maxLength": 255,
        "title": "Plan",
        "type": "string",
    }
    assert "extra" not in str(models["MeOut"])


async def test_what_only_the_database_knows(
    odd: Users[Odd], outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the model lets through and the driver refuses is a 422 as well, not a 500 nor a 202."""
    monkeypatch.setattr("piccolo_api_fastapi.accounts.columns._KINDS", {})
    lenient = build(odd, mail=outbox, base_url=BASE_URL)
    at_once = build(odd)
    async with new_client(lenient) as one, new_client(at_once) as other:
        await log_in(one, "bob")
        values = {"big": 2**63}
        for answer in (
            await one.patch("/auth/me", json=values),
            await register(one, **values),
            await register(other, **values),
        ):
            assert answer.status_code == 422
            assert answer.json()["detail"][0]["type"] == "value_unusable"
    assert outbox.messages == []
    assert await Odd.count() == 2


async def test_what_belongs_to_somebody(
    odd: Users[Odd], client: httpx.AsyncClient, outbox: Outbox
) -> None:
    """A value of another user is a 409; a registration tells by mail, not blaming the name."""
    await log_in(client, "eve")
    answer = await client.patch("/auth/me", json={"nick": "bob"})
    assert (answer.status_code, answer.json()["code"]) == (409, "value_taken")
    answer = await register(client, nick="bob")
    assert answer.status_code == 202
    assert outbox.last(DetailTaken).to == "ada@example.com"
    async with new_client(app_of(odd, None)) as other:
        answer = await register(other, nick="bob")
        assert (answer.status_code, answer.json()["code"]) == (409, "value_taken")
        answer = await register(other, username="bob", nick="bob")
        assert (answer.status_code, answer.json()["code"]) == (409, "identity_taken")
    assert await Odd.count() == 2
