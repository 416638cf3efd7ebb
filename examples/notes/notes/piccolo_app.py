"""The Piccolo app: its tables, its migrations and its commands."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from piccolo_api_fastapi import auth_commands

from .auth import totp, users
from .tables import Note

APP_CONFIG = AppConfig(
    app_name="notes",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=[Note],
    migration_dependencies=["piccolo_api_fastapi.piccolo_app"],
    commands=auth_commands(users, totp=totp),
)
