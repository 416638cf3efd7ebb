"""The table of rate limits."""

from piccolo.columns import BigInt, Boolean, Text, Varchar
from piccolo.table import Table


class RateLimitState(Table, tablename="auth_rate_limit"):
    """What one budget knows of one key. Times are microseconds since 1970."""

    key = Varchar(length=32, primary_key=True, help_text="A digest of both.")
    state = Text(help_text="Numbers of 16 digits: see piccolo_sql.")
    allowed = Boolean(help_text="What was decided last.")
    at = BigInt(help_text="And when.")
    expires_at = BigInt(index=True, help_text="Then the row says nothing any more.")
