"""Two user tables, and the tables of the library bound to each."""

from piccolo_api_fastapi import User, auth_tables


class Customer(User, tablename="store_customer"):
    """A customer of the shop, who registers."""


class Staff(User, tablename="store_staff"):
    """A member of staff, whom an administrator creates."""


tables = [Customer, *auth_tables(Customer), Staff, *auth_tables(Staff)]
