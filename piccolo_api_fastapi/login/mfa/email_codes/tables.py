"""The table of codes sent by e-mail."""

from piccolo.columns import UUID, ForeignKey, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.core.database.failure_counters import TwofoldCounter
from piccolo_api_fastapi.users import User


class SentCode(AuthTable, TwofoldCounter, Table, tablename="auth_sent_code"):
    """
    The last code sent to a user.

    ```python
    from piccolo_api_fastapi import SentCode

    waiting = await SentCode.count().where(SentCode.secret.is_not_null())
    ```
    """

    # A user who proves the mailbox in another way could read the code as well. What is encrypted
    # never equals an address, so the row is deleted, with the count of wrong codes.
    other_mailbox = "secret"

    id = UUID(primary_key=True)
    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    secret = Text(null=True, default=None, secret=True, help_text="Encrypted; null once used.")
    sent_at = Timestamptz()
    expires_at = Timestamptz()
