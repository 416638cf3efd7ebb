from piccolo.apps.migrations.auto.migration_manager import MigrationManager
from piccolo.columns.column_types import BigInt
from piccolo.columns.column_types import Boolean
from piccolo.columns.column_types import Text
from piccolo.columns.column_types import Varchar
from piccolo.columns.indexes import IndexMethod


ID = "2026-11-24T15:50:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "What a PiccoloStore keeps."

PLAIN = {
    "null": False,
    "primary_key": False,
    "unique": False,
    "index": False,
    "index_method": IndexMethod.btree,
    "choices": None,
    "db_column_name": None,
    "secret": False,
}
COLUMNS = {
    "key": (Varchar, {"length": 32, "default": "", "primary_key": True}),
    "state": (Text, {"default": ""}),
    "allowed": (Boolean, {"default": False}),
    "at": (BigInt, {"default": 0}),
    "expires_at": (BigInt, {"default": 0, "index": True}),
}


async def forwards():
    manager = MigrationManager(
        migration_id=ID, app_name="piccolo_api_fastapi", description=DESCRIPTION
    )
    table = {"tablename": "auth_rate_limit", "schema": None}
    manager.add_table(class_name="RateLimitState", columns=None, **table)
    for name, (kind, params) in COLUMNS.items():
        manager.add_column(
            table_class_name="RateLimitState",
            column_name=name,
            db_column_name=name,
            column_class_name=kind.__name__,
            column_class=kind,
            params={**PLAIN, **params},
            **table,
        )
    return manager
