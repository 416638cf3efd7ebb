"""The tables of passkeys."""

from piccolo.columns import UUID, BigInt, Boolean, ForeignKey, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User


class Passkey(AuthTable, Table, tablename="auth_passkey"):
    """
    A passkey of a user. A new password does not end it.

    ```python
    from piccolo_api_fastapi import Passkey

    synced = await Passkey.count().where(Passkey.is_backed_up.eq(True))
    ```
    """

    factor = "passkey"
    factor_since = "created_at"

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    digest = Varchar(length=64, unique=True, help_text="SHA-256 of the credential id.")
    credential_id = Text(help_text="The credential id in base64url.")
    public_key = Text(help_text="The public key (COSE) in base64url.")
    sign_count = BigInt(help_text="The counter of its last use; 0 if it does not count.")
    transports = Text(help_text="How browsers reach it, separated by spaces.")
    aaguid = Varchar(length=36, help_text="The model of the authenticator, if it says so.")
    is_backup_eligible = Boolean(help_text="Whether it can be synced. It never changes.")
    is_backed_up = Boolean(help_text="Whether it is synced.")
    verifies_user = Boolean(help_text="Whether the user was verified when it was added.")
    is_discoverable = Boolean(
        null=True, default=None, help_text="Null if the browser did not say it."
    )
    name = Varchar(length=64, help_text="The name that the user gave it.")
    created_at = Timestamptz()
    last_used_at = Timestamptz(null=True, default=None)


class PasskeyOwner(AuthTable, Table, tablename="auth_passkey_owner"):
    """
    The user handle of a user: random, the same for all their passkeys and for ever.

    ```python
    from piccolo_api_fastapi import PasskeyOwner

    owners = await PasskeyOwner.count()
    ```
    """

    id = UUID(primary_key=True)
    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    handle = Varchar(length=43, unique=True, help_text="32 random bytes in base64url.")
