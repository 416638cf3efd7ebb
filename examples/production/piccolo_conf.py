"""Piccolo's configuration: PostgreSQL, by the environment."""

import os
from typing import Any

from piccolo.conf.apps import AppRegistry

from piccolo_api_fastapi import PooledPostgresEngine

_CONFIG: dict[str, Any] = {
    "host": os.environ.get("PG_HOST", "127.0.0.1"),
    "port": int(os.environ.get("PG_PORT", "5432")),
    "user": os.environ.get("PG_USER", "postgres"),
    "password": os.environ.get("PG_PASSWORD", ""),
    "database": os.environ["PG_DATABASE"],
    # Seconds for a statement and for opening a connection, in case the server hangs: a 503.
    "command_timeout": 5,
    "timeout": 5,
}

if os.environ.get("PGBOUNCER"):
    # In transaction mode the next statement may meet another connection, which does not
    # know what was prepared on this one.
    _CONFIG["statement_cache_size"] = 0

DB = PooledPostgresEngine(config=_CONFIG)

APP_REGISTRY = AppRegistry(
    apps=["piccolo.apps.user.piccolo_app", "piccolo_api_fastapi.piccolo_app"]
)
