"""`Crud`: the rows of one table, for callers who see and change only their own."""

from collections.abc import Sequence
from functools import cached_property, partial
from typing import Any, Literal

from piccolo.columns import Column
from piccolo.table import Table
from pydantic import BaseModel

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import Identity
from piccolo_api_fastapi.access.optional_user import Optional
from piccolo_api_fastapi.core.configuration import configured

from . import bulk, settings
from .hooks import CrudHooks, Row, Values
from .includes import includes_of
from .labels import Labels
from .presenter import Presenter
from .reader import Page, Reader
from .relations import Relations, refuse_tables_of_authentication
from .scopes import Caller
from .statements import Statements
from .writer import Writer


@configured
class Crud:
    """
    The rows of one table, for callers who see and change only what they may.

    ```python
    from piccolo.columns import ForeignKey, Varchar
    from piccolo.table import Table
    from piccolo_api_fastapi import Crud, SessionAuth, User

    class Note(Table):
        owner = ForeignKey(User)
        text = Varchar()

    current_user = SessionAuth()
    notes = Crud(Note, current_user, write=[Note.text], owner=Note.owner, filters=[Note.text])

    async def archive(caller):
        page = await notes.list(caller, "text__contains=old")
        for note in page.items:
            await notes.update(caller, note["id"], {"text": "archived"})
    ```

    `crud_router` makes routes of it. Its methods are for code of your own, such as other routes
    and jobs: they take the caller and obey the same rules. Rows are dictionaries of Python values
    by the names of columns.

    The owner scope stands in the condition of every statement: another user's row is a `NotFound`
    like a missing one. A foreign key that a client writes must lead to a row that the client sees.

    Args:
        table: The table.
        guard: The guard that finds the callers; or `optional(guard)`, with which people who are
            not signed in see the rows of tables without `owner`, or those with `public_read`.
        read: The columns that clients read, or a Pydantic model with their names. Default: all
            but secret ones.
        write: The columns that clients write, or such a model. Without it, nothing is written.
        create: The columns of new rows, if they differ from `write`.
        update: The columns that change, if they differ from `write`.
        owner: The foreign key to the owner, perhaps over others: `Track.album.owner`. Creating a
            row sets it. `None` if everybody sees and changes all rows of a table that leads to
            users; for other tables it can be left out.
        sees_all: A scope, such as `movies:all`. Its holders see and change the rows of all owners.
        public_read: Whether everybody reads the rows of all owners.
        related: The `Crud` objects of tables that foreign keys lead to. They say who sees those.
        filters: The columns to filter by, perhaps of joined tables: `Movie.director.name`.
        sort: The columns to sort by.
        search: The text columns that the parameter `q` searches.
        include: Foreign keys whose rows are returned along if a client asks; or foreign keys of
            other tables to this one.
        version: An integer column that counts the changes of a row, for entity tags.
        page_size: The number of rows of a page.
        max_page_size: The maximum number that a client may ask for.
        max_bulk: The maximum number of rows of a bulk request.
        paging: Whether the next page is found by a cursor, or by an offset.
        hooks: Functions that run around writes.
        name: The name of the models in OpenAPI. Default: that of the table.

    Raises:
        ConfigurationError: The table is one of users or of this package, a secret column could be
            read, a primary key or an owner could be written, or rows of the table or of a related
            one lead to users and it is not said whose they are.
    """

    def __init__(  # noqa: PLR0913 - configuration, all of it optional
        self,
        table: type[Table],
        guard: Guard[Any] | Optional[Any],
        *,
        read: Sequence[Column] | type[BaseModel] | None = None,
        write: Sequence[Column] | type[BaseModel] = (),
        create: Sequence[Column] | type[BaseModel] | None = None,
        update: Sequence[Column] | type[BaseModel] | None = None,
        owner: Column | None = settings.UNSAID,
        sees_all: str | None = None,
        public_read: bool = False,
        related: "Sequence[Crud]" = (),
        filters: Sequence[Column] = (),
        sort: Sequence[Column] = (),
        search: Sequence[Column] = (),
        include: Sequence[Column] = (),
        version: Column | None = None,
        page_size: int = 20,
        max_page_size: int = 100,
        max_bulk: int = 100,
        paging: Literal["cursor", "offset"] = "cursor",
        hooks: CrudHooks | None = None,
        name: str | None = None,
    ) -> None:
        refuse_tables_of_authentication(table)
        settings.check_sizes(page_size, max_page_size, max_bulk)
        self.table, self.guard = table, guard
        self.name = settings.checked_model_name(name or table.__name__)
        self.max_bulk = max_bulk
        self.scope = settings.scope_of(table, guard, owner, sees_all, public_read=public_read)
        settings.check_related(guard, related)
        relations = Relations(table, self.scope, settings.user_table_of(guard), related)
        self.output = settings.output_of(table, self.name, read)
        self.inputs = settings.inputs_of(
            table, self.name, self.scope, {"create": create, "update": update}, write
        )
        settings.check_columns(self, relations, filters=filters, sort=sort, search=search)
        counter = settings.version_of(self, version)
        self.includes = includes_of(table, self.name, include, relations)
        self.presenter = Presenter(self.output, self.includes, counter)
        parts = (table, relations, self.output, self.scope, self.includes, search)
        self._reader = Reader(*parts)
        self._make_labels = partial(Labels, *parts, sizes=(page_size, max_page_size))
        self._by_offset = paging == "offset"
        self.grammars = settings.grammars_of(
            self,
            filters=filters,
            sort=sort,
            search=search,
            paging=(paging, page_size, max_page_size),
        )
        statements = Statements(
            table, list(self.output.fields.values()), self.scope, relations, counter
        )
        self._writer = Writer(
            statements, self.presenter, self.scope, hooks or CrudHooks(), self.inputs
        )

    @cached_property
    def labels(self) -> Labels:
        """The labels of rows, which not every table needs."""
        return self._make_labels()

    async def list(self, caller: Caller, query: str | bytes = "") -> Page:
        """
        Return a page of rows.

        Args:
            caller: The caller; `None` if nobody is signed in.
            query: The query string, such as `rating__gte=3&sort=-rating`.

        Raises:
            Unprocessable: The query is not valid.
        """
        asked = self.grammars.list.parse(_raw(query))
        return await self._reader.page(caller, asked, by_offset=self._by_offset)

    async def get(self, caller: Caller, key: Any, query: str | bytes = "") -> Row:
        """
        Return one row.

        Args:
            caller: The caller; `None` if nobody is signed in.
            key: The primary key.
            query: The query string, such as `include=director`.

        Raises:
            NotFound: There is no such row, or the caller does not see it.
        """
        return await self._reader.get(caller, key, self.grammars.read.parse(_raw(query)))

    async def options(self, caller: Caller, query: str | bytes = "") -> Page:
        """Return a page of rows by `id` and `label`, which `get_readable()` of the table makes."""
        return await self.labels.options(caller, _raw(query))

    async def create(self, caller: Identity[Any], values: Values | BaseModel) -> Row:
        """
        Insert a row whose owner is the caller.

        Args:
            caller: The caller.
            values: The values by the names of columns. What is missing gets its default.

        Raises:
            Unprocessable: A value is not valid, or a foreign key leads to no row.
            ValueTaken: A unique value is taken.
        """
        return await self._writer.create(caller, self.inputs["create"].values(values))

    async def update(
        self,
        caller: Identity[Any],
        key: Any,
        values: Values | BaseModel,
        *,
        if_match: str | None = None,
    ) -> Row:
        """
        Change what is given of a row.

        Args:
            caller: The caller.
            key: The primary key.
            values: The new values. What is missing keeps its value.
            if_match: Entity tags, of which the row must have one.

        Raises:
            NotFound: There is no such row, or the caller does not see it.
            PreconditionFailed: The row has another entity tag.
            Unprocessable: A value is not valid, or a foreign key leads to no row.
            ValueTaken: A unique value is taken.
        """
        wanted = self.inputs["update"].values(values)
        return await self._writer.change(caller, key, wanted, if_match)

    async def replace(
        self,
        caller: Identity[Any],
        key: Any,
        values: Values | BaseModel,
        *,
        if_match: str | None = None,
    ) -> Row:
        """
        As `update`, but what is missing gets the default of its column.

        Raises:
            ConfigurationError: A column is in `create`, and not in `update`.
        """
        settings.check_replace(self)
        wanted = self.inputs["create"].values(values)
        return await self._writer.replace(caller, key, wanted, if_match)

    async def delete(self, caller: Identity[Any], key: Any, *, if_match: str | None = None) -> None:
        """
        Delete a row.

        Raises:
            NotFound: There is no such row, or the caller does not see it.
            PreconditionFailed: The row has another entity tag.
            InUse: Other rows refer to it.
        """
        await self._writer.delete(caller, key, if_match)

    async def create_many(
        self, caller: Identity[Any], items: Sequence[Values | BaseModel]
    ) -> Sequence[Row]:
        """Insert several rows, all or none. Errors have the place of the row in `loc`."""
        return await bulk.each(self, "items", items, lambda item: self.create(caller, item))

    async def update_many(
        self, caller: Identity[Any], items: Sequence[tuple[Any, Values | BaseModel]]
    ) -> Sequence[Row]:
        """
        Change several rows, all or none.

        Args:
            caller: The caller.
            items: The primary key of each row, and its new values.
        """
        keys = [key for key, _ in items]
        lock = partial(self._writer.lock, caller, keys, "NO KEY UPDATE")
        return await bulk.each(self, "items", items, lambda item: self.update(caller, *item), lock)

    async def delete_many(self, caller: Identity[Any], keys: Sequence[Any]) -> None:
        """Delete several rows, all or none."""
        lock = partial(self._writer.lock, caller, keys, "UPDATE")
        await bulk.each(self, "ids", keys, lambda key: self.delete(caller, key), lock)


def _raw(query: str | bytes) -> bytes:
    return query if isinstance(query, bytes) else query.encode()
