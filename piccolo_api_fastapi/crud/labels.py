"""Options: rows by their keys and labels, for what people choose from."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from piccolo.columns import Column

from .columns import kind_of
from .fields import refuse_secrets
from .joins import Joins
from .query import ListQuery
from .reader import Page, Reader
from .scopes import Caller

if TYPE_CHECKING:
    from piccolo.columns.readable import Readable


class Labels(Reader):
    """Lists rows by their labels, which `get_readable()` of the table makes."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._readable: Readable = self._table.get_readable()
        columns: Sequence[Any] = self._readable.columns
        refuse_secrets("get_readable", columns)
        self._search = self._search or [column for column in columns if kind_of(column).is_text]

    @property
    def search(self) -> Sequence[Column]:
        """The columns that are searched."""
        return self._search

    async def options(self, caller: Caller, query: ListQuery) -> Page:
        """Return a page of options, in the order of their keys."""
        query.fields = frozenset()
        page = await self.page(caller, query, by_offset=False)
        numbers = range(len(self._readable.columns))
        items = []
        for row in page.items:
            parts = tuple(row[f"{number}.label"] for number in numbers)
            items.append({"id": row[self._key], "label": self._readable.template % parts})
        return Page(items, page.next)

    def _along(self, query: ListQuery, joins: Joins) -> list[str]:  # noqa: ARG002 - the same for all
        columns: Sequence[Any] = self._readable.columns
        return [
            f'{joins.name(column)} AS "{number}.label"' for number, column in enumerate(columns)
        ]
