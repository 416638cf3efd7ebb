"""Writes of single rows, with hooks around them and `If-Match` in their conditions."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import after_commit, transaction
from piccolo_api_fastapi.errors import FieldError, PreconditionFailed, Unprocessable

from .etags import tags_in, versions_in
from .fields import default_of, foreign_keys
from .hooks import CrudHooks, Row, Values, call, called_after, changed
from .models import Input
from .presenter import Presenter
from .scopes import Scope
from .sql import NOTHING, SQL, name_of
from .statements import Statements


class Writer:
    """
    Creates, changes and deletes rows of one table.

    Args:
        statements: The statements on its rows.
        presenter: Makes the entity tags.
        scope: The rows that callers see.
        hooks: The functions of the application.
        inputs: The values that clients may write, by operation.
    """

    def __init__(
        self,
        statements: Statements,
        presenter: Presenter,
        scope: Scope,
        hooks: CrudHooks,
        inputs: Mapping[str, Input],
    ) -> None:
        self._statements = statements
        self._presenter = presenter
        self._hooks = hooks
        self._inputs = inputs
        self._links = {name: foreign_keys(inputs[name].fields.values()) for name in inputs}
        self._scope = scope

    @asynccontextmanager
    async def transaction(self, *hooks: Callable[..., Any] | None) -> AsyncIterator[None]:
        """Open a transaction if there is a hook to run inside it."""
        async with store():
            if any(hooks):
                async with transaction(self._statements.table):
                    yield
            else:
                yield

    async def create(self, caller: Identity[Any], values: Values) -> Row:
        """Insert a row. Its owner is the caller, unless a hook says otherwise."""
        async with self.transaction(self._hooks.before_create):
            wanted = await changed(self._hooks.before_create, values, caller)
            self._check_path(caller, wanted)
            owned = {**self._owner(caller), **wanted}
            row = await self._statements.insert(caller, owned, self._links["create"])
            await self._later(self._hooks.after_create, caller, row)
        return row

    def _owner(self, caller: Identity[Any]) -> Row:
        if len(self._scope.path) != 1:
            return {}
        return {self._scope.path[0]._meta.name: getattr(caller.user, self._scope.attribute)}

    def _check_path(self, caller: Identity[Any], values: Values) -> None:
        """Refuse a row that has no owner, as its foreign key to that of the owner is missing."""
        if len(self._scope.path) > 1 and not self._scope.is_lifted(caller):
            name = self._scope.path[0]._meta.name
            if values.get(name) is None:
                missing = FieldError(("body", name), "Field required", "missing")
                raise Unprocessable([missing])

    async def change(
        self,
        caller: Identity[Any],
        key: Any,
        values: Values,
        if_match: str | None,
        operation: str = "update",
    ) -> Row:
        """
        Change a row.

        Args:
            caller: The caller.
            key: The primary key.
            values: The new values.
            if_match: The header, if it was sent.
            operation: The name of the input that the values are of.
        """
        links = self._links[operation]
        async with self.transaction(self._hooks.before_update):
            row = None
            if self._hooks.before_update is not None:
                row = await self._statements.fetch(caller, key, lock=True)
                values = await changed(self._hooks.before_update, values, caller, dict(row))
            conditions, row = await self._conditions(caller, key, if_match, row)
            if not values:
                row = row or await self._statements.fetch(caller, key)
                self._check_version(row, conditions)
                return row
            self._check_moved(caller, values)
            new = await self._statements.update(caller, key, values, links, conditions)
            await self._later(self._hooks.after_update, caller, new)
        return new

    def _check_moved(self, caller: Identity[Any], values: Values) -> None:
        if len(self._scope.path) > 1 and self._scope.path[0]._meta.name in values:
            self._check_path(caller, values)

    def _check_version(self, row: Row, conditions: list[SQL]) -> None:
        """Refuse a row that does not meet `If-Match`, where no statement asks for that."""
        version = self._presenter.version
        if conditions and version is not None and row[version.name] not in conditions[0].values:
            raise PreconditionFailed

    async def replace(
        self, caller: Identity[Any], key: Any, values: Values, if_match: str | None
    ) -> Row:
        """
        Change all of a row that clients write: what is missing gets its default.

        A column that clients can't read keeps its value, as they could not send it back.
        """
        shown = self._presenter.output.fields
        missing = {
            name: default_of(field.column)
            for name, field in self._inputs["create"].fields.items()
            if name not in values and name in shown and not field.column._meta.primary_key
        }
        own_key = self._statements.table._meta.primary_key._meta.name
        given = {name: value for name, value in values.items() if name != own_key}
        return await self.change(caller, key, {**missing, **given}, if_match, "create")

    async def lock(self, caller: Identity[Any], keys: Sequence[Any], strength: str) -> None:
        """Lock the rows of a bulk request."""
        await self._statements.lock(caller, keys, strength)

    async def delete(self, caller: Identity[Any], key: Any, if_match: str | None) -> None:
        """Delete a row."""
        hooks = self._hooks
        async with self.transaction(hooks.before_delete):
            row = None
            if hooks.before_delete or hooks.after_delete:
                row = await self._statements.fetch(caller, key, lock=bool(hooks.before_delete))
                await call(hooks.before_delete, caller, dict(row))
            conditions, _ = await self._conditions(caller, key, if_match, row)
            await self._statements.delete(caller, key, conditions)
            if row is not None:
                await self._later(hooks.after_delete, caller, row)

    async def _conditions(
        self, caller: Identity[Any], key: Any, if_match: str | None, row: Row | None
    ) -> tuple[list[SQL], Row | None]:
        """Return the conditions that `If-Match` sets, and the row if it was read."""
        if if_match is None or (tags := tags_in(if_match)) is None:
            return [], row
        version = self._presenter.version
        if version is not None:
            found = versions_in(tags, version.kind.parse)
            marks = ", ".join(["{}"] * len(found))
            name = name_of(version.column)
            return [SQL(f"{name} IN ({marks})", tuple(found)) if found else NOTHING], row
        if row is None:
            row = await self._statements.fetch(caller, key)
        if self._presenter.etag(row) not in tags:
            raise PreconditionFailed
        return self._statements.as_read(row), row

    async def _later(self, hook: Callable[..., Any] | None, caller: Any, row: Row) -> None:
        if hook is not None:
            await after_commit(
                partial(called_after, self._statements.table, hook, caller, dict(row))
            )
