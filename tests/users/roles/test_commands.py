"""The commands for roles."""

from datetime import timedelta
from typing import Any

import pytest

from piccolo_api_fastapi import Roles, User, Users, auth_commands
from tests.commands import command


def own(users: Users[User], name: str) -> Any:
    """A command for the users of the application."""
    return next(one for one in auth_commands(users) if one.__name__ == name)


async def test_walk(
    users: Users[User], ada: User, capsys: pytest.CaptureFixture[str], clock: Any
) -> None:
    """Roles are stored, made, granted, listed, withdrawn and deleted."""
    assert users.roles is not None
    await own(users, "sync_roles")()
    await own(users, "create_role")("critic", "reviews:write, movies:read", "Writes reviews.")
    await own(users, "grant_role")("ada", "critic")
    await own(users, "grant_role")("ada@example.com", "reader", days=1)
    await own(users, "list_roles")()
    await own(users, "list_roles")("ada")
    await own(users, "who_may")("movies:read")
    await own(users, "withdraw_role")("ada", "reader")
    await own(users, "change_role")("critic", "reviews:read")
    await own(users, "delete_role")("critic")
    await users.roles.change("reader", permissions=["a"])
    await own(users, "sync_roles")(replace=True)
    tomorrow = (clock.now + timedelta(days=1)).isoformat()
    assert capsys.readouterr().out.splitlines() == [
        "The roles of the code are stored.",
        "Made critic: movies:read reviews:write",
        "ada is critic now.",
        "ada is reader now.",
        "critic: movies:read reviews:write",
        "editor: movies:read movies:write",
        "manager: movies:read movies:write roles:manage",
        "reader: movies:read",
        "root: *",
        "critic: movies:read reviews:write",
        f"reader: movies:read until {tomorrow}",
        "ada",
        "ada is not reader any more.",
        "Changed critic: reviews:read",
        "Deleted critic.",
        "The roles of the code are stored.",
    ]
    assert (await users.roles.find("reader")).permissions == "movies:read"
    assert await users.scopes_of(ada) == {"account"}


async def test_without_roles_in_the_code(
    roles: Roles, ada: User, capsys: pytest.CaptureFixture[str]
) -> None:
    """The stock commands know the roles of the database."""
    await command("grant_role")("ada", "manager")
    await command("who_may")("roles:manage")
    await command("sync_roles")()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "ada",
        "The code has no roles. Pass Users(roles=Roles({…})) to auth_commands().",
    ]
    assert len(await roles.roles_of(ada)) == 1
    for name, values, expected in (
        ("grant_role", ("ada", "nothing"), "There is no role nothing."),
        ("change_role", ("nothing", "a"), "There is no role nothing."),
        ("delete_role", ("nothing",), "There is no role nothing."),
        ("withdraw_role", ("ada", "nothing"), "There is no role nothing."),
        ("withdraw_role", ("ada", "reader"), "ada does not have the role reader."),
        ("grant_role", ("nobody", "reader"), "There is no such user."),
        ("create_role", ("bad", "Movies:Write"), "Use lower-case words"),
        ("create_role", ("reader", "a"), "One of these values is taken."),
        ("withdraw_role", ("ada", "manager"), "Nobody else may manage roles."),
    ):
        with pytest.raises(SystemExit, match=expected):
            await command(name)(*values)


@pytest.mark.slow
async def test_many_holders(
    users: Users[User], roles: Roles, capsys: pytest.CaptureFixture[str]
) -> None:
    """All pages are listed."""
    for number in range(101):
        await roles.grant(await users.create(f"user{number}"), "reader")
    await own(users, "who_may")("movies:read")
    assert len(set(capsys.readouterr().out.split())) == 101
