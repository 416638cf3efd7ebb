"""Statements on the user table."""

from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.database.auth_tables import mailbox_tables, verification_tables
from piccolo_api_fastapi.core.database.outages import is_unique_violation, refused_columns
from piccolo_api_fastapi.core.database.statements import column_names
from piccolo_api_fastapi.errors import IdentityTaken, ValueTaken

from .identifiers import folded_email, spellings
from .lookup import Wanted, find_owners

_IDENTITY = frozenset({"username", "email"})


async def refuse_if_taken(table: type[BaseUser], username: str, email: str | None) -> None:
    """
    Raise if another user has the username or the e-mail address, in whatever spelling.

    The unique indexes compare exact text, which is enough for users whom the library creates.

    Raises:
        IdentityTaken: Another user has one of them.
    """
    name = Wanted(username, username, username)
    address = name if email is None else Wanted(email, email, email)
    for row in await find_owners(table, *{name, address}):
        if name.is_username_of(row) or name.is_email_of(row) or address.is_email_of(row):
            raise IdentityTaken


def taken(table: type[BaseUser], error: Exception) -> IdentityTaken | ValueTaken | None:
    """The error to raise if the database refused a unique value that another user has."""
    if not is_unique_violation(error):
        return None
    names = refused_columns(error)
    is_identity = names & _IDENTITY or names.isdisjoint(column_names(table))
    return IdentityTaken() if is_identity else ValueTaken()


async def has_verified(table: type[BaseUser], key: Any, email: str) -> bool:
    """Whether the user with this primary key has verified this e-mail address."""
    for verification in verification_tables(table):
        owned: Any = verification.user == key  # type: ignore[attr-defined]
        is_verified = verification.verified_at.is_not_null()  # type: ignore[attr-defined]
        of_address = verification.email == email  # type: ignore[attr-defined]
        if await verification.exists().where(owned, of_address, is_verified):
            return True
    return False


async def end_other_mailboxes(table: type[BaseUser], key: Any, email: str) -> None:
    """Delete what would give the account of a user to the owner of another address than this."""
    same = spellings(email, folded_email(email))
    values = ", ".join(["{}"] * len(same))
    for one in mailbox_tables(table):
        name, column = one._meta.get_formatted_tablename(), one.other_mailbox  # type: ignore[attr-defined]
        await one.raw(
            f'DELETE FROM {name} WHERE "user" = {{}} AND lower("{column}") NOT IN ({values})',  # noqa: S608 - our own names
            key,
            *same,
        )
