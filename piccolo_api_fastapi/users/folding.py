"""
`fold_users`: find users whose rows spell their username or address in another form.

Users that the library creates are stored in one form, which the unique indexes of the user table
guard. Rows of other code, such as Piccolo's command line, may be in upper case, in punycode or
with decomposed letters, and databases can't fold those: many know ASCII only. So the folded form
of such rows, and of no others, is kept in `auth_folded_identifier`, which the look-ups read in
their one statement. Rows written later are found by `lower()` and by a few likely spellings,
until `fold_users` is run again.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

from piccolo.apps.user.tables import BaseUser

from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.progress import advance
from piccolo_api_fastapi.core.database.time_limit import no_time_limit
from piccolo_api_fastapi.core.database.user_tables import bound

from .identifiers import MAXIMUM_LENGTH, folded_email, folded_username
from .tables import FoldedIdentifiers, User

_BATCH = 500


@dataclass(frozen=True, slots=True)
class Conflict:
    """
    Two users whose usernames or addresses are the same when folded.

    ```python
    from piccolo_api_fastapi.piccolo_app import Conflict

    conflict = Conflict("username", "ada", 3, 7)
    assert str(conflict) == "Users 3 and 7 have the same username: ada"
    ```

    Args:
        column: `username` or `email`.
        value: The folded form.
        user: The primary key of a user whose row has another form.
        other: The primary key of the other user.
    """

    column: str
    value: str
    user: Any
    other: Any

    def __str__(self) -> str:
        noun = "e-mail address" if self.column == "email" else "username"
        return f"Users {self.user} and {self.other} have the same {noun}: {self.value}"


@configured
async def fold_users(table: type[BaseUser] = User) -> list[Conflict]:
    """
    Let users be found by every spelling of their username and address, whatever code wrote them.

    ```python
    from piccolo_api_fastapi import User
    from piccolo_api_fastapi.piccolo_app import fold_users

    for conflict in await fold_users(User):
        print(conflict)
    ```

    It changes no user. It can be run at any time and as often as you like; run it after other
    code imported users. Users in a conflict sign in by the exact spelling of their row.

    Args:
        table: The user table.

    Returns:
        The users that are the same when folded. Rename one of each pair.
    """
    folded, done = bound(FoldedIdentifiers, table), 0
    async with store():
        with no_time_limit():
            async for batch in _batches(table):
                await _fold(folded, batch)
                done += len(batch)
                advance(done)
            return await _conflicts(table, folded)


async def _batches(table: type[BaseUser]) -> AsyncIterator[list[dict[str, Any]]]:
    """The identifiers of all users, in the order of their keys."""
    key: Any = table._meta.primary_key
    columns = key.as_alias("key"), table.username, table.email
    batch = await table.select(*columns).order_by(key).limit(_BATCH)
    while batch:
        yield batch
        after = key > batch[-1]["key"]
        batch = await table.select(*columns).where(after).order_by(key).limit(_BATCH)


async def _fold(folded: type[FoldedIdentifiers], users: list[dict[str, Any]]) -> None:
    """Write the rows of these users, and delete those that are no longer needed."""
    rows = [row for user in users if (row := _folded(folded, user)) is not None]
    if rows:
        await folded.insert(*rows).on_conflict(
            target=folded.user, action="DO UPDATE", values=[folded.username, folded.email]
        )
    needed = {row.user for row in rows}
    others = [user["key"] for user in users if user["key"] not in needed]
    if others:
        await folded.delete().where(folded.user.is_in(others))


def _folded(folded: type[FoldedIdentifiers], user: dict[str, Any]) -> FoldedIdentifiers | None:
    username = _if_it_differs(user["username"], folded_username(user["username"]))
    email = _if_it_differs(user["email"], folded_email(user["email"]))
    if username is None and email is None:
        return None
    return folded(user=user["key"], username=username, email=email)


def _if_it_differs(stored: str, folded: str) -> str | None:
    # What is too long for a login is found as it is stored.
    return None if folded == stored or len(folded) > MAXIMUM_LENGTH else folded


async def _conflicts(table: type[BaseUser], folded: type[FoldedIdentifiers]) -> list[Conflict]:
    users, key = table._meta.get_formatted_tablename(), table._meta.primary_key._meta.db_column_name
    names = folded._meta.get_formatted_tablename()
    found: list[Conflict] = []
    for column in ("username", "email"):
        rows = await table.raw(
            f'SELECT f."{column}" AS "value", f."user" AS "user", u."{key}" AS "other" '  # noqa: S608 - our own names
            f'FROM {names} f JOIN {users} u ON u."{column}" = f."{column}" '
            f'UNION ALL SELECT f."{column}", f."user", g."user" '
            f'FROM {names} f JOIN {names} g ON g."{column}" = f."{column}" AND g."user" > f."user" '
            "ORDER BY 1, 2, 3"
        )
        found += [Conflict(column, row["value"], row["user"], row["other"]) for row in rows]
    return found
