"""Queries that change addresses, and undo that."""

from datetime import datetime
from typing import Any
from uuid import uuid4

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.crypto.tokens import OpaqueToken
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows, factor_tables
from piccolo_api_fastapi.core.database.outages import is_unique_violation
from piccolo_api_fastapi.errors import IdentityTaken, InvalidTicket
from piccolo_api_fastapi.users.identifiers import folded_email, no_email
from piccolo_api_fastapi.users.lookup import Wanted, find_owners

from .tables import EmailChange, EmailStatus

UNDO_TOKEN = OpaqueToken("undo")


async def hold_address(users: type[BaseUser], user: Any, email: str) -> dict[str, Any] | None:
    """
    Lock the row of a user until the transaction ends, if this is their address.

    Returns:
        `active` and `last_login` of the user, or None if the address is not theirs.
    """
    key = users._meta.primary_key
    rows = (
        await users.update({users.email: users.email})
        .where(key == user, users.email == email)
        .returning(users.active, users.last_login)
    )
    return dict(rows[0]) if rows else None


async def move_address(users: type[BaseUser], user: Any, new: str, *, old: str) -> bool:
    """
    Change the address of a user, and a username that is an address.

    Args:
        users: The user table.
        user: The primary key of the user.
        new: The new address in its normal form.
        old: The address that an active user must still have. If empty, any address and a
            disabled user are accepted.

    Returns:
        Whether the address was changed.

    Raises:
        IdentityTaken: The new address belongs to another user.
    """
    name, key = _names(users)
    try:
        moved = await users.raw(
            f'UPDATE {name} SET "email" = {{}}, "username" = '  # noqa: S608 - our own names
            'CASE WHEN "username" LIKE {} THEN {} ELSE "username" END '
            f'WHERE {key} = {{}} AND ("email" = {{}} AND "active" OR {{}} = \'\') '
            f"RETURNING {key}",
            new,
            "%@%",
            new,
            user,
            old,
            old,
        )
    except Exception as error:  # noqa: BLE001 - drivers have no common class
        raise (IdentityTaken() if is_unique_violation(error) else error) from None
    return bool(moved)


async def release_address(
    users: type[BaseUser], status: type[EmailStatus], user: Any, email: str
) -> None:
    """
    Take an address from another user who registered it and never verified it.

    That user keeps the account, without an address. Older rows may be in upper case.
    """
    name, key = _names(users)
    known = status._meta.get_formatted_tablename()
    nobody = no_email()
    await users.raw(
        f'UPDATE {name} SET "email" = {{}}, "username" = '  # noqa: S608 - our own names
        'CASE WHEN lower("username") = {} THEN {} ELSE "username" END '
        f'WHERE lower("email") = {{}} AND {key} <> {{}} AND {key} IN '
        f'(SELECT "user" FROM {known} WHERE lower("email") = {{}} AND "is_registered" '
        'AND "verified_at" IS NULL)',
        nobody,
        email,
        nobody,
        email,
        user,
        email,
    )


async def refuse_if_taken(users: type[BaseUser], user: Any, email: str) -> None:
    """
    Check that no other user has an address, in whatever spelling.

    The unique index compares exact text, and older rows may be spelled in another way.

    Raises:
        IdentityTaken: The address belongs to another user.
    """
    wanted = Wanted(email, email, folded_email(email))
    rows = await find_owners(users, wanted)
    if any(row["key"] != user and wanted.is_email_of(row) for row in rows):
        raise IdentityTaken


async def remember_change(
    table: type[EmailChange], user: Any, email: str, since: datetime, expires_at: datetime
) -> str:
    """Store a change that the owner of an address can undo. Returns the secret of the link."""
    token = UNDO_TOKEN.generate()
    row = table(
        id=uuid4(),
        user=user,
        digest=UNDO_TOKEN.digest(token),
        email=email,
        created_at=since,
        expires_at=expires_at,
    )
    await table.insert(row)
    return token


