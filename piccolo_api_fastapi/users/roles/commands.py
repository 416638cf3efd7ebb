"""Commands for Piccolo's command line: define roles, grant and withdraw them."""

from datetime import datetime, timedelta

from piccolo_api_fastapi.core.commands import Tools, declare_commands
from piccolo_api_fastapi.errors import NotFound
from piccolo_api_fastapi.users.users import Users

from .service import Roles


async def sync_roles(tools: Tools, replace: bool = False) -> None:  # noqa: FBT001, FBT002
    """
    Store the roles of the code that do not exist.

    :param replace:
        Give those that exist the permissions of the code again.

    """
    roles = _roles(tools)
    await roles.sync(replace=replace)
    print(  # noqa: T201 - a command
        "The roles of the code are stored."
        if roles.seeded
        else "The code has no roles. Pass Users(roles=Roles({…})) to auth_commands()."
    )


async def list_roles(tools: Tools, user: str = "") -> None:
    """
    List all roles with their permissions, or those of one user.

    :param user:
        The username or the e-mail address.

    """
    roles = _roles(tools)
    if not user:
        for role in await roles.every():
            print(f"{role.name}: {role.permissions}")  # noqa: T201 - a command
        return
    for grant in await roles.roles_of(await tools.user(user)):
        end: datetime | None = grant.expires_at
        until = "" if end is None else f" until {end.isoformat()}"
        print(f"{grant.role.name}: {grant.role.permissions}{until}")  # noqa: T201 - a command


async def create_role(tools: Tools, name: str, permissions: str, description: str = "") -> None:
    """
    Make a role.

    :param name:
        The name, such as editor.
    :param permissions:
        The permissions, separated by commas.
    :param description:
        What the role is for.

    """
    made = await _roles(tools).create(str(name), _names(permissions), str(description))
    print(f"Made {made.name}: {made.permissions}")  # noqa: T201 - a command


async def change_role(tools: Tools, role: str, permissions: str) -> None:
    """
    Replace the permissions of a role.

    :param role:
        The name of the role.
    :param permissions:
        The permissions, separated by commas.

    """
    name = await _existing(tools, role)
    changed = await _roles(tools).change(name, permissions=_names(permissions))
    print(f"Changed {changed.name}: {changed.permissions}")  # noqa: T201 - a command


async def delete_role(tools: Tools, role: str) -> None:
    """
    Delete a role. Users who have it lose it at once.

    :param role:
        The name of the role.

    """
    await _roles(tools).delete(await _existing(tools, role))
    print(f"Deleted {role}.")  # noqa: T201 - a command


async def grant_role(tools: Tools, user: str, role: str, days: int | None = None) -> None:
    """
    Grant a role to a user.

    :param user:
        The username or the e-mail address.
    :param role:
        The name of the role.
    :param days:
        The number of days after which the user loses it again. Default: never.

    """
    found = await tools.user(user)
    end = None if days is None else tools.users.clock() + timedelta(days=days)
    await _roles(tools).grant(found, await _existing(tools, role), expires_at=end)
    print(f"{found.username} is {role} now.")  # noqa: T201 - a command


async def withdraw_role(tools: Tools, user: str, role: str) -> None:
    """
    Withdraw a role from a user.

    :param user:
        The username or the e-mail address.
    :param role:
        The name of the role.

    """
    found = await tools.user(user)
    name = await _existing(tools, role)
    try:
        await _roles(tools).withdraw(found, name)
    except NotFound:
        raise SystemExit(f"{found.username} does not have the role {name}.") from None
    print(f"{found.username} is not {role} any more.")  # noqa: T201 - a command


async def who_may(tools: Tools, permission: str) -> None:
    """
    List the active users who have a permission by a role.

    :param permission:
        The permission, such as movies:write.

    """
    last = None
    while found := await _roles(tools).holders(str(permission), after=last):
        for user in found:
            print(user.username)  # noqa: T201 - a command
        last = getattr(found[-1], found[-1]._meta.primary_key._meta.name)


def _roles(tools: Tools) -> Roles:
    if tools.users.roles is not None:
        found: Roles = tools.users.roles
        return found
    roles = Roles()
    Users(tools.users.table, roles=roles, clock=tools.users.clock)
    return roles


async def _existing(tools: Tools, role: str) -> str:
    """
    Return the name of a role.

    Raises:
        SystemExit: There is no such role.
    """
    try:
        found = await _roles(tools).find(str(role))
    except NotFound:
        raise SystemExit(f"There is no role {role}.") from None
    return str(found.name)


def _names(text: str) -> list[str]:
    return str(text).replace(",", " ").split()


declare_commands(
    sync_roles,
    list_roles,
    create_role,
    change_role,
    delete_role,
    grant_role,
    withdraw_role,
    who_may,
)
