"""The Piccolo app: its migrations make the people, movies and reviews."""

from pathlib import Path

from piccolo.conf.apps import AppConfig

from examples.movies.tables import TABLES

APP_CONFIG = AppConfig(
    app_name="movies",
    migrations_folder_path=str(Path(__file__).parent / "piccolo_migrations"),
    table_classes=TABLES,
    migration_dependencies=["piccolo_api_fastapi.piccolo_app"],
)
