"""The table of the user agents that users signed in with."""

from piccolo.columns import UUID, ForeignKey, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User


class SeenUserAgent(AuthTable, Table, tablename="auth_known_browser"):
    """
    A user agent that a user signed in with, without its version.

    ```python
    from piccolo_api_fastapi import KnownBrowser

    browsers = await KnownBrowser.count()  # the public name of this table
    ```
    """

    attribute = "known_browser"

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    digest = Varchar(length=64, unique=True, help_text="SHA-256 of the user and the name.")
    seen_at = Timestamptz()


KnownBrowser = SeenUserAgent
"""The public name of `SeenUserAgent`, kept in this release."""
