"""`AuthTable`: the base of every table of authentication, by which features declare theirs."""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, ClassVar

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import ForeignKey
from piccolo.custom_types import Combinable
from piccolo.table import TABLE_REGISTRY, Table, create_table_class

from .outages import store
from .statements import delete_in_batches
from .time_limit import limit_statements
from .user_tables import user_table_of


class AuthTable:
    """
    The base of a table of authentication. A class that has it beside `Table` is declared.

    ```python
    from piccolo.columns import UUID, ForeignKey, Timestamptz
    from piccolo.columns.base import OnDelete
    from piccolo.table import Table
    from piccolo_api_fastapi import AuthTable, User

    class DoorCode(AuthTable, Table, tablename="auth_door_code"):
        noun, ends_with_password = "door codes", True

        id = UUID(primary_key=True)
        user = ForeignKey(User, null=False, on_delete=OnDelete.cascade)
        expires_at = Timestamptz()

        @classmethod
        def expired(cls, now):
            return cls.expires_at <= now
    ```

    `auth_tables(MyUser)` then has a copy of it that is bound to `MyUser`: each foreign key to the
    user table, or to another declared table, is copied with all its options. `delete_expired`
    deletes its expired rows, and what the class attributes say is done with the rows of a user.

    Attributes:
        noun: The plural by which `delete_expired` and commands report rows; by default the name
            of the table.
        attribute: The name in `auth_tables()`; by default that of the class, in snake case.
        ends_with_password: Whether rows are credentials. They are deleted when the password of
            their user changes. Such a table has the primary key `id`.
        is_device: Whether rows remember a device on which the password was used. They are
            deleted when the password turns out to have been changed outside the library.
        tells_verified: Whether rows say which address of a user is verified, in the columns
            `email` and `verified_at`.
        factor_since: If rows are second factors that a user set up: the name of the column that
            says when. Rows younger than a change of address are deleted when it is undone.
        other_mailbox: If rows give an account to the owner of an e-mail address: the name of the
            column with the address. They are deleted when the user proves that the mailbox of
            another address is theirs.
        factor: If a login must ask for the rows: the name of their `SecondFactor`. A row whose
            column `factor_since` is set is confirmed, and its user can't log in where the login
            does not know the factor.
    """

    noun: ClassVar[str] = ""
    attribute: ClassVar[str] = ""
    ends_with_password: ClassVar[bool] = False
    is_device: ClassVar[bool] = False
    tells_verified: ClassVar[bool] = False
    factor_since: ClassVar[str] = ""
    other_mailbox: ClassVar[str] = ""
    factor: ClassVar[str] = ""

    def __init_subclass__(cls, **options: Any) -> None:
        """Create the table, and limit the time of its statements."""
        super().__init_subclass__(**options)
        if issubclass(cls, Table):
            limit_statements(cls)

    @classmethod
    def expired(cls, now: datetime) -> Combinable | None:  # noqa: ARG003 - for subclasses
        """The condition that expired rows meet, or `None` if rows of this table never expire."""
        return None

    @classmethod
    async def delete_rows(cls, condition: Combinable, *, now: datetime, batch: int) -> int:  # noqa: ARG003 - for subclasses
        """
        Delete the expired rows. Override it for rows that take others along.

        Args:
            condition: The condition of `expired`.
            now: The present time.
            batch: The number of rows that one statement deletes.

        Returns:
            The number of deleted rows.
        """
        return await delete_in_batches(cls, condition, batch)  # type: ignore[arg-type]


def declared_tables() -> list[type[Table]]:
    """All declared tables, without their bound copies, in the order of their names."""
    declared = [
        table
        for table in TABLE_REGISTRY
        if issubclass(table, AuthTable) and not any(map(_is_auth_table, table.__bases__))
    ]
    return sorted(declared, key=lambda table: str(table._meta.tablename))


def _is_auth_table(base: type) -> bool:
    return issubclass(base, AuthTable) and issubclass(base, Table)


def attribute_of(table: type[Table]) -> str:
    """The name that a declared table has in `auth_tables()`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", table.__name__)
    return getattr(table, "attribute", "") or words.lower()


def noun_of(table: type[Table]) -> str:
    """The plural by which rows of a table are reported."""
    return getattr(table, "noun", "") or str(table._meta.tablename)


_copies: dict[tuple[type[Table], type[BaseUser]], type[Table]] = {}


def bind(table: type[Table], user_table: type[BaseUser]) -> type[Table]:
    """
    The copy of a declared table that is bound to a user table; always the same one.

    Args:
        table: The declared table.
        user_table: The user table of a project.
    """
    key = table, user_table
    if key not in _copies:
        own: dict[str, Any] = {"bound_to": user_table}
        for column in table._meta.foreign_key_columns:
            if (target := _rebound(table, column, user_table)) is not None:
                options = {**column._meta.params, "references": target}
                own[column._meta.name] = ForeignKey(**options)
        _copies[key] = create_table_class(
            f"{user_table.__name__}{table.__name__}",
            (table,),
            {"tablename": f"{user_table._meta.tablename}_{table._meta.tablename}"},
            own,
        )
    return _copies[key]


def _rebound(table: type[Table], column: ForeignKey[Any], user_table: type[BaseUser]) -> Any:
    """The table that a foreign key of a copy refers to; `None` if the original one's will do."""
    target = column._foreign_key_meta.resolved_references
    if target is table:
        return None  # Piccolo lets a copy refer to itself
    if issubclass(target, BaseUser):
        return user_table
    return bind(target, user_table) if target in declared_tables() else None


