"""`APP_CONFIG`: what Piccolo knows of this package."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from piccolo_api_fastapi.core.commands import COMMANDS

from .tables import auth_tables

APP_CONFIG = AppConfig(
    app_name="piccolo_api_fastapi",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    # Tables of other packages are migrated by their own apps.
    table_classes=[
        table for table in auth_tables() if table.__module__.startswith("piccolo_api_fastapi.")
    ],
    migration_dependencies=["piccolo.apps.user.piccolo_app"],
    commands=COMMANDS,
)
