"""Users whose rows other code wrote, in other spellings than the library's."""

import asyncio
from typing import Any

import pytest
from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi import FoldedIdentifiers, User, Users, auth_tables
from piccolo_api_fastapi.errors import IdentityTaken
from piccolo_api_fastapi.piccolo_app import Conflict, fold_users
from piccolo_api_fastapi.users import folding
from piccolo_api_fastapi.users.tables import MARKER
from tests.models import Customer, Member
from tests.users.test_commands import Run, customers, run, totp

__all__ = ["customers", "run", "totp"]

ODD = [("ｏｄｄ", "ｏｄｄ@example.com"), ("пЕТРоВ", "пЕТРоВ.иВАН@example.com")]
"""Rows that are found by their own spelling only, until they are folded."""


async def write(table: type[BaseUser], username: str, email: str = "") -> Any:
    """A row as Piccolo's command line writes it. Returns the key."""
    key = table._meta.primary_key
    row = table(username=username, email=email or f"{username}@example.com", password=MARKER)
    [made] = await table.insert(row).returning(key)
    return made[key._meta.name]


async def found(users: Users[Any], identifier: str) -> Any:
    """The key of the user that is found."""
    user = await users.find(identifier)
    return user and getattr(user, user._meta.primary_key._meta.name)


async def folded() -> list[tuple[str | None, str | None]]:
    """The rows of the table."""
    rows = await FoldedIdentifiers.select().order_by(FoldedIdentifiers.user)
    return [(row["username"], row["email"]) for row in rows]


@pytest.mark.security(14)
@pytest.mark.parametrize("written", ["before", "later"])
@pytest.mark.parametrize(
    ("username", "email", "typed"),
    [
        ("Ada", "", ["Ada", "ada", "ADA", "ada@example.com", "ADA@EXAMPLE.COM"]),
        ("Иван", "", ["Иван", "иван", "ИВАН"]),
        (
            "erna",
            "Jürgen.MÜLLER@example.com",
            ["Jürgen.MÜLLER@example.com", "jürgen.müller@example.com", "JÜRGEN.MÜLLER@Example.com"],
        ),
        (
            "fritz",
            "Fritz@xn--exmple-cua.com",
            ["fritz@xn--exmple-cua.com", "fritz@exämple.com", "fritz@XN--EXMPLE-CUA.com"],
        ),
        (
            "gerd",
            "Jose\u0301@example.com",
            ["jose\u0301@example.com", "jos\u00e9@example.com", "JOS\u00c9@example.com"],
        ),
    ],
)
async def test_spellings(
    users: Users[User],
    statements: list[str],
    username: str,
    email: str,
    typed: list[str],
    written: str,
) -> None:
    """A row is found by one statement in each spelling, whether it was folded or not."""
    key = await write(BaseUser, username, email)
    if written == "before":
        await fold_users()
    for identifier in typed:
        statements.clear()
        assert await found(users, identifier) == key, identifier
        assert len(statements) == 1
        is_address = "@" in identifier
        with pytest.raises(IdentityTaken):
            await users.create(
                "other" if is_address else identifier, email=identifier if is_address else None
            )


@pytest.mark.security(14)
async def test_odd_spellings(users: Users[User]) -> None:
    """What nobody foresees is found as it is stored, and once folded in all spellings."""
    keys = [await write(BaseUser, username, email) for username, email in ODD]
    for key, row in zip(keys, ODD, strict=True):
        for stored in row:
            assert await found(users, stored) == key
    await fold_users()
    others = [("odd", "ODD@example.com"), ("Петров", "петров.ИВАН@example.com")]
    for key, typed in zip(keys, others, strict=True):
        for identifier in typed:
            assert await found(users, identifier) == key
        with pytest.raises(IdentityTaken):
            await users.create("other", email=typed[1])
        with pytest.raises(IdentityTaken):
            await users.create(typed[0])


@pytest.mark.security(14)
async def test_no_twins(users: Users[User]) -> None:
    """Nobody registers a name that looks like another, by a capital with a mark beside it."""
    john = await users.create("\u01f0ohn", email="\u01f0ohn@example.com")
    for twin in ("J\u030cohn", "j\u030cohn"):
        assert await found(users, twin) == john.id
        with pytest.raises(IdentityTaken):
            await users.create(twin)
        with pytest.raises(IdentityTaken):
            await users.create("other", email=f"{twin}@example.com")


