"""The table of linked accounts at providers."""

from piccolo.columns import UUID, Boolean, ForeignKey, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User


class OAuthAccount(AuthTable, Table, tablename="auth_oauth_account"):
    """
    An account at a provider by which a user signs in. A new password does not end it.

    ```python
    from piccolo_api_fastapi import OAuthAccount

    linked = await OAuthAccount.count().where(OAuthAccount.provider == "google")
    ```

    Tokens of the provider are never stored.
    """

    attribute = "oauth_account"
    factor_since = "linked_at"

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    provider = Varchar(length=32, help_text="The name of the provider.")
    issuer = Varchar(length=255, help_text="The issuer, with the tenant if it has several.")
    subject = Varchar(length=255, help_text="The id of the user at the issuer.")
    digest = Varchar(length=64, unique=True, help_text="SHA-256 of the issuer and the subject.")
    slot = Varchar(length=64, unique=True, help_text="SHA-256 of the user and the provider.")
    email = Varchar(
        length=254, null=True, default=None, help_text="As it was told. Never looked up."
    )
    email_verified = Boolean(help_text="Whether the provider was an authority for it.")
    linked_at = Timestamptz()
    last_login_at = Timestamptz(null=True, default=None)
