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
    A secret that was given out for one purpose.

    ```python
    from piccolo_api_fastapi import Ticket

    pending = await Ticket.count()
    ```
    """

    noun = "tickets"
    ends_with_password = True

    id = UUID(primary_key=True)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the secret.")
    purpose = Varchar(length=32, help_text="What it is good for, and for nothing else.")
    user = ForeignKey(
        User,
        null=True,
        default=None,
        index=True,
        on_delete=OnDelete.cascade,
        help_text="Null until it is known whose ticket it is.",
    )
    data = Text(secret=True, help_text="What it is bound to, as its purpose has it.")
    attempts = Integer(help_text="How often it was presented.")
    created_at = Timestamptz()
    expires_at = Timestamptz(index=True)
    used_at = Timestamptz(null=True, default=None)

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Expired tickets, used or not."""
        return cls.expires_at <= now
