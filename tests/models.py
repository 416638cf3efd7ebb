"""User tables of a project's own: other names, and UUIDs for keys."""

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import UUID, Varchar

from piccolo_api_fastapi import auth_tables


class Customer(BaseUser, tablename="customer"):
    """A user with a UUID, a phone number and a country."""

    id = UUID(primary_key=True)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    phone = Varchar(null=True, default=None)
    country = Varchar(length=2, default="GB")


class Member(BaseUser, tablename="member"):
    """A user whose key has another name."""

    id = None  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    number = UUID(primary_key=True)


auth_tables(Customer)
auth_tables(Member)
