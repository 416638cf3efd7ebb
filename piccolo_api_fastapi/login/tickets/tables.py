"""The table of tickets."""

from datetime import datetime

from piccolo.columns import UUID, ForeignKey, Integer, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User


class Ticket(AuthTable, Table, tablename="auth_ticket"):
    """
    A secret for one purpose, which expires and is used once.

    ```python
    from piccolo_api_fastapi import Ticket

    unused = await Ticket.count().where(Ticket.used_at.is_null())
    ```
    """

    noun = "tickets"
    ends_with_password = True

    id = UUID(primary_key=True)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the secret.")
    purpose = Varchar(length=32, help_text="The only purpose that it is valid for.")
    user = ForeignKey(
        User,
        null=True,
        default=None,
        index=True,
        on_delete=OnDelete.cascade,
        help_text="Null while the user is unknown.",
    )
    data = Text(secret=True, help_text="The data it is bound to, in the format of its purpose.")
    attempts = Integer(help_text="The number of times it was presented.")
    created_at = Timestamptz()
    expires_at = Timestamptz(index=True)
    used_at = Timestamptz(null=True, default=None)

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Expired tickets, used or not."""
        return cls.expires_at <= now
