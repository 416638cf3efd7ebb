"""The statements on one row. Each has the owner scope in its condition."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from piccolo.columns import ForeignKey
from piccolo.querystring import QueryString
from piccolo.table import Table
from piccolo.utils.sql_values import convert_to_sql_value

from piccolo_api_fastapi.core.database.transactions import engine_of
from piccolo_api_fastapi.errors import (
    AuthError,
    Conflict,
    FieldError,
    InUse,
    NotFound,
    PreconditionFailed,
    Unprocessable,
)

from .fields import Field, default_of
from .hooks import Row
from .relations import Relations
from .scopes import Caller, Scope
from .sql import SQL, all_of, joined, name_of, run, table_of

Links = Sequence[tuple[Field, ForeignKey[Any]]]
"""The foreign keys that clients may write."""


class Statements:
    """
    Reads and writes single rows.

    Args:
        table: The table.
        fields: The fields that are returned.
        scope: The rows that callers see.
        relations: The scopes of other tables.
        version: The field that counts changes, if there is one.
    """

    def __init__(
        self,
        table: type[Table],
        fields: Sequence[Field],
        scope: Scope,
        relations: Relations,
        version: Field | None,
    ) -> None:
        self.table = table
        self._fields = fields
        self._scope = scope
        self._relations = relations
        self._version = version
        self._name = table_of(table)
        self._key = name_of(table._meta.primary_key)
        self._returned = ", ".join(field.selected for field in fields)

    def is_row(self, caller: Caller, key: Any, *, reading: bool = False) -> SQL:
        """Return the condition that a row is this one, and that the caller sees it."""
        scope = self._scope.condition(self._name, caller, reading=reading)
        return all_of(SQL(f"{self._name}.{self._key} = {{}}", (key,)), scope)

    async def fetch(
        self, caller: Caller, key: Any, *, reading: bool = False, lock: bool = False
    ) -> Row:
        """
        Return a row.

        Args:
            caller: The caller.
            key: The primary key.
            reading: Whether it is only read.
            lock: Whether other transactions must not change it until this one ends.

        Raises:
            NotFound: There is no such row, or the caller does not see it.
        """
        where = self.is_row(caller, key, reading=reading)
        # SQLite has locked the database already.
        tail = " FOR UPDATE" if lock and engine_of(self.table).engine_type != "sqlite" else ""
        text = f"SELECT {self._returned} FROM {self._name} WHERE {where.text}{tail}"  # noqa: S608
        rows = await run(self.table, SQL(text, where.values))
        if not rows:
            raise NotFound
        return rows[0]

    async def insert(self, caller: Caller, values: Mapping[str, Any], links: Links) -> Row:
        """
        Insert a row.

        Raises:
            AuthError: A foreign key leads to no row that the caller sees, or the database refused.
        """
        links = _given(links, values)
        columns = dict(self._with_defaults(values))
        names = ", ".join(columns)
        marks = ", ".join(["{}"] * len(columns))
        seen = self._seen(caller, values, links)
        what = f"SELECT {marks} WHERE {all_of(*seen).text}" if seen else f"VALUES ({marks})"
        text = f"INSERT INTO {self._name} ({names}) {what} RETURNING {self._returned}"
        given = (*columns.values(), *joined("", seen).values)
        rows = await run(self.table, SQL(text, given))
        if not rows:
            raise await self._unseen(caller, values, links)
        return rows[0]

    def _with_defaults(self, values: Mapping[str, Any]) -> Iterable[tuple[str, Any]]:
        for column in self.table._meta.columns:
            if column._meta.name in values:
                yield name_of(column), values[column._meta.name]
                continue
            default = default_of(column)
            if isinstance(default, QueryString) and default.template in {"DEFAULT", "null"}:
                continue  # the database counts
            yield name_of(column), default

    async def update(
        self,
        caller: Caller,
        key: Any,
        values: Mapping[str, Any],
        links: Links,
        conditions: Sequence[SQL] = (),
    ) -> Row:
        """
        Change a row.

        Args:
            caller: The caller.
            key: The primary key.
            values: The new values, at least one.
            links: The foreign keys among the columns.
            conditions: Further conditions on the row, which `If-Match` sets.

        Raises:
            AuthError: The caller sees no such row, the row does not meet the conditions, a
                foreign key leads to no row that the caller sees, or the database refused.
        """
        changes = [self._assignment(name, value) for name, value in values.items()]
        changes += [
            SQL(f"{name_of(column)} = {{}}", (convert_to_sql_value(value, column),))
            for column, value in self.table._meta.get_auto_update_values().items()
            if column._meta.name not in values
        ]
        if self._version is not None:
            name = name_of(self._version.column)
            changes.append(SQL(f"{name} = {name} + 1"))
        links = _given(links, values)
        seen = self._seen(caller, values, links)
        where = all_of(self.is_row(caller, key), *conditions, *seen)
        change = joined(", ", changes)
        text = (
            f"UPDATE {self._name} SET {change.text} WHERE {where.text} "  # noqa: S608
            f"RETURNING {self._returned}"
        )
        rows = await run(self.table, SQL(text, (*change.values, *where.values)))
        if not rows:
            raise await self._unchanged(caller, key, values, links, conditions)
        return rows[0]

    def _assignment(self, name: str, value: Any) -> SQL:
        return SQL(f"{name_of(self.table._meta.get_column_by_name(name))} = {{}}", (value,))

    async def delete(self, caller: Caller, key: Any, conditions: Sequence[SQL] = ()) -> None:
        """
        Delete a row.

        Raises:
            AuthError: The caller sees no such row, it does not meet the conditions, or other rows
                refer to it.
        """
        where = all_of(self.is_row(caller, key), *conditions)
        text = f"DELETE FROM {self._name} WHERE {where.text} RETURNING {self._key}"  # noqa: S608
        try:
            rows = await run(self.table, SQL(text, where.values))
        except Conflict:
            raise InUse from None
        if not rows:
            raise await self._unchanged(caller, key, {}, (), conditions)

    async def lock(self, caller: Caller, keys: Sequence[Any], strength: str) -> None:
        """
        Lock rows in the order of their keys, until the transaction ends.

        Args:
            caller: The caller.
            keys: The primary keys.
            strength: The lock of PostgreSQL. SQLite has locked the database already.
        """
        if engine_of(self.table).engine_type == "sqlite":
            return
        key = f"{self._name}.{self._key}"
        marks = ", ".join(["{}"] * len(keys))
        scope = self._scope.condition(self._name, caller, reading=False)
        where = all_of(SQL(f"{key} IN ({marks})", tuple(keys)), scope)
        text = (
            f"SELECT 1 FROM {self._name} WHERE {where.text} "  # noqa: S608 - our own names
            f"ORDER BY {key} FOR {strength}"
        )
        await run(self.table, SQL(text, where.values))

    def as_read(self, row: Row) -> list[SQL]:
        """Return the conditions that a row is still as it was read."""
        is_sqlite = engine_of(self.table).engine_type == "sqlite"
        conditions = []
        for field in self._fields:
            name, value = f"{self._name}.{name_of(field.column)}", row[field.name]
            if field.is_json and not is_sqlite:
                name = f"{name}::text"  # the type JSON has no equality
            if field.kind.is_rounded and is_sqlite:
                name = f"CAST(CAST({name} AS TEXT) AS REAL)"  # with the digits that were read
            same = SQL(f"{name} IS NULL") if value is None else SQL(f"{name} = {{}}", (value,))
            conditions.append(same)
        return conditions

    def _seen(self, caller: Caller, values: Mapping[str, Any], links: Links) -> list[SQL]:
        """Return the conditions that foreign keys lead to rows that the caller sees."""
        return [self._relations.seen(column, values[field.name], caller) for field, column in links]

    async def _unchanged(
        self,
        caller: Caller,
        key: Any,
        values: Mapping[str, Any],
        links: Links,
        conditions: Sequence[SQL],
    ) -> AuthError:
        """Return the reason for which a statement changed no row, from one more read."""
        facts = _facts([all_of(*conditions), *self._seen(caller, values, links)])
        where = self.is_row(caller, key)
        text = f"{facts.text} FROM {self._name} WHERE {where.text}"
        rows = await run(self.table, SQL(text, (*facts.values, *where.values)))
        if not rows:
            return NotFound()
        is_met, *are_seen = rows[0].values()
        return _reason(links, are_seen) or (Conflict() if is_met else PreconditionFailed())

    async def _unseen(self, caller: Caller, values: Mapping[str, Any], links: Links) -> AuthError:
        """Return the reason for which no row was inserted, from one more read."""
        facts = self._seen(caller, values, links)
        rows = await run(self.table, _facts(facts))
        return _reason(links, list(rows[0].values())) or Conflict()


def _given(links: Links, values: Mapping[str, Any]) -> Links:
    """Return the foreign keys that lead somewhere."""
    return [link for link in links if values.get(link[0].name) is not None]


def _facts(conditions: Sequence[SQL]) -> SQL:
    """Return the `SELECT` of whether each condition is met, by its number."""
    named = [
        SQL(f'{condition.text} AS "{number}"', condition.values)
        for number, condition in enumerate(conditions)
    ]
    facts = joined(", ", named)
    return SQL(f"SELECT {facts.text}", facts.values)


def _reason(links: Links, are_seen: Sequence[Any]) -> AuthError | None:
    unseen = [field for (field, _), is_seen in zip(links, are_seen, strict=True) if not is_seen]
    errors = [
        FieldError(("body", field.name), "There is no such row.", "row_missing") for field in unseen
    ]
    return Unprocessable(errors) if errors else None
