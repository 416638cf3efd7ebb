"""Piccolo's configuration: the database, and the apps whose tables are in it."""

from piccolo.conf.apps import AppRegistry

from notes import settings

DB = settings.database()

APP_REGISTRY = AppRegistry(
    apps=[
        "piccolo.apps.user.piccolo_app",
        "piccolo_api_fastapi.piccolo_app",
        "notes.piccolo_app",
    ]
)
