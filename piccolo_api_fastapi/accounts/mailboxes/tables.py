"""The tables of mailboxes: which addresses are verified, and which changes can be undone."""

from datetime import datetime

from piccolo.columns import UUID, Boolean, ForeignKey, Integer, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.core.database.failure_counters import FailureCounter
from piccolo_api_fastapi.users import User


class EmailStatus(AuthTable, FailureCounter, Table, tablename="auth_email"):
    """
    What is known of the address of a user; an address that is not in it is not verified.

    Wrong codes are counted here, whatever they were sent for.

    ```python
    from piccolo_api_fastapi import EmailStatus

    verified = await EmailStatus.count().where(EmailStatus.verified_at.is_not_null())
    ```
    """

    tells_verified = True

    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    email = Varchar(length=254, help_text="Which one; another in the user table is not verified.")
    verified_at = Timestamptz(null=True, default=None)
    is_registered = Boolean(default=False, help_text="Whether the user registered themselves.")
    activates = Boolean(default=False, help_text="Whether the user is to be active once verified.")
    is_contested = Boolean(
        default=False, help_text="Registered again meanwhile, with another password."
    )
    uncompared = Integer(
        default=0,
        help_text="How often registered again with a password that was not compared yet.",
    )
    verification_sent_at = Timestamptz(null=True, default=None)
    reset_sent_at = Timestamptz(null=True, default=None)
    change_sent_at = Timestamptz(null=True, default=None)


class EmailChange(AuthTable, Table, tablename="auth_email_change"):
    """
    A change of address that the owner of the old one can undo.

    No credential: a thief who changes the password as well would end it.

    ```python
    from piccolo_api_fastapi import EmailChange

    changes = await EmailChange.select().where(EmailChange.user == 1)
    ```
    """

    noun = "changes of address"

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the secret.")
    email = Varchar(length=254, help_text="The old one.")
    created_at = Timestamptz()
    expires_at = Timestamptz(index=True)
    undone_at = Timestamptz(null=True, default=None)

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Changes that can no longer be undone."""
        return cls.expires_at <= now
