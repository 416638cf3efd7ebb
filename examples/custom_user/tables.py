"""Customers, instead of Piccolo's users, and the tables of the library bound to them."""

from piccolo.apps.user.tables import BaseUser
from piccolo.columns import UUID, Varchar

from piccolo_api_fastapi import auth_tables


class Customer(BaseUser, tablename="shop_customer"):
    """A user with a UUID for a key and a phone number."""

    id = UUID(primary_key=True)  # type: ignore[assignment]  # pyright: ignore[reportAssignmentType]
    phone = Varchar(length=20, null=True, default=None)


tables = [Customer, *auth_tables(Customer)]