@pytest.mark.parametrize("batch", [1, 2, 500])
async def test_rows(users: Users[User], monkeypatch: pytest.MonkeyPatch, batch: int) -> None:
    """Only rows in another form have one, as they are now; a second run changes nothing."""
    monkeypatch.setattr(folding, "_BATCH", batch)
    await users.create("ada", email="ada@example.com")
    await users.create("zoë", email="zoë@exämple.com")
    await users.create("bob")
    keys = [
        await write(BaseUser, "Grace", "grace@example.com"),
        await write(BaseUser, "hopper", "Hopper@xn--exmple-cua.com"),
        await write(BaseUser, "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}" * 20, "x@x.org"),
    ]
    for _ in range(2):
        assert await fold_users() == []
        assert await folded() == [("grace", None), (None, "hopper@exämple.com")]
    await User.update({User.username: "grace", User.email: "GRACE@example.com"}).where(
        User.id == keys[0]
    )
    await User.update({User.email: "hopper@example.com"}).where(User.id == keys[1])
    await fold_users()
    assert await folded() == [(None, "grace@example.com")]
    await User.delete().where(User.id == keys[0])
    assert await folded() == []


@pytest.mark.security(14)
async def test_a_row_that_is_out_of_date(users: Users[User]) -> None:
    """After a change by other code the earlier name and address find nobody, and are free."""
    key = await write(BaseUser, "ｏｄｄ", "ｏｄｄ@example.com")
    await fold_users()
    await User.update({User.username: "new", User.email: "new@example.com"}).where(User.id == key)
    assert await found(users, "odd") is None
    assert await found(users, "odd@example.com") is None
    await users.create("odd", email="odd@example.com")
    assert await found(users, "odd@example.com") != key


async def test_conflicts(users: Users[User]) -> None:
    """Users who are the same are reported, and each is found by their own spelling."""
    ada = await users.create("ada", email="ada@example.com")
    others = [
        await write(BaseUser, name, email)
        for name, email in (("Ada", "x@x.org"), ("ADA", "y@x.org"), ("eve", "ADA@example.com"))
    ]
    expected = [
        Conflict("username", "ada", others[0], ada.id),
        Conflict("username", "ada", others[0], others[1]),
        Conflict("username", "ada", others[1], ada.id),
        Conflict("email", "ada@example.com", others[2], ada.id),
    ]
    assert await fold_users() == expected
    assert str(expected[3]) == (
        f"Users {others[2]} and {ada.id} have the same e-mail address: ada@example.com"
    )
    for identifier, key in (
        ("ada", ada.id),
        ("Ada", others[0]),
        ("ADA", others[1]),
        ("ADA@example.com", others[2]),
        ("ada@example.com", ada.id),
        ("Ada@example.com", ada.id),
        ("aDa", ada.id),
    ):
        assert await found(users, identifier) == key, identifier
    await User.delete().where(User.id == ada.id)
    assert await found(users, "aDa") == others[0]


@pytest.mark.parametrize("table", [Customer, Member])
async def test_user_tables_of_ones_own(
    database: Any, table: type[BaseUser], statements: list[str]
) -> None:
    """Any primary key will do."""
    users = Users(table)
    keys = [await write(table, *row) for row in ODD]
    other = await write(table, "Odd", "x@x.org")
    [conflict] = await fold_users(table)
    assert (conflict.column, conflict.value) == ("username", "odd")
    assert {str(conflict.user), str(conflict.other)} == {str(keys[0]), str(other)}
    assert await auth_tables(table).folded_identifiers.count() == 3
    assert await found(users, "odd@example.com") == keys[0]
    assert await found(users, "петров") == keys[1]
    assert await FoldedIdentifiers.count() == 0


SPELLINGS = ["müller", "Müller", "MÜLLER", "mu\u0308ller", "ｍüller", "MU\u0308LLER"] * 4


@pytest.mark.slow
@pytest.mark.security(14)
@pytest.mark.parametrize("owners", [0, 1])
async def test_many_at_once(users: Users[User], owners: int) -> None:
    """Of 24 who take a name and an address at once, in several spellings, one gets it."""
    if owners:
        await write(BaseUser, "mÜLLeR", "mÜLLeR@example.com")
        await fold_users()

    async def create(spelling: str) -> int:
        try:
            await users.create(spelling, email=f"{spelling}@example.com")
        except IdentityTaken:
            return 0
        return 1

    made = await asyncio.gather(*map(create, SPELLINGS))
    assert sum(made) == 1 - owners
    assert await User.count() == 1


async def test_folding_at_once(users: Users[User]) -> None:
    """The command can run twice at a time."""
    await write(BaseUser, *ODD[0])
    await asyncio.gather(*(fold_users() for _ in range(24)))
    assert await folded() == [("odd", "odd@example.com")]


async def test_command(run: Run, customers: Users[Customer]) -> None:
    """It prints the conflicts and their number."""
    assert await run("fold_users") == "All users are folded; 0 conflicts.\n"
    await customers.create("ada")
    await write(Customer, "Ada", "ada@example.com")
    printed = (await run("fold_users")).splitlines()
    assert printed[0].endswith("have the same username: ada")
    assert printed[1:] == ["All users are folded; 1 conflict."]
