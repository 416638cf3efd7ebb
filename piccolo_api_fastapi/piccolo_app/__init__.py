"""The Piccolo app: put `piccolo_api_fastapi.piccolo_app` into `APP_REGISTRY`."""

from .app import APP_CONFIG, AuthTables, auth_tables, delete_expired
from .from_piccolo_api.migration import decrypt_with, migrate_from_piccolo_api

__all__ = [
    "APP_CONFIG",
    "AuthTables",
    "auth_tables",
    "decrypt_with",
    "delete_expired",
    "migrate_from_piccolo_api",
]
