"""The tables of verified addresses and of changes of address."""

from datetime import datetime, timedelta
from typing import Any, ClassVar

from piccolo.columns import UUID, Boolean, ForeignKey, Integer, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.core.database.failure_counters import FailureCounter
from piccolo_api_fastapi.users import User

from .lapsing import delete_lapsed


class EmailStatus(AuthTable, FailureCounter, Table, tablename="auth_email"):
    """
    The state of the address of a user. An address without a row is not verified.

    ```python
    from piccolo_api_fastapi import EmailStatus

    verified = await EmailStatus.count().where(EmailStatus.verified_at.is_not_null())
    ```

    Wrong codes are counted here, for every kind of mail.

    A registration lapses if the user neither verifies the address nor signs in within
    `lapses_after` of the last link: `delete_expired` deletes the user. Set it to another time in
    `piccolo_conf.py`, or to `None` to keep such users.
    """

    noun = "unverified registrations"
    tells_verified = True
    lapses_after: ClassVar[timedelta | None] = timedelta(days=30)

    user = ForeignKey(User, unique=True, null=False, on_delete=OnDelete.cascade)
    email = Varchar(length=254, help_text="The address that this row is about.")
    verified_at = Timestamptz(null=True, default=None)
    is_registered = Boolean(default=False, help_text="Whether the user registered themselves.")
    activates = Boolean(default=False, help_text="Whether verifying makes the user active.")
    is_contested = Boolean(
        default=False, help_text="Whether it was registered again with another password."
    )
    uncompared = Integer(
        default=0,
        help_text="The number of registrations whose password could not be compared.",
    )
    verification_sent_at = Timestamptz(null=True, default=None)
    reset_sent_at = Timestamptz(null=True, default=None)
    change_sent_at = Timestamptz(null=True, default=None)

    @classmethod
    def expired(cls, now: datetime) -> Combinable | None:
        """Registrations that lapsed. Users whom an administrator activated or disabled stay."""
        if cls.lapses_after is None:
            return None
        user: Any = cls.user
        waits = cls.activates.eq(value=True) & user.active.eq(value=False)
        is_active = cls.activates.eq(value=False) & user.active.eq(value=True)
        is_new: Combinable = cls.is_registered.eq(value=True) & cls.verified_at.is_null()
        is_old = cls.verification_sent_at <= now - cls.lapses_after
        lapsed: Combinable = is_new & is_old & user.last_login.is_null() & (waits | is_active)
        return lapsed

    @classmethod
    async def delete_rows(cls, condition: Combinable, *, now: datetime, batch: int) -> int:
        """Delete the users, which deletes the rows as well."""
        return await delete_lapsed(cls, condition, now, batch)


class EmailChange(AuthTable, Table, tablename="auth_email_change"):
    """
    A change of address or a new second factor that the owner of an address can undo.

    ```python
    from piccolo_api_fastapi import EmailChange

    changes = await EmailChange.count().where(EmailChange.undone_at.is_null())
    ```

    It is no credential: a thief who changes the password as well would end it. It ends when the
    user reads mail to another address than this one, but not by the change to that address.
    """

    noun = "changes of address"
    other_mailbox = "email"

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    digest = Varchar(length=64, unique=True, secret=True, help_text="SHA-256 of the secret.")
    email = Varchar(length=254, help_text="The address to restore.")
    created_at = Timestamptz()
    expires_at = Timestamptz(index=True)
    undone_at = Timestamptz(null=True, default=None)

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Changes that can no longer be undone."""
        return cls.expires_at <= now
