"""The id of a deleted row is given to no other row, on SQLite either."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from piccolo.columns import ForeignKey
from piccolo.columns.base import OnDelete
from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table, create_db_tables

from piccolo_api_fastapi import ConfigurationError, PersistentSQLiteEngine, User, Users
from piccolo_api_fastapi.core.database.sqlite_ids import (
    UniqueSerial,
    never_reuse_ids,
    refuse_reused_ids,
    reuses_ids,
)
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.testing import race
from tests.commands import command
from tests.models import Customer


class Person(Table, tablename="person"):
    """A table as Piccolo makes it."""


class Pet(Table, tablename="pet"):
    """Rows that belong to those, and go with them."""

    owner = ForeignKey(Person, null=False, on_delete=OnDelete.cascade)


class Counted(Table, tablename="counted"):
    """A table that reuses no id."""

    id = UniqueSerial(primary_key=True)


TABLES = (Person, Pet, Counted)


@pytest.fixture(params=[SQLiteEngine, PersistentSQLiteEngine])
async def engine(
    request: pytest.FixtureRequest, memory_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Any]:
    """A SQLite file with two people, the second of whom has a pet."""
    engine = request.param(str(memory_path / "ids.sqlite"), timeout=30)
    for table in TABLES:
        monkeypatch.setattr(table._meta, "_db", engine)
    await create_db_tables(*TABLES)
    if isinstance(engine, PersistentSQLiteEngine):
        await engine.start_connection_pool()
    await add(Person)
    await Pet.insert(Pet(owner=await add(Person)))
    yield engine
    if isinstance(engine, PersistentSQLiteEngine):
        await engine.close_connection_pool()


async def add(table: Any) -> int:
    """Add a row; its id."""
    row = table()
    await row.save()
    return int(row.id)


async def integrity() -> list[str]:
    """What SQLite says of the file: that it is in order, or what is not."""
    checked = await Person.raw("PRAGMA integrity_check")
    return [row["integrity_check"] for row in checked]


async def test_as_piccolo_makes_it(engine: Any) -> None:
    """The reason for all this: the last id is given to the next row."""
    await Person.delete().where(Person._meta.primary_key == 2)
    assert await add(Person) == 2
    assert await reuses_ids(Person)
    with pytest.raises(ConfigurationError, match=r"never_reuse_ids\(Person\)"):
        await refuse_reused_ids(Person)


async def test_never_reused(engine: Any) -> None:
    """Afterwards no id comes again, whatever was deleted; the rows and their own stay."""
    await never_reuse_ids(Person)
    await never_reuse_ids(Person)
    await refuse_reused_ids(Person)
    assert await integrity() == ["ok"]
    assert (await Person.count(), await Pet.count()) == (2, 1)
    await Person.delete().where(Person._meta.primary_key == 2)
    assert await Pet.count() == 0
    assert await add(Person) == 3
    await Person.delete(force=True)
    assert await add(Person) == 4
    assert await integrity() == ["ok"]


async def test_an_empty_table(engine: Any) -> None:
    """A table without rows counts from one."""
    await Person.delete(force=True)
    await never_reuse_ids(Person)
    assert [await add(Person), await add(Person)] == [1, 2]


async def test_a_new_table(engine: Any) -> None:
    """`UniqueSerial` needs no change afterwards."""
    assert not await reuses_ids(Counted)
    first = await add(Counted)
    await Counted.delete(force=True)
    assert await add(Counted) == first + 1


@pytest.mark.slow
async def test_at_once(engine: Any) -> None:
    """Of many at once one changes the table, while rows are added and deleted."""

    async def change() -> None:
        await never_reuse_ids(Person)
        async with transaction(Person):
            await Person.delete().where(Person._meta.primary_key == await add(Person))

    assert await race(change, 24) == [None] * 24
    assert await integrity() == ["ok"]
    assert await add(Person) == 27


class _Undone(Exception):
    """Rolls a transaction back."""


async def _undo() -> None:
    async with transaction(Person):
        await never_reuse_ids(Person)
        raise _Undone


async def test_rolled_back(engine: Any) -> None:
    """The change belongs to the transaction of its caller."""
    with pytest.raises(_Undone):
        await _undo()
    assert await reuses_ids(Person)
    assert await integrity() == ["ok"]


async def test_another_definition(engine: Any) -> None:
    """A key that Piccolo did not write is left alone."""
    await Person.raw("DROP TABLE pet")
    await Person.raw("DROP TABLE person")
    await Person.raw("CREATE TABLE person (id INTEGER NOT NULL PRIMARY KEY)")
    with pytest.raises(ConfigurationError, match="does not define its key"):
        await never_reuse_ids(Person)
    await Person.raw("DROP TABLE person")
    assert not await reuses_ids(Person)


class _Protected(SQLiteEngine):
    """SQLite in its defensive mode, as macOS has it, which ignores this statement."""

    async def run_querystring(self, querystring: Any, in_pool: bool = False) -> Any:  # noqa: FBT001, FBT002
        if "writable_schema = 1" in str(querystring):
            return []
        return await super().run_querystring(querystring, in_pool)


async def test_protected(memory_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A SQLite that protects the definitions of its tables says so, and nothing is changed."""
    monkeypatch.setattr(Person._meta, "_db", _Protected(str(memory_path / "ids.sqlite")))
    await create_db_tables(Person)
    with pytest.raises(ConfigurationError, match="brings its own SQLite"):
        await never_reuse_ids(Person)
    assert await reuses_ids(Person)


async def test_users(database: Any, users: Users[User]) -> None:
    """Users get an id of their own, and keys that are no numbers need nothing."""
    last = await users.create("ada")
    await User.delete().where(User.id == last.id)
    assert (await users.create("eve")).id != last.id
    for table in (User, Customer):
        await never_reuse_ids(table)
        await refuse_reused_ids(table)


async def test_command(database: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The command changes the table of users, which has nothing to change here."""
    await command("never_reuse_ids")()
    assert capsys.readouterr().out == "The ids of deleted users are not used again.\n"
