"""Columns of a user table as inputs: what is typed is stored, and what is stored is shown."""

import uuid
from collections.abc import AsyncIterator
from datetime import date, datetime, time, timezone
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any

import pytest
from fastapi import FastAPI
from piccolo.apps.user.tables import BaseUser
from piccolo.columns import (
    JSON,
    UUID,
    Array,
    Boolean,
    Date,
    DoublePrecision,
    Integer,
    Interval,
    Numeric,
    Time,
    Timestamp,
    Timestamptz,
    Varchar,
)
from piccolo.table import create_db_tables

from piccolo_api_fastapi import Accounts, Users, auth_tables
from piccolo_api_fastapi.pages.accounts.columns import ColumnInput, columns_of
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, use_engine
from tests.pages.browsing import Browser
from tests.pages.catalogue import TEXTS
from tests.pages.conftest import Parts, log_in


class Plan(str, Enum):
    """What a reader may choose."""

    free = "free"
    paid = "paid"


class Level(int, Enum):
    """Choices that are numbers."""

    low = 1
    high = 2


class Reader(BaseUser, tablename="reader"):
    """A user with columns of many types."""

    newsletter = Boolean(help_text="Once a month.")
    age = Integer(null=True, default=None)
    born = Date(null=True, default=None)
    wakes = Time(null=True, default=None)
    seen = Timestamp(null=True, default=None)
    met = Timestamptz(null=True, default=None)
    weight = Numeric(null=True, default=None)
    ratio = DoublePrecision(null=True, default=None)
    plan = Varchar(choices=Plan, default=Plan.free)
    level = Integer(choices=Level, null=True, default=None)
    notes = JSON(null=True, default=None)
    card = UUID(null=True, default=None)
    pause = Interval(null=True, default=None)
    nick = Varchar(unique=True, null=True, default=None, help_text="Of your own.")
    motto = Varchar(default="")
    tags = Array(Varchar(), null=True, default=None)


TABLES = [Reader, *auth_tables(Reader)]
EXTRA = [
    "newsletter",
    "age",
    "born",
    "wakes",
    "seen",
    "met",
    "weight",
    "ratio",
    "plan",
    "level",
    "notes",
    "card",
    "pause",
    "nick",
    "motto",
    "tags",
]


@lru_cache
def _site(_: Any, clock: FrozenClock) -> tuple[Users[Reader], FastAPI]:
    users = Users(Reader, clock=clock)
    return users, Parts(users, mail=None, base_url=None, extra=EXTRA).app()


@pytest.fixture
async def reading(database: Any, clock: FrozenClock) -> AsyncIterator[Browser]:
    """A browser in which a reader is logged in."""
    use_engine(database)
    await create_db_tables(*TABLES, if_not_exists=True)
    users, app = _site(database, clock)
    await users.create("ada", PASSWORD, email="ada@example.com")
    browser = Browser(app)
    await log_in(browser)
    await browser.open("/account")
    yield browser
    for table in TABLES:
        await table.delete(force=True)


FILLED = {
    "newsletter": "true",
    "age": "36",
    "born": "1815-12-10",
    "wakes": "06:30:15",
    "seen": "2026-01-02T03:04:05.123",
    "met": "2026-01-02T03:04:05Z",
    "weight": "61.5",
    "ratio": "0.25",
    "plan": "paid",
    "level": "2",
    "notes": '{"a": "<b>"}',
    "card": "0c5e54a0-7b3c-4b66-8a4e-1f6e3a1ac0de",
    "pause": "P1DT2H",
    "nick": "countess",
    "motto": "Onwards",
}


