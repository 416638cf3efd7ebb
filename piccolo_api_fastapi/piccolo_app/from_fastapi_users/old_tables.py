"""The tables of fastapi-users, read and erased."""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi.core.database.transactions import engine_of
from piccolo_api_fastapi.errors import ConfigurationError

ERASED = f"$argon2id$v=19$m=8,t=1,p=1${'A' * 22}${'A' * 43}"
"""Takes the place of an erased hash. No password matches it, which fastapi-users finds out, too."""

_COLUMNS = ("id", "email", "hashed_password", "is_active", "is_superuser", "is_verified")
_BATCH = 500
_SQLITE = "SELECT name FROM pragma_table_info({}, {})"
_SQLITE_SCHEMA = "SELECT name FROM pragma_database_list WHERE name = {}"
_POSTGRES = """
SELECT column_name AS name FROM information_schema.columns
WHERE table_name = {} AND table_schema = ANY (
    CASE WHEN CAST({} AS text) = '' THEN current_schemas(false) ELSE ARRAY[CAST({} AS name)] END
)
"""


@dataclass(frozen=True, slots=True)
class FastAPIUsersTables:
    """
    The names of the tables and columns of fastapi-users.

    ```python
    from piccolo_api_fastapi.piccolo_app import FastAPIUsersTables

    source = FastAPIUsersTables(table="accounts", columns=("first_name", "last_name"))
    ```

    Args:
        schema: The schema of both tables, on SQLite an attached database. Default: the search
            path of the connection.
        table: The table of users.
        oauth_table: The table of OAuth accounts. It may be missing.
        username: The column with the usernames. Default: the address is the username.
        columns: Further columns to copy. Both user tables must have them.

    Raises:
        ConfigurationError: A name has characters other than letters, digits and underscores.
    """

    schema: str = ""
    table: str = "user"
    oauth_table: str = "oauth_account"
    username: str = ""
    columns: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        optional = [name for name in (self.schema, self.username) if name]
        for name in (self.table, self.oauth_table, *self.columns, *optional):
            if re.fullmatch(r"\w+", name) is None:
                raise ConfigurationError(
                    f"{name!r} is no name of a table or column: only letters, digits and _."
                )

    @property
    def read(self) -> list[str]:
        """The columns of the table of users that are read."""
        return [*_COLUMNS, *([self.username] if self.username else []), *self.columns]

    def name_of(self, table: str) -> str:
        """Return a table with its schema, quoted: `user` is a reserved word."""
        return ".".join(f'"{part}"' for part in (self.schema, table) if part)


@dataclass(frozen=True, slots=True)
class OldUser:
    """
    A row of fastapi-users.

    Args:
        id: The id, as the driver returns it.
        email: The address.
        encoded: The password hash.
        is_active: Whether the user may sign in.
        is_superuser: Whether the user is a superuser.
        is_verified: Whether the address is verified.
        username: The username, if there is one.
        columns: The values of further columns.
    """

    id: Any
    email: str
    encoded: str = field(repr=False)
    is_active: bool
    is_superuser: bool
    is_verified: bool
    username: str | None
    columns: dict[str, Any]

    @property
    def key(self) -> str:
        """The id as text; see `text_of`."""
        return text_of(self.id)

    @property
    def uuid(self) -> UUID | None:
        """The id as a UUID, if it is one."""
        with suppress(ValueError):
            return UUID(self.key)
        return None


@dataclass(frozen=True, slots=True)
class OldOAuthAccount:
    """
    A row of the table of OAuth accounts, without its tokens.

    Args:
        id: The id, as the driver returns it.
        user: The id of the user, as text.
        provider: The name of the provider.
        account: The id at the provider.
        email: The address at the provider.
    """

    id: Any
    user: str
    provider: str
    account: str
    email: str

    @property
    def key(self) -> str:
        """The id as text; see `text_of`."""
        return text_of(self.id)


