"""The names of tables and columns, and the forms of ids."""

from collections.abc import Callable
from typing import Any
from uuid import UUID, uuid4

import pytest
from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import ConfigurationError, User, Users, auth_tables
from piccolo_api_fastapi.piccolo_app import FastAPIUsersTables, migrate_from_fastapi_users
from piccolo_api_fastapi.piccolo_app.from_fastapi_users.old_tables import text_of
from tests.conftest import PASSWORD
from tests.models import Customer
from tests.piccolo_app.from_fastapi_users.conftest import Old


@pytest.mark.parametrize("schema", ["main", "public", "other"])
async def test_schema(old: Old, users: Users[User], database: Any, schema: str) -> None:
    """The tables may be in any schema, or in another database of SQLite that is attached."""
    await old.add(1, "ada@example.com")
    own = "main" if isinstance(database, SQLiteEngine) else "public"
    source = FastAPIUsersTables(schema=schema)
    if schema == own:
        assert (await migrate_from_fastapi_users(users, source=source)).users == 1
    else:
        with pytest.raises(ConfigurationError, match=f'no table "{schema}"."user"'):
            await migrate_from_fastapi_users(users, source=source)


@pytest.mark.parametrize(
    ("names", "message"),
    [
        ({"table": "users"}, 'There is no table "users". Pass schema and table.'),
        ({"table": "piccolo_user"}, "has no column hashed_password, is_active"),
        ({"username": "login"}, 'The table "user" has no column login.'),
        ({"columns": ("last_name",)}, 'The table "user" has no column last_name.'),
        ({"columns": ("nickname", "phone")}, "can't be copied: nickname, phone."),
        ({"columns": ("id", "password")}, "can't be copied: id, password."),
    ],
)
async def test_missing(old: Old, users: Users[User], names: Any, message: str) -> None:
    """A table or a column that is not there is named."""
    with pytest.raises(ConfigurationError) as caught:
        await migrate_from_fastapi_users(users, source=FastAPIUsersTables(**names))
    assert message in str(caught.value)
    assert await old.ledger() is None


@pytest.mark.parametrize("name", ["table", "oauth_table", "schema", "username"])
def test_names(name: str) -> None:
    """Names are no SQL."""
    values: Any = {name: 'user" --'}
    with pytest.raises(ConfigurationError, match="no name of a table or column"):
        FastAPIUsersTables(**values)
    with pytest.raises(ConfigurationError, match="''"):
        FastAPIUsersTables(table="")


UUIDS: dict[str, Callable[[UUID], Any]] = {
    "CHAR(36)": str,
    "CHAR(32)": lambda id: id.hex,  # noqa: A006 - short
    "BLOB": lambda id: id.bytes,  # noqa: A006 - the same
    "UUID": lambda id: id,  # noqa: A006 - the same
}


@pytest.mark.parametrize("id_type", UUIDS)
async def test_uuids(database: Any, id_type: str) -> None:
    """A user table whose key is a UUID keeps them, in whatever form they are stored."""
    if id_type == "BLOB" and not isinstance(database, SQLiteEngine):
        id_type = "BYTEA"
    # asyncpg keeps statements: a table of another type has another name.
    old, users = Old(Customer, id_type, f"user_{id_type[-3:-1]}"), Users(Customer)
    to_stored = UUIDS.get(id_type, UUIDS["BLOB"])
    await old.open()
    try:
        ada = uuid4()
        await old.add(to_stored(ada), "ada@example.com", is_verified=True, phone="+44 20")
        source = FastAPIUsersTables(table=old.name, columns=("phone",))
        assert (await migrate_from_fastapi_users(users, source=source)).users == 1
        assert (await migrate_from_fastapi_users(users, source=source)).moved_before == 1
        [(old_id, new_id)] = await old.ledger() or []
        assert (UUID(old_id), UUID(new_id)) == (ada, ada)
        user = (await users.verify("ada@example.com", PASSWORD)).user
        assert (user.id, user.phone) == (ada, "+44 20")
        assert await auth_tables(Customer).email_status.count() == 1
        # Another user of ours has the id already: the run goes on.
        await users.create("grace", id=(grace := uuid4()))
        await old.add(to_stored(grace), "grace@example.com")
        await old.add(to_stored(uuid4()), "linus@example.com")
        moved = await migrate_from_fastapi_users(users, source=source)
        assert (moved.users, [one.email for one in moved.refused]) == (1, ["grace@example.com"])
    finally:
        await old.close()


def test_ids_as_text() -> None:
    """Ids have one text each, which SQL can compare where they are text already."""
    some = uuid4()
    texts = [text_of(one) for one in (some, some.bytes, some.hex, 7, "usr_7", b"seven")]
    assert texts == [str(some), str(some), some.hex, "7", "usr_7", b"seven".hex()]


@pytest.mark.parametrize("database", ["postgres"], indirect=True)
async def test_two_user_tables(old: Old) -> None:
    """One table may be moved to two, each of which has its users once."""
    await old.add(1, "ada@example.com")
    for users in (Users(User), Users(Customer)):
        assert (await migrate_from_fastapi_users(users)).users == 1
        assert (await migrate_from_fastapi_users(users)).moved_before == 1


async def test_values_that_do_not_fit(database: Any) -> None:
    """A user with one is refused, and others are moved. SQLite keeps no length."""
    old, users = Old(Customer, "INTEGER"), Users(Customer)
    await old.open()
    try:
        await old.add(1, "ada@example.com", country="GB")
        await old.add(2, "grace@example.com", country=None)
        await old.add(3, "linus@example.com", country="FI", first_name="x" * 1000)
        source = FastAPIUsersTables(columns=("country", "first_name"))
        moved = await migrate_from_fastapi_users(users, source=source)
        refused = {one.id: one.reason for one in moved.refused}
        message = "A value of a further column does not fit."
        is_sqlite = isinstance(database, SQLiteEngine)
        assert refused == {"2": message} | ({} if is_sqlite else {"3": message})
        assert await Customer.count() == 3 - len(refused)
    finally:
        await old.close()


@pytest.mark.parametrize(("id_type", "id"), [("INTEGER", 7), ("VARCHAR(20)", "usr_7")])
async def test_new_uuids(database: Any, id_type: str, id: Any) -> None:  # noqa: A002
    """Ids that are no UUIDs are replaced by new ones."""
    old, users = Old(Customer, id_type, f"user_{id_type[-3:-1]}"), Users(Customer)
    await old.open()
    try:
        await old.add(id, "ada@example.com")
        await migrate_from_fastapi_users(users, source=FastAPIUsersTables(table=old.name))
        user = await users.find("ada@example.com")
        assert user is not None
        assert await old.ledger() == [(str(id), str(user.id))]
    finally:
        await old.close()
