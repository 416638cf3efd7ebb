"""Written by `piccolo migrations new shop --auto`, then shortened: defaults are left out."""

from functools import partial

from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns import UUID, ForeignKey, Text, Timestamptz, Varchar
from piccolo.columns.base import OnDelete
from piccolo.table import Table


class Customer(Table, tablename="shop_customer"):
    """What the foreign keys refer to."""

    id = UUID(primary_key=True)


ID = "2026-11-24T15:30:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "API tokens."


async def forwards() -> MigrationManager:
    """Make the table."""
    manager = MigrationManager(migration_id=ID, app_name="shop", description=DESCRIPTION)

    manager.add_table("CustomerAPIToken", "shop_customer_auth_api_token")
    token = partial(manager.add_column, "CustomerAPIToken", "shop_customer_auth_api_token")
    token("id", column_class=UUID, params={"primary_key": True})
    token("digest", column_class=Varchar, params={"length": 64, "unique": True, "secret": True})
    token(
        "user",
        column_class=ForeignKey,
        params={
            "references": Customer,
            "on_delete": OnDelete.cascade,
            "null": False,
            "index": True,
        },
    )
    token("name", column_class=Varchar, params={"length": 100})
    token("scope", column_class=Text)
    token("last_four", column_class=Varchar, params={"length": 4})
    token("created_at", column_class=Timestamptz)
    token(
        "expires_at",
        column_class=Timestamptz,
        params={"default": None, "null": True, "index": True},
    )
    token("last_used_at", column_class=Timestamptz, params={"default": None, "null": True})
    token("revoked_at", column_class=Timestamptz, params={"default": None, "null": True})

    return manager
