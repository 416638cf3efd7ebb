"""The tables of roles, and of who has which."""

from datetime import datetime

from piccolo.columns import UUID, ForeignKey, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.custom_types import Combinable
from piccolo.table import Table

from piccolo_api_fastapi.access.permissions import EVERYTHING
from piccolo_api_fastapi.core.database.auth_tables import AuthTable
from piccolo_api_fastapi.users.tables import User


class Role(AuthTable, Table, tablename="auth_role"):
    """
    A named set of permissions.

    ```python
    from piccolo_api_fastapi import Role

    names = await Role.select(Role.name).order_by(Role.name)
    ```
    """

    noun = "roles"

    id = UUID(primary_key=True)
    name = Varchar(length=64, unique=True)
    permissions = Text(help_text="Separated by spaces, and sorted.")
    description = Varchar(length=200, default="")

    @property
    def granted(self) -> frozenset[str]:
        """The permissions as a set."""
        return frozenset(self.permissions.split())

    def grants(self, permission: str) -> bool:
        """Return whether the role grants a permission; `*` grants every one."""
        return not self.granted.isdisjoint((permission, EVERYTHING))


class UserRole(AuthTable, Table, tablename="auth_user_role"):
    """
    A role of a user.

    ```python
    from piccolo_api_fastapi import UserRole

    editors = await UserRole.count().where(UserRole.role.name == "editor")
    ```
    """

    noun = "grants of roles"

    id = UUID(primary_key=True)
    user = ForeignKey(User, null=False, index=True, on_delete=OnDelete.cascade)
    role = ForeignKey(Role, null=False, index=True, on_delete=OnDelete.cascade)
    slot = Varchar(length=64, unique=True, help_text="SHA-256 of the user and the role.")
    granted_by = ForeignKey(User, null=True, default=None, index=True, on_delete=OnDelete.set_null)
    granted_at = Timestamptz()
    expires_at = Timestamptz(null=True, default=None, index=True)

    @classmethod
    def expired(cls, now: datetime) -> Combinable:
        """Grants whose time is over."""
        return cls.expires_at.is_not_null() & (cls.expires_at <= now)
