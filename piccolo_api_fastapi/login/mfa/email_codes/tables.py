"""The table of codes that were sent."""

from piccolo.columns import UUID, ForeignKey, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.core.database.failure_counters import FailureCounter
from piccolo_api_fastapi.users import User


class SentCode(AuthTable, FailureCounter, Table, tablename="auth_sent_code"):
    """
    The last code that a user was sent.

    ```python
    from piccolo_api_fastapi import SentCode

    await SentCode.delete().where(SentCode.user == 1)
    ```
    """

    id = UUID(primary_key=True)
    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    secret = Text(null=True, default=None, secret=True, help_text="Encrypted, until it is used.")
    sent_at = Timestamptz()
    expires_at = Timestamptz()
