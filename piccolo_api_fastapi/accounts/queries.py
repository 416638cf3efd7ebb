"""Queries on the user table."""

from typing import Any

from piccolo.apps.user.tables import BaseUser


async def ping(users: type[BaseUser]) -> None:
    """Run a statement that fails if the database is down."""
    await users.raw("SELECT 1")


async def check_values(users: type[BaseUser], values: dict[str, Any]) -> None:
    """Let the database check that values fit their columns, without storing them."""
    key = users._meta.primary_key
    await users.update(_columns(users, values)).where(key.is_null())


async def update_columns(users: type[BaseUser], user: Any, values: dict[str, Any]) -> bool:
    """Change columns of a user. Returns whether the user exists."""
    key = users._meta.primary_key
    return bool(await users.update(_columns(users, values)).where(key == user).returning(key))


def _columns(users: type[BaseUser], values: dict[str, Any]) -> dict[Any, Any]:
    return {getattr(users, name): value for name, value in values.items()}


async def delete_user(users: type[BaseUser], user: Any) -> None:
    """Delete a user, and by cascade every row that refers to them."""
    key = users._meta.primary_key
    await users.delete().where(key == user)
