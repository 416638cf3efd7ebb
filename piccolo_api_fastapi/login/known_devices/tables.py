"""The table of browsers that users logged in with before."""

from datetime import datetime

from piccolo.columns import UUID, ForeignKey, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User


class KnownDevice(AuthTable, Table, tablename="auth_known_device"):
    """
    A browser that a user logged in with, recognised by a cookie.

    ```python
    from piccolo_api_fastapi import KnownDevice

    browsers = await KnownDevice.count()
    ```

    The cookie is no credential. Wrong passwords from such a browser are counted by themselves.
    """

    noun = "known browsers"
    is_device = True

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the token.")
    seen_at = Timestamptz()
    expires_at = Timestamptz(index=True)

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Browsers that were not used for long."""
        return cls.expires_at <= now
