"""The table of rate limits."""

from datetime import datetime

from piccolo.columns import BigInt, Boolean, Text, Varchar
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable


class RateLimitState(AuthTable, Table, tablename="auth_rate_limit"):
    """
    The state of one limit for one key. Times are in microseconds since 1970.

    ```python
    from piccolo_api_fastapi import RateLimitState

    keys = await RateLimitState.count()
    ```
    """

    noun = "rate limits"

    key = Varchar(length=32, primary_key=True, help_text="A digest of the limit and the key.")
    state = Text(help_text="Numbers of 16 digits; see piccolo_sql.")
    allowed = Boolean(help_text="The last decision.")
    at = BigInt(help_text="The time of the last decision.")
    expires_at = BigInt(index=True, help_text="When the limit has recovered.")

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Limits that have recovered."""
        return cls.expires_at < int(now.timestamp() * 1_000_000)
