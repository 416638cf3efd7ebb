"""Written by `piccolo migrations new shop --auto`, then shortened: defaults are left out."""

from functools import partial

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import (
    UUID,
    Boolean,
    ForeignKey,
    Integer,
    Secret,
    Serial,
    Text,
    Timestamp,
    Timestamptz,
    Varchar,
)
from piccolo.columns.base import OnDelete
from piccolo.table import Table


class Customer(Table, tablename="shop_customer"):
    """What the foreign keys refer to."""

    id = UUID(primary_key=True)


ID = "2026-11-24T03:54:39:272668"
VERSION = "1.38.0"
DESCRIPTION = "Customers and their credentials."


async def forwards() -> MigrationManager:
    """Make the tables."""
    manager = MigrationManager(migration_id=ID, app_name="shop", description=DESCRIPTION)

    manager.add_table("Customer", "shop_customer")
    customer = partial(manager.add_column, "Customer", "shop_customer")
    customer("id", column_class=UUID, params={"primary_key": True})
    customer("username", column_class=Varchar, params={"length": 100, "unique": True})
    customer("password", column_class=Secret)
    customer("first_name", column_class=Varchar, params={"null": True})
    customer("last_name", column_class=Varchar, params={"null": True})
    customer("email", column_class=Varchar, params={"unique": True})
    customer("active", column_class=Boolean)
    customer("admin", column_class=Boolean)
    customer("superuser", column_class=Boolean)
    customer("last_login", column_class=Timestamp, params={"default": None, "null": True})
    customer("phone", column_class=Varchar, params={"length": 20, "default": None, "null": True})

    manager.add_table("CustomerPassword", "shop_customer_auth_password")
    password = partial(manager.add_column, "CustomerPassword", "shop_customer_auth_password")
    password("id", column_class=Serial, params={"primary_key": True, "db_column_name": "id"})
    password(
        "user",
        column_class=ForeignKey,
        params={
            "references": Customer,
            "on_delete": OnDelete.cascade,
            "null": False,
            "unique": True,
        },
    )
    password("hash", column_class=Text, params={"secret": True})
    password("changed_at", column_class=Timestamptz)
    password(
        "superseded",
        column_class=Varchar,
        params={"length": 64, "default": None, "null": True, "secret": True},
    )

    manager.add_table("CustomerSession", "shop_customer_auth_session")
    session = partial(manager.add_column, "CustomerSession", "shop_customer_auth_session")
    session("id", column_class=UUID, params={"primary_key": True})
    session("digest", column_class=Varchar, params={"length": 64, "unique": True, "secret": True})
    session(
        "user",
        column_class=ForeignKey,
        params={
            "references": Customer,
            "on_delete": OnDelete.cascade,
            "null": False,
            "index": True,
        },
    )
    session("created_at", column_class=Timestamptz)
    session("last_seen_at", column_class=Timestamptz)
    session("expires_at", column_class=Timestamptz, params={"index": True})
    session("absolute_expires_at", column_class=Timestamptz)
    session("ip", column_class=Varchar, params={"length": 45, "default": None, "null": True})
    session("user_agent", column_class=Varchar, params={"default": None, "null": True})

    manager.add_table("CustomerRefreshFamily", "shop_customer_auth_refresh_family")
    family = partial(
        manager.add_column, "CustomerRefreshFamily", "shop_customer_auth_refresh_family"
    )
    family("id", column_class=UUID, params={"primary_key": True})
    family(
        "user",
        column_class=ForeignKey,
        params={
            "references": Customer,
            "on_delete": OnDelete.cascade,
            "null": False,
            "index": True,
        },
    )
    family("generation", column_class=Integer)
    family("current_digest", column_class=Varchar, params={"length": 64, "secret": True})
    family(
        "previous_digest",
        column_class=Varchar,
        params={"length": 64, "default": None, "null": True, "secret": True},
    )
    family("scope", column_class=Text)
    family("created_at", column_class=Timestamptz)
    family("rotated_at", column_class=Timestamptz)
    family("expires_at", column_class=Timestamptz, params={"index": True})
    family("revoked_at", column_class=Timestamptz, params={"default": None, "null": True})
    family("ip", column_class=Varchar, params={"length": 45, "default": None, "null": True})
    family("user_agent", column_class=Varchar, params={"default": None, "null": True})

    return manager
