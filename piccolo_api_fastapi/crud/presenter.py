"""Rows as JSON shows them, with their entity tags."""

from collections.abc import Mapping

from .asked import AskedRow
from .etags import etag_of, etag_of_version
from .fields import Field
from .hooks import Row
from .includes import Include
from .models import Output


class Presenter:
    """
    Shows rows to clients.

    Args:
        output: The fields that clients read.
        includes: The relations, by name.
        version: The field that counts changes, if there is one.
    """

    def __init__(
        self, output: Output, includes: Mapping[str, Include], version: Field | None
    ) -> None:
        self.output = output
        self.version = version
        self._includes = includes

    def render(self, row: Row) -> Row:
        """Return a row as JSON shows it."""
        shown = dict(row)
        related = {
            name: shown.pop(name)
            for name in self._includes
            if isinstance(shown.get(name), dict | list)
        }
        if isinstance(row, AskedRow):
            nobody = {name: None for name in row.include if row[name] is None}
            shown = self.output.render(dict(row.whole), row.fields) | nobody
        else:
            shown = self.output.render(shown)
        for name, found in related.items():
            render = self._includes[name].render
            many = isinstance(found, list)
            shown[name] = [render(dict(one)) for one in found] if many else render(dict(found))
        return shown

    def etag(self, row: Row, shown: Row | None = None) -> str:
        """
        Return the entity tag of a whole row.

        Args:
            row: The row, as it was read.
            shown: The row as JSON shows it, if it is known.
        """
        if self.version is not None:
            return etag_of_version(row[self.version.name])
        return etag_of(self.render(row) if shown is None else shown)
