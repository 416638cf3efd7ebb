"""The table of browsers in which people logged in before."""

from piccolo.columns import UUID, ForeignKey, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.user_tables import BrowserTable
from piccolo_api_fastapi.users import User


class KnownDevice(BrowserTable, Table, tablename="auth_known_device"):
    """That a user logged in with a browser. It is no way in: it only says who may try."""

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the token.")
    seen_at = Timestamptz()
    expires_at = Timestamptz(index=True)