def tables_of(user_table: type[BaseUser], marked: str = "") -> Iterator[type[Table]]:
    """
    The tables of authentication for users of this table, by whatever class.

    Args:
        user_table: The user table.
        marked: The class attribute that the tables must have, if any.
    """
    name = user_table._meta.get_formatted_tablename()
    for table in TABLE_REGISTRY:
        if not issubclass(table, AuthTable) or (marked and not getattr(table, marked)):
            continue
        if user_table_of(table)._meta.get_formatted_tablename() == name:
            yield table


def credential_tables(user_table: type[BaseUser]) -> Iterator[type[Table]]:
    """The tables whose rows are credentials of users of this table."""
    return tables_of(user_table, "ends_with_password")


def device_tables(user_table: type[BaseUser]) -> Iterator[type[Table]]:
    """The tables that remember devices on which users of this table gave their password."""
    return tables_of(user_table, "is_device")


def verification_tables(user_table: type[BaseUser]) -> Iterator[type[Table]]:
    """The tables that say which addresses of users of this table are verified."""
    return tables_of(user_table, "tells_verified")


def factor_tables(user_table: type[BaseUser]) -> list[type[Table]]:
    """
    The tables of second factors that users of this table set up. Those that a login asks for come
    first: an enrolment locks their rows before those of companions, such as recovery codes.
    """
    tables = tables_of(user_table, "factor_since")
    return sorted(tables, key=lambda table: not table.factor)  # type: ignore[attr-defined]


def mailbox_tables(user_table: type[BaseUser]) -> Iterator[type[Table]]:
    """The tables that give accounts of users of this table to the owners of addresses."""
    return tables_of(user_table, "other_mailbox")


def confirmed_factors(user_table: type[BaseUser]) -> dict[str, str]:
    """
    How to ask whether a user has confirmed each factor that a login must ask for.

    Args:
        user_table: The user table.

    Returns:
        Conditions in SQL by the name of the factor. Each `{}` stands for the key of the user.
    """
    found: dict[str, list[str]] = {}
    for table in tables_of(user_table, "factor"):
        since = str(table.factor_since)  # type: ignore[attr-defined]
        user, at = (
            table._meta.get_column_by_name(name)._meta.db_column_name for name in ("user", since)
        )
        rows = f'{table._meta.get_formatted_tablename()} f WHERE f."{user}" = {{}}'
        condition = f'EXISTS (SELECT 1 FROM {rows} AND f."{at}" IS NOT NULL)'  # noqa: S608 - our own
        found.setdefault(str(table.factor), []).append(condition)  # type: ignore[attr-defined]
    return {name: f"({' OR '.join(conditions)})" for name, conditions in found.items()}


async def delete_expired_rows(table: type[Table], *, now: datetime, batch: int = 500) -> int:
    """
    Delete the expired rows of a table, in batches so that no other statement waits long.

    Args:
        table: An `AuthTable`.
        now: The present time, aware.
        batch: The number of rows that one statement deletes.

    Returns:
        The number of deleted rows.
    """
    if not issubclass(table, AuthTable) or (condition := table.expired(now)) is None:
        return 0
    async with store():
        return await table.delete_rows(condition, now=now, batch=batch)


async def count_expired(tables: Iterable[type[Table]], *, now: datetime) -> dict[str, int]:
    """
    Count the rows that `delete_expired` would delete, in the same form.

    Args:
        tables: The tables.
        now: The present time, aware.
    """
    async with store():
        return {
            noun_of(table): await table.count().where(expired)
            for table in tables
            if issubclass(table, AuthTable) and (expired := table.expired(now)) is not None
        }


async def delete_expired(tables: Iterable[type[Table]], *, now: datetime) -> dict[str, int]:
    """
    Delete the expired rows of each table, in batches so that no other statement waits long.

    ```python
    from piccolo_api_fastapi import auth_tables, delete_expired
    from piccolo_api_fastapi.clock import utcnow

    async def clean_up() -> None:
        print(await delete_expired(auth_tables(), now=utcnow()))
    ```

    Args:
        tables: `auth_tables()`, or `auth_tables(MyUser)` for a user table of your own.
        now: The present time, aware.

    Returns:
        The number of deleted rows by the noun of the table, such as `{"sessions": 3}`. Tables
        whose rows never expire are left out.
    """
    return {
        noun_of(table): await delete_expired_rows(table, now=now)
        for table in tables
        if issubclass(table, AuthTable) and table.expired(now) is not None
    }
