"""Looking up a user together with the current password hash."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from piccolo.apps.user.tables import BaseUser
from piccolo.table import Table

from .identifiers import candidates
from .passwords.hasher import is_pbkdf2


@dataclass(frozen=True, slots=True)
class Account:
    """
    The columns of a user. No object is made of them yet, since the time it takes would reveal
    whether the user exists.

    Args:
        values: The values of all columns of the user table.
        column: The value of the password column of the user table.
        encoded: The current hash, if there is one.
        was_changed_by_piccolo: Whether Piccolo's command line or Admin set the password last.
    """

    values: dict[str, Any] = field(repr=False)
    column: str = field(repr=False)
    encoded: str | None = field(repr=False)
    was_changed_by_piccolo: bool = False

    @property
    def is_legacy(self) -> bool:
        """Whether the current hash is in the user table."""
        return self.encoded is not None and self.encoded == self.column


class UserLookup:
    """
    Looks users up by username or e-mail address, with the same statement for every identifier.

    Args:
        users: The user table.
        passwords: The table of hashes bound to it; `None` in the interop mode.
    """

    def __init__(self, users: type[BaseUser], passwords: type[Table] | None) -> None:
        self._table = users
        columns = [
            f'u."{column._meta.db_column_name}" AS "{column._meta.name}"'
            for column in users._meta.columns
        ]
        key = users._meta.primary_key._meta.db_column_name
        join = ""
        if passwords is not None:
            columns += ['p."hash" AS "_hash"', 'p."superseded" AS "_superseded"']
            join = f'LEFT JOIN {_name(passwords)} p ON p."user" = u."{key}"'
        select = f"SELECT {', '.join(columns)} FROM {_name(users)} u {join} WHERE "  # noqa: S608 - our names
        self._by_identifier = select + 'u."username" IN ({}, {}) OR lower(u."email") = {}'
        self._by_key = select + f'u."{key}" = {{}}'

    async def find(self, identifier: str) -> Account | None:
        """The user with this e-mail address, or else with this username."""
        wanted = candidates(identifier)
        typed, username, email = wanted or ("", "", "")
        rows = await self._table.raw(self._by_identifier, typed, username, email)
        for name, value in (("email", email), ("username", typed), ("username", username)):
            if wanted is None or (name == "email" and "@" not in typed):
                continue
            for row in rows:
                if row[name] == value or (name == "email" and row[name].lower() == value):
                    return _account(row)
        return None

    async def get(self, key: Any) -> Account | None:
        """The user with this primary key."""
        rows = await self._table.raw(self._by_key, key)
        return _account(rows[0]) if rows else None


def fingerprint(encoded: str) -> str:
    """A digest of a hash, by which the hash is recognised later."""
    return hashlib.sha256(encoded.encode()).hexdigest()


def _account(row: dict[str, Any]) -> Account:
    encoded = row.pop("_hash", None)
    superseded = row.pop("_superseded", None)
    column: str = row["password"]
    if is_pbkdf2(column) and fingerprint(column) != superseded:
        return Account(row, column, column, was_changed_by_piccolo=encoded is not None)
    return Account(row, column, encoded)


def _name(table: type[Table]) -> str:
    return table._meta.get_formatted_tablename()
