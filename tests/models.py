"""A user table of a project's own: another name, and UUIDs for keys."""

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import UUID, Varchar

from piccolo_api_fastapi import auth_tables


class Customer(BaseUser, tablename="customer"):
    """A user with a UUID and a phone number."""

    id = UUID(primary_key=True)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    phone = Varchar(null=True, default=None)


auth_tables(Customer)
