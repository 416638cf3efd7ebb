"""The table of mail that could not be sent."""

from datetime import datetime

from piccolo.columns import UUID, ForeignKey, Integer, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User

MAXIMUM_ATTEMPTS = 10


class UnsentMail(AuthTable, Table, tablename="auth_unsent_mail"):
    """
    A message that could not be sent. It holds no link and no code.

    ```python
    from piccolo_api_fastapi import UnsentMail

    waiting = await UnsentMail.count()
    ```
    """

    noun = "messages"

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    kind = Varchar(length=64, help_text="The name of the class of the message.")
    recipient = Varchar(length=254, help_text="The address it is for.")
    at = Timestamptz(help_text="The time of the event that it is about.")
    data = Text(help_text="The other fields, as JSON.")
    attempts = Integer(help_text="The number of attempts.")
    next_attempt_at = Timestamptz(help_text="The time of the next attempt.")
    expires_at = Timestamptz(index=True, help_text="When the message is dropped.")

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Messages that are not tried again."""
        return (cls.expires_at <= now) | (cls.attempts >= MAXIMUM_ATTEMPTS)
