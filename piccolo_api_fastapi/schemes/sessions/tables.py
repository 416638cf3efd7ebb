"""The table of sessions."""

from datetime import datetime

from piccolo.columns import UUID, Boolean, ForeignKey, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User


class Session(AuthTable, Table, tablename="auth_session"):
    """
    A signed-in browser.

    ```python
    from piccolo_api_fastapi import Session

    active = await Session.count().where(Session.is_enrolling.eq(value=False))
    ```
    """

    noun = "sessions"
    ends_with_password = True

    id = UUID(primary_key=True)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the token.")
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    scheme = Text(help_text="The name of the scheme that the session belongs to.")
    created_at = Timestamptz(help_text="When the user logged in.")
    last_seen_at = Timestamptz(help_text="Written at most once a minute.")
    expires_at = Timestamptz(index=True, help_text="The idle timeout, moved by activity.")
    absolute_expires_at = Timestamptz(help_text="When the session ends at the latest.")
    factors = Text(help_text="The presented factors and their times, as JSON.")
    is_enrolling = Boolean(
        default=False, help_text="Whether the session allows nothing but enrolling a factor."
    )
    ip = Varchar(length=45, null=True, default=None)
    user_agent = Varchar(length=255, null=True, default=None)

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Sessions that reached their idle timeout, which never exceeds the absolute one."""
        return cls.expires_at <= now
