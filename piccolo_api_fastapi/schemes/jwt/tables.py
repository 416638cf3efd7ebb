"""The table of refresh families."""

from datetime import datetime

from piccolo.columns import UUID, Boolean, ForeignKey, Integer, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User


class RefreshFamily(AuthTable, Table, tablename="auth_refresh_family"):
    """
    A signed-in app: all refresh tokens that descend from one login, in one row.

    ```python
    from piccolo_api_fastapi import RefreshFamily

    revoked = await RefreshFamily.count().where(RefreshFamily.revoked_at.is_not_null())
    ```
    """

    noun = "refresh families"
    ends_with_password = True

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    issuer = Text(help_text="The `iss` of its access tokens.")
    audience = Text(help_text="The `aud` of its access tokens.")
    generation = Integer(help_text="The number of rotations.")
    current_digest = Varchar(length=64, secret=True, help_text="SHA-256 of the secret part.")
    previous_digest = Varchar(length=64, null=True, default=None, secret=True)
    scope = Text(help_text="The granted scopes, separated by spaces.")
    created_at = Timestamptz(help_text="When the user logged in.")
    rotated_at = Timestamptz()
    expires_at = Timestamptz(index=True, help_text="When the family ends; never moved.")
    revoked_at = Timestamptz(null=True, default=None)
    factors = Text(help_text="The presented factors and their times, as JSON.")
    is_enrolling = Boolean(
        default=False, help_text="Whether the family allows nothing but enrolling a factor."
    )
    ip = Varchar(length=45, null=True, default=None)
    user_agent = Varchar(length=255, null=True, default=None)

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Expired families. A revoked one stays until then, to recognise reuse of its tokens."""
        return cls.expires_at <= now