def text_of(key: Any) -> str:
    """Return an id as text: UUIDs that are stored as bytes with hyphens, others as they are."""
    with suppress(ValueError):
        return str(UUID(bytes=key) if isinstance(key, bytes) else key)
    return bytes(key).hex()


class OldTables:
    """
    The tables of fastapi-users.

    Args:
        table: Any table of the database.
        source: The names of the tables and columns.
    """

    def __init__(self, table: type[Table], source: FastAPIUsersTables) -> None:
        self._table = table
        self._source = source
        self._users = source.name_of(source.table)
        self._oauth_accounts = source.name_of(source.oauth_table)
        self._is_sqlite = isinstance(engine_of(table), SQLiteEngine)

    async def check(self) -> None:
        """
        Check that the table and its columns exist.

        Raises:
            ConfigurationError: One does not.
        """
        found = await self._columns_of(self._source.table)
        if not found:
            raise ConfigurationError(f"There is no table {self._users}. Pass schema and table.")
        if missing := [name for name in self._source.read if name not in found]:
            raise ConfigurationError(f"The table {self._users} has no column {', '.join(missing)}.")

    async def users(self) -> AsyncIterator[list[OldUser]]:
        """Return all users in batches, in the order of their ids."""
        # Without the other columns, which a driver may be unable to read.
        async for rows in self._batches(self._users, self._source.read):
            yield [self._user(row) for row in rows]

    async def oauth_accounts(self) -> AsyncIterator[list[OldOAuthAccount]]:
        """Return all OAuth accounts in batches; none if their table does not exist."""
        if not await self._columns_of(self._source.oauth_table):
            return
        columns = ["id", "user_id", "oauth_name", "account_id", "account_email"]
        async for rows in self._batches(self._oauth_accounts, columns):
            yield [
                OldOAuthAccount(
                    row["id"],
                    text_of(row["user_id"]),
                    row["oauth_name"],
                    row["account_id"],
                    row["account_email"] or "",
                )
                for row in rows
            ]

    async def erase(self, user: OldUser) -> bool:
        """Erase the password hash of a user. Returns `False` if that was done before."""
        if user.encoded == ERASED:
            return False
        statement = f'UPDATE {self._users} SET "hashed_password" = {{}} WHERE "id" = {{}}'  # noqa: S608 - checked
        await self._table.raw(statement, ERASED, user.id)
        return True

    async def erase_oauth_account(self, account: OldOAuthAccount) -> None:
        """Delete an OAuth account, which has tokens of the provider in plain text."""
        statement = f'DELETE FROM {self._oauth_accounts} WHERE "id" = {{}}'  # noqa: S608 - checked
        await self._table.raw(statement, account.id)

    async def _batches(self, name: str, columns: list[str]) -> AsyncIterator[list[dict[str, Any]]]:
        listed = ", ".join(f'"{column}"' for column in columns)
        select = f"SELECT {listed} FROM {name}"  # noqa: S608 - checked
        order = f'ORDER BY "id" LIMIT {_BATCH}'
        rows = await self._table.raw(f"{select} {order}")
        while rows:
            yield rows
            rows = await self._table.raw(f'{select} WHERE "id" > {{}} {order}', rows[-1]["id"])

    async def _columns_of(self, table: str) -> set[str]:
        schema, run = self._source.schema, self._table.raw
        if not self._is_sqlite:
            rows = await run(_POSTGRES, table, schema, schema)
        elif await run(_SQLITE_SCHEMA, schema or "main"):
            rows = await run(_SQLITE, table, schema or "main")
        else:
            rows = []
        return {row["name"] for row in rows}

    def _user(self, row: dict[str, Any]) -> OldUser:
        username = row.get(self._source.username)
        return OldUser(
            id=row["id"],
            email=row["email"] or "",
            encoded=row["hashed_password"] or "",
            is_active=bool(row["is_active"]),
            is_superuser=bool(row["is_superuser"]),
            is_verified=bool(row["is_verified"]),
            username=None if username is None else str(username),
            columns={name: row[name] for name in self._source.columns},
        )
