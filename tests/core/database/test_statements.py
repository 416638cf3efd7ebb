"""Statements that are compiled once."""

import pytest

from piccolo_api_fastapi import User, Users
from piccolo_api_fastapi.core.database.statements import CompiledQuery


async def test_compiled_query(users: Users[User], ada: User) -> None:
    """Runs with other values; sentinels in another order than the SQL's are a mistake."""
    query = CompiledQuery(
        User,
        lambda name, active: User.select(User.id).where(
            User.username == name, User.active == active
        ),
        "name",
        True,  # noqa: FBT003 - a sentinel
    )
    for _ in range(2):
        assert await query.run("ada", True) == [{"id": ada.id}]  # noqa: FBT003
        assert await query.run("x' OR 1=1 --", True) == []  # noqa: FBT003
    swapped = CompiledQuery(
        User,
        lambda a, b: User.select(User.id).where(User.username == b, User.email == a),
        "a",
        "b",
    )
    with pytest.raises(ValueError, match="order"):
        await swapped.run("x", "y")
