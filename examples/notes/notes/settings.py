"""All settings of the application, read from the environment."""

import os
from pathlib import Path
from typing import Any

from piccolo.engine.sqlite import SQLiteEngine

from piccolo_api_fastapi import (
    ConsoleMail,
    Cookie,
    MemoryStore,
    PersistentSQLiteEngine,
    PooledPostgresEngine,
    RedisStore,
    SMTPMail,
)


def secret(name: str) -> str:
    """A secret from the environment, or from the file of this name in the folder SECRETS."""
    if value := os.environ.get(name.upper()):
        return value
    try:
        return (SECRETS / name).read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        message = f"Set {name.upper()}, or run `python -m notes.make_secrets`."
        raise SystemExit(message) from None


SECRETS = Path(os.environ.get("SECRETS", "secrets"))
BASE_URL = os.environ.get("BASE_URL", "http://127.0.0.1:8000")
TRUSTED_PROXIES = os.environ.get("TRUSTED_PROXIES", "").split()

# Browsers keep the default cookie on https only. Development is on plain http.
COOKIE = Cookie() if BASE_URL.startswith("https://") else Cookie.insecure_for_http_on_localhost()


def database() -> SQLiteEngine | PooledPostgresEngine:
    """A SQLite file, or PostgreSQL if PG_HOST is set."""
    host = os.environ.get("PG_HOST")
    if host is None:
        return PersistentSQLiteEngine(os.environ.get("SQLITE_FILE", "notes.sqlite"))
    config: dict[str, Any] = {
        "host": host,
        "port": int(os.environ.get("PG_PORT", "5432")),
        "user": os.environ.get("PG_USER", "notes"),
        "password": secret("pg_password"),
        "database": os.environ.get("PG_DATABASE", "notes"),
        "command_timeout": 5,
        "timeout": 5,
    }
    return PooledPostgresEngine(config)


def mail() -> ConsoleMail | SMTPMail:
    """Print mail, or send it if SMTP_HOST is set."""
    host = os.environ.get("SMTP_HOST")
    if host is None:
        return ConsoleMail()
    return SMTPMail(
        host,
        sender=os.environ["MAIL_FROM"],
        name="Notes",
        username=os.environ["SMTP_USER"],
        password=secret("smtp_password"),
    )


def store() -> MemoryStore | RedisStore:
    """Count rate limits in this process, or for all processes if REDIS_URL is set."""
    url = os.environ.get("REDIS_URL")
    return MemoryStore() if url is None else RedisStore(url, prefix="notes")
