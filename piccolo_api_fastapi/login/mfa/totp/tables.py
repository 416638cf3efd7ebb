"""The table of authenticators."""

from piccolo.columns import UUID, BigInt, ForeignKey, Text, Timestamptz
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.core.database.failure_counters import TwofoldCounter
from piccolo_api_fastapi.users import User


class TOTPSecret(AuthTable, TwofoldCounter, Table, tablename="auth_totp"):
    """
    The authenticator app of a user.

    ```python
    from piccolo_api_fastapi import TOTPSecret

    enrolled = await TOTPSecret.count().where(TOTPSecret.confirmed_at.is_not_null())
    ```
    """

    factor_since = "confirmed_at"
    factor = "totp"

    id = UUID(primary_key=True)
    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    secret = Text(null=True, default=None, secret=True, help_text="Encrypted; in use.")
    pending = Text(null=True, default=None, secret=True, help_text="Encrypted; not confirmed yet.")
    confirmed_at = Timestamptz(null=True, default=None)
    last_step = BigInt(default=-1, help_text="The period of the last accepted code.")
