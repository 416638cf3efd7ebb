"""Looking up users by username or e-mail address, together with the current password hash."""

import hashlib
from dataclasses import dataclass, field
from typing import Any

from piccolo.apps.user.tables import BaseUser
from piccolo.querystring import QueryString
from piccolo.table import TABLE_REGISTRY, Table

from piccolo_api_fastapi.core.database.auth_tables import confirmed_factors
from piccolo_api_fastapi.core.database.user_tables import bound

from .identifiers import candidates, folded_email, folded_username, spellings
from .passwords.hasher import is_pbkdf2
from .tables import FoldedIdentifiers

_FACTOR = "_factor "
"""Begins the names of columns that say whether a user has a second factor."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """
    An identifier to look for.

    Args:
        typed: The identifier as typed.
        username: Its form as a username; see `folded_username`.
        email: Its form as an address; see `folded_email`.
    """

    typed: str
    username: str
    email: str

    @classmethod
    def of(cls, identifier: str) -> "Wanted | None":
        """What to look for, or `None` if no user can have such an identifier."""
        found = candidates(identifier)
        return None if found is None else cls(*found)

    def is_username_of(self, row: dict[str, Any]) -> bool:
        """Whether this is the username in a row of the user table, in whatever spelling."""
        stored = str(row["username"])
        return stored == self.username or folded_username(stored) == self.username

    def is_email_of(self, row: dict[str, Any]) -> bool:
        """Whether this is the address in a row of the user table, in whatever spelling."""
        stored = str(row["email"])
        return stored == self.email or folded_email(stored) == self.email

    def choose(self, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
        """The row of the user with this address, or else with this username."""
        # Older rows may be the same when folded: then the spelling decides.
        for name, form, is_of in (
            ("email", self.email, self.is_email_of),
            ("username", self.username, self.is_username_of),
        ):
            if name == "email" and "@" not in self.typed:
                continue
            for spelling in (self.typed, form):
                for row in rows:
                    if row[name] == spelling:
                        return row
            for row in rows:
                if is_of(row):
                    return row
        return None


_NOBODY = Wanted("", "", "")


def _owners(table: type[BaseUser], wanted: Wanted) -> QueryString:
    """
    SQL of the keys of users who may have an identifier.

    It uses the unique indexes of the user table, those on `lower(username)` and `lower(email)`,
    and `FoldedIdentifiers`. Check the rows with `Wanted`, since the last may be out of date.

    It depends on the identifier only, so its time does not reveal who has an account.
    """
    users, key = _name(table), table._meta.primary_key._meta.db_column_name
    folded = _name(bound(FoldedIdentifiers, table))
    conditions, values = [], []
    for name, form in (("username", wanted.username), ("email", wanted.email)):
        likely = spellings(wanted.typed, form)
        marks = ", ".join(["{}"] * len(likely))
        conditions.append(f'"{name}" IN ({{}}, {{}}) OR lower("{name}") IN ({marks})')
        values += [wanted.typed, form, *likely]
    return QueryString(
        f'SELECT "{key}" FROM {users} WHERE {" OR ".join(conditions)} UNION ALL '  # noqa: S608 - our own names
        f'SELECT "user" FROM {folded} WHERE "username" = {{}} OR "email" = {{}}',
        *values,
        wanted.username,
        wanted.email,
    )


async def find_owners(table: type[BaseUser], *wanted: Wanted) -> list[dict[str, Any]]:
    """The keys, usernames and addresses of users who may have one of these identifiers."""
    users, key = _name(table), table._meta.primary_key._meta.db_column_name
    marks = " UNION ALL ".join(["{}"] * len(wanted))
    rows: list[dict[str, Any]] = await table.raw(
        f'SELECT "{key}" AS "key", "username", "email" FROM {users} WHERE "{key}" IN ({marks})',  # noqa: S608 - our own names
        *(_owners(table, one) for one in wanted),
    )
    return rows


@dataclass(frozen=True, slots=True)
class Account:
    """
    The columns of a user. No object is made of them yet, since the time it takes would reveal
    whether the user exists.

    Args:
        values: The values of all columns of the user table.
        column: The value of the password column of the user table.
        encoded: The current hash, if there is one.
        confirmed: The names of the second factors that the user has confirmed.
        was_changed_by_piccolo: Whether Piccolo's command line or Admin set the password last.
    """

    values: dict[str, Any] = field(repr=False)
    column: str = field(repr=False)
    encoded: str | None = field(repr=False)
    confirmed: frozenset[str] = frozenset()
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
        self._columns = columns
        self._from = f"FROM {_name(users)} u {join} WHERE "
        self._key = f'u."{key}"'
        self._known_tables = 0

    async def find(self, identifier: str) -> Account | None:
        """The user with this e-mail address, or else with this username."""
        wanted = Wanted.of(identifier)
        condition = f"{self._key} IN ({{}}) ORDER BY {self._key}"
        rows = await self._rows(condition, _owners(self._table, wanted or _NOBODY))
        row = wanted.choose(rows) if wanted else None
        return _account(row) if row else None

    async def get(self, key: Any) -> Account | None:
        """The user with this primary key."""
        rows = await self._rows(f"{self._key} = {{}}", key)
        return _account(rows[0]) if rows else None

    def factors(self) -> dict[str, str]:
        """
        How to ask whether a user has confirmed each second factor; see `confirmed_factors`.

        A feature can declare a table at any time. Then it is found out again.
        """
        if self._known_tables != len(TABLE_REGISTRY):
            self._known_tables = len(TABLE_REGISTRY)
            self._factors = confirmed_factors(self._table)
            asked = [
                f'{condition.format(*[self._key] * condition.count("{}"))} AS "{_FACTOR}{name}"'
                for name, condition in self._factors.items()
            ]
            self._select = f"SELECT {', '.join([*self._columns, *asked])} {self._from}"
        return self._factors

    async def _rows(self, condition: str, *values: Any) -> list[dict[str, Any]]:
        self.factors()
        rows: list[dict[str, Any]] = await self._table.raw(self._select + condition, *values)
        return rows


def fingerprint(encoded: str) -> str:
    """A digest of a hash, by which the hash is recognised later."""
    return hashlib.sha256(encoded.encode()).hexdigest()


def _account(row: dict[str, Any]) -> Account:
    encoded = row.pop("_hash", None)
    superseded = row.pop("_superseded", None)
    names = [name for name in row if name.startswith(_FACTOR)]
    confirmed = frozenset(name.removeprefix(_FACTOR) for name in names if row.pop(name))
    column: str = row["password"]
    if is_pbkdf2(column) and fingerprint(column) != superseded:
        return Account(row, column, column, confirmed, was_changed_by_piccolo=encoded is not None)
    return Account(row, column, encoded, confirmed)


def _name(table: type[Table]) -> str:
    return table._meta.get_formatted_tablename()
