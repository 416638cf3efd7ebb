"""The Piccolo app: put `piccolo_api_fastapi.piccolo_app` into `APP_REGISTRY`."""

from piccolo_api_fastapi.core.database.auth_tables import delete_expired
from piccolo_api_fastapi.core.database.sqlite_ids import never_reuse_ids
from piccolo_api_fastapi.users.folding import Conflict, fold_users

from .app import APP_CONFIG
from .commands import auth_commands
from .from_fastapi_users.commands import migrate_fastapi_users
from .from_fastapi_users.migration import migrate_from_fastapi_users
from .from_fastapi_users.old_tables import FastAPIUsersTables
from .from_piccolo_api.commands import migrate_piccolo_api
from .from_piccolo_api.migration import migrate_from_piccolo_api
from .from_piccolo_api.providers import decrypt_with
from .tables import AuthTables, auth_tables

__all__ = [
    "APP_CONFIG",
    "AuthTables",
    "Conflict",
    "FastAPIUsersTables",
    "auth_commands",
    "auth_tables",
    "decrypt_with",
    "delete_expired",
    "fold_users",
    "migrate_fastapi_users",
    "migrate_from_fastapi_users",
    "migrate_from_piccolo_api",
    "migrate_piccolo_api",
    "never_reuse_ids",
]
