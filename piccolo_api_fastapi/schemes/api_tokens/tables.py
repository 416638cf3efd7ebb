"""The table of API tokens."""

from piccolo.columns import UUID, ForeignKey, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.user_tables import CredentialTable
from piccolo_api_fastapi.users import User


class APIToken(CredentialTable, Table, tablename="auth_api_token"):
    """One token of a script or a machine."""

    id = UUID(primary_key=True)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the token.")
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    name = Varchar(length=100, help_text="What its owner calls it.")
    scope = Text(help_text="What was granted, separated by spaces.")
    last_four = Varchar(length=4, help_text="The end of the token, to know it by.")
    created_at = Timestamptz(help_text="When this secret was made.")
    expires_at = Timestamptz(null=True, default=None, index=True, help_text="Null is never.")
    last_used_at = Timestamptz(null=True, default=None, help_text="Written at most once a minute.")
    revoked_at = Timestamptz(null=True, default=None)

    @property
    def scopes(self) -> frozenset[str]:
        """What was granted."""
        return frozenset(self.scope.split())
