"""The Piccolo app: its migrations make the customers and all that belongs to them."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from examples.custom_user.tables import tables

APP_CONFIG = AppConfig(
    app_name="shop",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=tables,
)
