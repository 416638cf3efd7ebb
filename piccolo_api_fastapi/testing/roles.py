"""Roles for users of tests."""

from collections.abc import Iterable

from piccolo_api_fastapi.users import Users, UserT


async def give_role(
    users: Users[UserT], user: UserT, role: str, permissions: Iterable[str] | None = None
) -> None:
    """
    Grant a role to a user of a test, and make the role if it does not exist.

    ```python
    from piccolo_api_fastapi import Roles, Users
    from piccolo_api_fastapi.testing import give_role

    users = Users(roles=Roles({"editor": ["movies:write"]}))
    alan = await users.create("alan", "correct horse battery")
    await give_role(users, alan, "editor")
    await give_role(users, alan, "critic", ["reviews:write"])
    assert {"movies:write", "reviews:write"} <= await users.scopes_of(alan)
    ```

    Args:
        users: The users, which have roles.
        user: The user.
        role: The name of the role.
        permissions: The permissions that the role has from now on. Default: those that it has,
            or that the code gives it.
    """
    roles = users.roles
    if roles is None:
        raise AssertionError("These users have no roles; make them by Users(roles=Roles(…)).")
    await roles.sync()
    names = {row.name for row in await roles.every()}
    if role not in names:
        await roles.create(role, permissions or ())
    elif permissions is not None:
        await roles.change(role, permissions=permissions)
    await roles.grant(user, role)