async def find_change(
    table: type[EmailChange], user: Any, email: str, since: datetime, now: datetime
) -> EmailChange | None:
    """The first change since a moment that the owner of an address can still undo."""
    query = table.objects().where(
        table.user == user,
        table.email == email,
        table.created_at >= since,
        table.undone_at.is_null(),
        table.expires_at > now,
    )
    change: EmailChange | None = await query.order_by(table.created_at).first()
    return change


async def owner_of_link(table: type[EmailChange], token: str) -> Any:
    """
    The user whose account an undo link is about, to be locked before the link is used.

    Raises:
        InvalidTicket: The secret is unknown.
    """
    if (digest := UNDO_TOKEN.digest(token)) is None:
        raise InvalidTicket
    found = await table.select(table.user).where(table.digest == digest).first()
    if found is None:
        raise InvalidTicket
    return found["user"]


async def undo_change(table: type[EmailChange], token: str, now: datetime) -> dict[str, Any]:
    """
    Use the secret of an undo link, and delete the links of later changes.

    Call it in a transaction that has locked the user.

    Returns:
        `user`, the address to restore as `email`, and the time of the change as `created_at`.

    Raises:
        InvalidTicket: The secret is used or expired.
    """
    digest = UNDO_TOKEN.digest(token)
    rows = (
        await table.update({table.undone_at: now})
        .where(table.digest == digest, table.undone_at.is_null(), table.expires_at > now)
        .returning(table.user, table.email, table.created_at)
    )
    if not rows:
        raise InvalidTicket
    [change] = rows
    later = (table.user == change["user"]) & (table.created_at >= change["created_at"])
    await table.delete().where(later, table.undone_at.is_null())
    return dict(change)


async def end_factors(users: type[BaseUser], user: Any, since: datetime) -> bool:
    """
    Delete the second factors that a user has set up since a moment.

    Call it in a transaction that has locked the user.

    Returns:
        Whether a factor was deleted.
    """
    ended = []
    for table in factor_tables(users):
        since_column = table._meta.get_column_by_name(table.factor_since)  # type: ignore[attr-defined]
        condition: Any = (table.user == user) & (since_column >= since)  # type: ignore[attr-defined]
        ended += await table.delete().where(condition).returning(table._meta.primary_key)
    return bool(ended)


async def end_factors_of_new(
    users: type[BaseUser], status: type[EmailStatus], user: Any, *, only_if_contested: bool
) -> None:
    """
    Delete all second factors of a user who registered and never verified an address.

    Call it in a transaction that has locked the user.

    Args:
        users: The user table.
        status: The table of verified addresses.
        user: The primary key of the user.
        only_if_contested: Whether to keep the factors of an account that was registered once.
    """
    new = status.select(status.user).where(
        status.user == user, status.is_registered.eq(value=True), status.verified_at.is_null()
    )
    if only_if_contested:
        new = new.where(status.is_contested.eq(value=True) | (status.uncompared > 0))
    for table in factor_tables(users):
        owner: Any = table.user  # type: ignore[attr-defined]
        await table.delete().where(owner == user, owner.is_in(new))


async def delete_expired_email_changes(
    table: type[EmailChange] = EmailChange, *, now: datetime, batch: int = 500
) -> int:
    """
    Delete changes of address that can no longer be undone. Returns the number of rows.

    ```python
    from piccolo_api_fastapi import delete_expired_email_changes
    from piccolo_api_fastapi.clock import utcnow

    deleted = await delete_expired_email_changes(now=utcnow())
    ```
    """
    return await delete_expired_rows(table, now=now, batch=batch)


def _names(users: type[BaseUser]) -> tuple[str, str]:
    """The names of the user table and of its primary key, for SQL."""
    key = users._meta.primary_key._meta.db_column_name
    return users._meta.get_formatted_tablename(), f'"{key}"'
