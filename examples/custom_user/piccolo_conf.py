"""Piccolo's configuration: a SQLite file, and the one app there is."""

import os

from piccolo.conf.apps import AppRegistry
from piccolo.engine.sqlite import SQLiteEngine

DB = SQLiteEngine(path=os.environ.get("SHOP_DB", "shop.sqlite"), timeout=30)

APP_REGISTRY = AppRegistry(apps=["examples.custom_user.piccolo_app"])
