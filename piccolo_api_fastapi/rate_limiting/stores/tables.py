"""The table of rate limits."""

from datetime import datetime

from piccolo.columns import BigInt, Boolean, Text, Varchar
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable


class RateLimitState(AuthTable, Table, tablename="auth_rate_limit"):
    """
    What one budget knows of one key. Times are microseconds since 1970.

    ```python
    from piccolo_api_fastapi import RateLimitState

    await RateLimitState.delete(force=True)  # forgets all that was counted
    ```
    """

    noun = "rate limits"

    key = Varchar(length=32, primary_key=True, help_text="A digest of both.")
    state = Text(help_text="Numbers of 16 digits: see piccolo_sql.")
    allowed = Boolean(help_text="What was decided last.")
    at = BigInt(help_text="And when.")
    expires_at = BigInt(index=True, help_text="Then the row says nothing any more.")

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Limits that have recovered."""
        return cls.expires_at < int(now.timestamp() * 1_000_000)
