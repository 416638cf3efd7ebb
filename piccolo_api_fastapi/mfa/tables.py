"""The tables of second factors."""

from piccolo.columns import UUID, BigInt, ForeignKey, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.failure_counters import FailureCounter
from piccolo_api_fastapi.user_tables import FactorTable
from piccolo_api_fastapi.users import User


class TOTPSecret(FactorTable, FailureCounter, Table, tablename="auth_totp"):
    """The authenticator app of a user."""

    enrolled_at = "confirmed_at"

    id = UUID(primary_key=True)
    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    secret = Text(null=True, default=None, secret=True, help_text="Encrypted; asked at login.")
    pending = Text(null=True, default=None, secret=True, help_text="Encrypted; not confirmed yet.")
    confirmed_at = Timestamptz(null=True, default=None)
    last_step = BigInt(default=-1, help_text="The period of the last code that was accepted.")


class RecoveryCode(FactorTable, Table, tablename="auth_recovery_code"):
    """A code on paper, for when the phone is gone."""

    enrolled_at = "created_at"

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the code.")
    created_at = Timestamptz()
    used_at = Timestamptz(null=True, default=None)
