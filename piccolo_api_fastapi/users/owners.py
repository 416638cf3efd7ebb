"""SQL that finds the users who may have a username or an e-mail address."""

from dataclasses import dataclass
from typing import Any

from piccolo.apps.user.tables import BaseUser
from piccolo.querystring import QueryString

from piccolo_api_fastapi.core.database.user_tables import bound

from .identifiers import candidates, folded_email, folded_username, spellings
from .tables import FoldedIdentifiers


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


def owners(table: type[BaseUser], wanted: Wanted) -> QueryString:
    """
    SQL of the keys of users who may have an identifier.

    It uses the unique indexes of the user table, those on `lower(username)` and `lower(email)`,
    and `FoldedIdentifiers`. Check the rows with `Wanted`, since the last may be out of date.

    It depends on the identifier only, so its time does not reveal who has an account.
    """
    users, key = table._meta.get_formatted_tablename(), table._meta.primary_key._meta.db_column_name
    folded = bound(FoldedIdentifiers, table)._meta.get_formatted_tablename()
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
    users, key = table._meta.get_formatted_tablename(), table._meta.primary_key._meta.db_column_name
    marks = " UNION ALL ".join(["{}"] * len(wanted))
    rows: list[dict[str, Any]] = await table.raw(
        f'SELECT "{key}" AS "key", "username", "email" FROM {users} WHERE "{key}" IN ({marks})',  # noqa: S608 - our own names
        *(owners(table, one) for one in wanted),
    )
    return rows
