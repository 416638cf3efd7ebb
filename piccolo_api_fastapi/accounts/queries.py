"""What is done with accounts, a statement at a time."""

from dataclasses import dataclass, field
from typing import Any

from piccolo.apps.user.tables import BaseUser


@dataclass(frozen=True, slots=True)
class Registration:
    """
    An account that is asked for, checked as far as that is possible without looking.

    Args:
        username: In its normal form.
        email: Likewise.
        password: As typed, to compare with that of an earlier registration.
        encoded: The hash of the password.
        columns: Values of further columns.
    """

    username: str
    email: str
    password: str = field(repr=False)
    encoded: str = field(repr=False)
    columns: dict[str, Any]


async def ping(users: type[BaseUser]) -> None:
    """Ask the database something, to know that it is there."""
    await users.raw("SELECT 1")


async def check_values(users: type[BaseUser], values: dict[str, Any]) -> None:
    """Let the database look at values without storing them: whether they fit their columns."""
    key = users._meta.primary_key
    await users.update(_columns(users, values)).where(key.is_null())


async def update_columns(users: type[BaseUser], user: Any, values: dict[str, Any]) -> bool:
    """Change the columns that a user may change. Whether there still is that user."""
    key = users._meta.primary_key
    return bool(await users.update(_columns(users, values)).where(key == user).returning(key))


def _columns(users: type[BaseUser], values: dict[str, Any]) -> dict[Any, Any]:
    return {getattr(users, name): value for name, value in values.items()}


async def delete_user(users: type[BaseUser], user: Any) -> None:
    """Delete a user; what belongs to them goes with them."""
    key = users._meta.primary_key
    await users.delete().where(key == user)
