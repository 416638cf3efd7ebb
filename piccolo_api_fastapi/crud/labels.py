"""Options: rows by their keys and labels, for what people choose from."""

from typing import TYPE_CHECKING, Any

from piccolo.table import Table

from . import parameters
from .columns import kind_of
from .fields import refuse_secrets
from .joins import Joins
from .query import Grammar, ListQuery
from .reader import Page, Reader
from .relations import Relations
from .scopes import Caller

if TYPE_CHECKING:
    from piccolo.columns.readable import Readable


class Labels(Reader):
    """
    Lists rows by their labels, which `get_readable()` of the table makes.

    Args:
        table: The table.
        relations: The scopes of other tables.
        parts: The other arguments of `Reader`.
        sizes: The number of rows of a page, and its maximum.

    Raises:
        ConfigurationError: A column of the label is secret, or of a table whose scope is not known.
    """

    def __init__(
        self, table: type[Table], relations: Relations, *parts: Any, sizes: tuple[int, int]
    ) -> None:
        super().__init__(table, relations, *parts)
        self._readable: Readable = self._table.get_readable()
        columns: list[Any] = [*self._readable.columns]
        refuse_secrets("get_readable", columns)
        for key in (key for column in columns for key in column._meta.call_chain):
            relations.scope_of(key)  # refuses unknown ones now
        self._search = self._search or [column for column in columns if kind_of(column).is_text]
        paging = parameters.paging_of("cursor", *sizes)
        self.grammar = Grammar([*parameters.search_of(self._search), *paging], sizes[0])

    async def options(self, caller: Caller, raw: bytes) -> Page:
        """Return a page of options, in the order of their keys."""
        query = self.grammar.parse(raw)
        query.fields = frozenset()
        page = await self.page(caller, query, by_offset=False)
        numbers = range(len(self._readable.columns))
        items = []
        for row in page.items:
            parts = tuple(row[f"{number}.label"] for number in numbers)
            items.append({"id": row[self._key], "label": self._readable.template % parts})
        return Page(items, page.next)

    def _along(self, query: ListQuery, joins: Joins) -> list[str]:  # noqa: ARG002 - the same for all
        columns: list[Any] = [*self._readable.columns]
        return [
            f'{joins.name(column)} AS "{number}.label"' for number, column in enumerate(columns)
        ]
