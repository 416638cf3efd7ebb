"""Piccolo's configuration: a SQLite file, without apps: the demo makes its tables itself."""

import os

from piccolo.conf.apps import AppRegistry
from piccolo.engine.sqlite import SQLiteEngine

DB = SQLiteEngine(path=os.environ.get("TWO_USER_TABLES_DB", "two_user_tables.sqlite"), timeout=30)

APP_REGISTRY = AppRegistry(apps=[])