async def test_all_kinds(reading: Browser) -> None:
    """Each kind is stored, shown as it was typed, and survives saving the page again."""
    page = await reading.submit("/account", **FILLED)
    assert page.message == TEXTS["done.profile_changed"], page.errors
    [row] = await Reader.select(*[getattr(Reader, name) for name in FILLED])
    stored = {
        "newsletter": True,
        "age": 36,
        "born": date(1815, 12, 10),
        "wakes": time(6, 30, 15),
        "seen": datetime(2026, 1, 2, 3, 4, 5, 123000),  # noqa: DTZ001 - the column has no zone
        "met": datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc),
        "weight": Decimal("61.5"),
        "ratio": 0.25,
        "plan": "paid",
        "level": 2,
        "card": uuid.UUID(FILLED["card"]),
        "nick": "countess",
        "motto": "Onwards",
    }
    assert {name: row[name] for name in stored} == stored
    assert "<b>" not in page.text
    again = dict(page.form("/account").fields)
    assert again.keys() == FILLED.keys()
    page = await reading.submit("/account")
    assert page.message == TEXTS["done.profile_changed"], page.errors
    assert await Reader.select(*[getattr(Reader, name) for name in FILLED]) == [row]


async def test_emptied(reading: Browser) -> None:
    """What is emptied is null, or an empty text; an unchecked box is false."""
    await reading.submit("/account", **FILLED)
    kept = {"newsletter": None, "plan": "free"}
    page = await reading.submit("/account", **{**dict.fromkeys(FILLED, ""), **kept})
    assert page.message == TEXTS["done.profile_changed"], page.errors
    [row] = await Reader.select(*[getattr(Reader, name) for name in FILLED])
    assert (row.pop("newsletter"), row.pop("plan"), row.pop("motto")) == (False, "free", "")
    assert set(row.values()) == {None}


@pytest.mark.parametrize("name", ["age", "born", "weight", "level", "plan", "card", "seen"])
async def test_nonsense(reading: Browser, name: str) -> None:
    """What does not fit is told by its input, and everything typed is still there."""
    typed = {**FILLED, name: "<nonsense>"}
    page = await reading.submit("/account", **typed)
    assert page.status == 422
    assert f'id="field-{name}-error"' in page.text
    fields = dict(page.form("/account").fields)
    if name not in {"level", "plan"}:
        assert fields[name] == "<nonsense>"
    others = {other: value for other, value in FILLED.items() if other != name}
    assert {other: fields[other] for other in others} == others
    page = await reading.submit("/account", **{**typed, "newsletter": None})
    assert "newsletter" not in dict(page.form("/account").fields)


async def test_registration(reading: Browser) -> None:
    """A new user fills them in as well, and two who leave a unique one empty do not clash."""
    await reading.submit("/account/logout")
    for name in ("bob", "eve"):
        await reading.open("/account/register")
        page = await reading.submit(
            "/account/register", username=name, password=PASSWORD, level="1"
        )
        assert page.message == TEXTS["done.registered"], page.errors
    page = await log_in(reading, "eve")
    page = await reading.open("/account")
    page = await reading.submit("/account", nick="")
    assert page.message == TEXTS["done.profile_changed"]
    rows = await Reader.select(Reader.level).where(Reader.username != "ada")
    assert [row["level"] for row in rows] == [1, 1]


def test_inputs(database: Any) -> None:
    """The inputs are those of HTML for the types; arrays have none."""
    from piccolo_api_fastapi import SessionAuth

    users = Users(Reader)
    found = columns_of(Accounts(users, schemes=[SessionAuth(users)], extra=EXTRA))
    assert {column.name: column.type for column in found} == {
        "newsletter": "checkbox",
        "age": "number",
        "born": "date",
        "wakes": "time",
        "seen": "datetime-local",
        "met": "text",
        "weight": "number",
        "ratio": "number",
        "plan": "select",
        "level": "select",
        "notes": "text",
        "card": "text",
        "pause": "text",
        "nick": "text",
        "motto": "text",
    }
    assert found[0] == ColumnInput(
        name="newsletter",
        label="Newsletter",
        type="checkbox",
        autocomplete=None,
        hint="Once a month.",
        empty=None,
    )
    assert columns_of(Accounts(users, schemes=[SessionAuth(users)])) == ()
