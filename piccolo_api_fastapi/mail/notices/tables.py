"""The table of browsers and apps that people signed in with."""

from piccolo.columns import UUID, ForeignKey, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.users import User


class KnownBrowser(Table, tablename="auth_known_browser"):
    """That a user signed in with a browser or an app of this name."""

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    digest = Varchar(length=64, unique=True, help_text="SHA-256 of the user and the name.")
    seen_at = Timestamptz()
