"""The table of API tokens."""

from datetime import datetime

from piccolo.columns import UUID, ForeignKey, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User


class APIToken(AuthTable, Table, tablename="auth_api_token"):
    """
    An API token of a script or a machine.

    ```python
    from piccolo_api_fastapi import APIToken

    names = await APIToken.select(APIToken.name, APIToken.last_used_at)
    ```
    """

    noun = "API tokens"
    ends_with_password = True

    id = UUID(primary_key=True)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the token.")
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    name = Varchar(length=100, help_text="The name that its owner chose.")
    scope = Text(help_text="The granted scopes, separated by spaces.")
    last_four = Varchar(length=4, help_text="The last characters, to recognise it.")
    created_at = Timestamptz(help_text="When the secret was generated.")
    expires_at = Timestamptz(null=True, default=None, index=True, help_text="Null for never.")
    last_used_at = Timestamptz(null=True, default=None, help_text="Written at most once a minute.")
    revoked_at = Timestamptz(null=True, default=None)

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Expired and revoked tokens."""
        return (cls.expires_at <= now) | cls.revoked_at.is_not_null()

    @property
    def scopes(self) -> frozenset[str]:
        """The granted scopes."""
        return frozenset(self.scope.split())
