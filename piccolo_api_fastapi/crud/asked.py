"""`AskedRow`: what a client asked of a row whose model the application made."""

from collections.abc import Collection

from .hooks import Row


class AskedRow(Row):
    """
    The values of a row that were asked for, with the whole row, of which its model is made.

    Args:
        asked: What was asked for, and the rows that are returned along.
        whole: All that the model has.
        fields: The names of the fields to show; `None` for all.
        include: The names of the relations that are returned along.
    """

    def __init__(
        self, asked: Row, whole: Row, fields: Collection[str] | None, include: Collection[str]
    ) -> None:
        super().__init__(asked)
        self.whole = whole
        self.fields = fields
        self.include = include
