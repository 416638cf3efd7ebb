"""The table of recovery codes."""

from piccolo.columns import UUID, ForeignKey, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users import User


class RecoveryCode(AuthTable, Table, tablename="auth_recovery_code"):
    """
    A recovery code, for users who lost their authenticator.

    ```python
    from piccolo_api_fastapi import RecoveryCode

    left = await RecoveryCode.count().where(RecoveryCode.used_at.is_null())
    ```
    """

    factor_since = "created_at"

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the code.")
    created_at = Timestamptz()
    used_at = Timestamptz(null=True, default=None)
