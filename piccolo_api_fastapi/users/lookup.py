"""Finding the user that somebody means, with the password hash that counts."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from piccolo.apps.user.tables import BaseUser
from piccolo.table import Table

from piccolo_api_fastapi.core.database.outages import store

from .identifiers import candidates
from .passwords.hasher import is_pbkdf2


@dataclass(frozen=True, slots=True)
class Account:
    """
    The columns of a user, not yet an object: making one would tell known from unknown.

    Args:
        values: Of all columns of the user table.
        column: What the old password column holds.
        encoded: The hash that counts, if there is one.
        was_changed_by_piccolo: Whether Piccolo's CLI or Admin set a password since.
    """

    values: dict[str, Any] = field(repr=False)
    column: str = field(repr=False)
    encoded: str | None = field(repr=False)
    was_changed_by_piccolo: bool = False

    @property
    def is_legacy(self) -> bool:
        """Whether the hash is in the old column."""
        return self.encoded is not None and self.encoded == self.column


class UserLookup:
    """
    Looks users up by what people type: one statement of one shape, whoever is meant.

    Args:
        users: The user table.
        passwords: The password table bound to it; `None` in the interop mode.
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
        """The user with this address, or else with this name."""
        wanted = candidates(identifier)
        typed, username, email = wanted or ("", "", "")
        async with store():
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
        async with store():
            rows = await self._table.raw(self._by_key, key)
        return _account(rows[0]) if rows else None


def fingerprint(encoded: str) -> str:
    """What is kept of a PBKDF2 string that was moved, to know it again."""
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
