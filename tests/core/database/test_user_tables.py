"""Users from rows: as Piccolo's constructor makes them, without its price."""

from typing import Any
from uuid import uuid4

import pytest
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi import JWTAuth, SessionAuth, TokenAuth, User, Users, auth_tables
from piccolo_api_fastapi.core.database.statements import column_names
from piccolo_api_fastapi.core.database.user_tables import load
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.users.tables import MARKER
from tests.conftest import SECRET
from tests.models import Customer, Member


class Greeter(User, tablename="greeter"):
    """A user with a constructor of its own."""

    def __init__(self, *arguments: Any, **values: Any) -> None:
        super().__init__(*arguments, **values)
        self.greeting = f"Hello, {self.username}!"


def row_of(table: type[BaseUser], name: str) -> dict[str, Any]:
    """The values of all columns."""
    key = table._meta.primary_key._meta.name
    values: dict[str, Any] = dict.fromkeys(column_names(table))
    return values | {
        key: uuid4() if table in (Customer, Member) else len(name),
        "username": name,
        "password": MARKER,
        "email": f"{name}@example.com",
    }


@pytest.mark.parametrize("table", [User, Customer, Member, Greeter, BaseUser])
def test_loaded_as_constructed(table: type[BaseUser]) -> None:
    """A loaded user has what a constructed one has, the first of a class and every later one."""
    for name in ("ada", "grace", "edsger"):
        values = row_of(table, name)
        loaded = load(table, dict(values))
        assert type(loaded) is table
        assert vars(table(**values, _exists_in_db=True)) == vars(loaded)


def test_own_constructors_run() -> None:
    """A class that does more when it is made does so for each user."""
    greetings = [load(Greeter, row_of(Greeter, name)).greeting for name in ("ada", "grace")]
    assert greetings == ["Hello, ada!", "Hello, grace!"]


def test_users_share_nothing() -> None:
    """What is changed on one user is not changed on the next."""
    load(User, row_of(User, "ada"))
    ada, grace = load(User, row_of(User, "ada")), load(User, row_of(User, "grace"))
    ada.first_name = "Ada"
    assert (frozenset({"first_name"}), frozenset()) == (ada._changed, grace._changed)
    assert grace.first_name is None


def test_no_column_is_inherited() -> None:
    """Nothing of the first user of a class is kept to turn up in another."""
    load(User, row_of(User, "ada"))
    assert "email" not in vars(load(User, {"username": "grace"}))


@pytest.mark.parametrize("table", [User, Customer, Member, BaseUser])
def test_stock_tables_take_the_fast_way(
    table: type[BaseUser], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once the first user is loaded, the constructor of a table without its own is not called."""
    load(table, row_of(table, "ada"))
    monkeypatch.setattr(table, "__init__", None)
    assert load(table, row_of(table, "grace")).username == "grace"


def test_a_table_that_was_chosen() -> None:
    """A scheme takes the table that it is given, if that belongs to its users."""
    customers, tables = Users(Customer), auth_tables(Customer)
    assert SessionAuth(customers, table=tables.session).table is tables.session
    assert TokenAuth(customers, table=tables.api_token).table is tables.api_token
    families = tables.refresh_family
    assert JWTAuth(customers, secret=SECRET, table=families).table is families
    with pytest.raises(ConfigurationError, match="another user table"):
        SessionAuth(Users(Member), table=tables.session)
