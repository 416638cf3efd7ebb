"""The table of tickets."""

from piccolo.columns import UUID, ForeignKey, Integer, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table

from piccolo_api_fastapi.core.database.user_tables import CredentialTable
from piccolo_api_fastapi.users import User


class Ticket(CredentialTable, Table, tablename="auth_ticket"):
    """A secret that was given out for one purpose."""

    id = UUID(primary_key=True)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the secret.")
    purpose = Varchar(length=32, help_text="What it is good for, and for nothing else.")
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    data = Text(secret=True, help_text="What it is bound to, as its purpose has it.")
    attempts = Integer(help_text="How often it was presented.")
    created_at = Timestamptz()
    expires_at = Timestamptz(index=True)
    used_at = Timestamptz(null=True, default=None)
