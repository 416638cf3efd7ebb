"""Guarded statements on password hashes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from piccolo.apps.user.tables import BaseUser
from piccolo.columns.combination import WhereRaw

from piccolo_api_fastapi.users.lookup import fingerprint
from piccolo_api_fastapi.users.tables import Password

from .hasher import is_pbkdf2


async def hold(table: type[BaseUser], key: Any, column: str | None, now: datetime) -> bool:
    """
    Lock an active user and record the login.

    Args:
        table: The user table.
        key: The primary key of the user.
        column: The value that the password column must still have; `None` for any.
        now: The present time.

    Returns:
        Whether the user is active and the column unchanged.
    """
    primary = table._meta.primary_key
    condition: Any = (primary == key) & table.active.eq(value=True)
    if column is not None:
        condition = condition & (table.password == column)
    last_login = now.replace(tzinfo=None)  # Piccolo's column has no time zone
    held = await table.update({table.last_login: last_login}).where(condition).returning(primary)
    return bool(held)


async def replace_column(table: type[BaseUser], key: Any, old: str, new: str) -> bool:
    """Replace the password column of a user. Returns whether it still held the old value."""
    primary = table._meta.primary_key
    held = (
        await table.update({table.password: new})
        .where(primary == key, table.password == old)
        .returning(primary)
    )
    return bool(held)


async def replace_hash(
    table: type[Password], key: Any, old: str, new: str, refused: Sequence[str] = ()
) -> bool:
    """
    Replace the stored hash of a user.

    Args:
        table: The table of hashes.
        key: The primary key of the user.
        old: The hash that is expected.
        new: The hash that replaces it.
        refused: Second factors that the user must not have; see `confirmed_factors`.

    Returns:
        Whether the hash was the old one, and the user has none of the factors.
    """
    condition: Any = (table.user == key) & (table.hash == old)
    if refused:
        condition = condition & _has(refused, key, "NOT ")
    held = await table.update({table.hash: new}).where(condition).returning(table.user)
    return bool(held)


async def has_factor(table: type[BaseUser], key: Any, factors: Sequence[str]) -> bool:
    """Whether a user has confirmed one of these second factors; see `confirmed_factors`."""
    primary = table._meta.primary_key
    condition = (primary == key) & _has(factors, key) if factors else None
    return condition is not None and bool(await table.exists().where(condition))


def _has(factors: Sequence[str], key: Any, negation: str = "") -> WhereRaw:
    condition = " OR ".join(factors)
    return WhereRaw(f"{negation}({condition})", *[key] * condition.count("{}"))


async def store_hash(
    table: type[Password], key: Any, encoded: str, now: datetime, replaced: str | None = None
) -> None:
    """
    Store the hash of a user, whether or not there was one before.

    Args:
        table: The table of hashes.
        key: The primary key of the user.
        encoded: The hash; an empty string matches no password.
        now: The present time.
        replaced: The value of the password column that this hash replaces. If it is a PBKDF2
            hash, its digest is stored, so that a stale copy of it is recognised later.
    """
    row = table(user=key, hash=encoded, changed_at=now)
    values: list[Any] = [table.hash, table.changed_at]
    if replaced is not None and is_pbkdf2(replaced):
        row.superseded = fingerprint(replaced)
        values.append(table.superseded)
    await table.insert(row).on_conflict(target=table.user, action="DO UPDATE", values=values)
