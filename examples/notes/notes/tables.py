"""The table of notes."""

from piccolo.columns import ForeignKey, Serial, Text, Timestamptz, Varchar
from piccolo.table import Table

from piccolo_api_fastapi import User


class Note(Table, tablename="note"):
    """A note. It belongs to the user who wrote it, and is deleted with them."""

    id: Serial
    owner = ForeignKey(User, null=False, index=True)
    title = Varchar(length=200, required=True)
    text = Text()
    created_at = Timestamptz(index=True)
