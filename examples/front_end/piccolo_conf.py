"""Piccolo's configuration: a SQLite file, the users and this library."""

import os

from piccolo.conf.apps import AppRegistry
from piccolo.engine.sqlite import SQLiteEngine

DB = SQLiteEngine(path=os.environ.get("FRONT_END_DB", "front_end.sqlite"), timeout=30)

APP_REGISTRY = AppRegistry(
    apps=["piccolo.apps.user.piccolo_app", "piccolo_api_fastapi.piccolo_app"]
)
