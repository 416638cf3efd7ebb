"""A database of the tests, secrets of the tests, and a client of the application."""

import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest
from fastapi.testclient import TestClient
from piccolo.table import create_db_tables_sync, drop_db_tables_sync

from piccolo_api_fastapi import User, auth_tables, generate_key
from piccolo_api_fastapi.testing.fixtures import cheap_passwords, outbox, unlimited

__all__ = ["cheap_passwords", "outbox", "unlimited"]

# Before the application is imported, which reads them.
os.environ["SQLITE_FILE"] = str(Path(mkdtemp()) / "test.sqlite")
os.environ["JWT_SECRET"] = secrets.token_urlsafe(32)
os.environ["AUTH_ENCRYPTION_KEYS"] = generate_key()

from notes import settings
from notes.app import app
from notes.tables import Note

TABLES = [User, *auth_tables(), Note]


@pytest.fixture
def client(unlimited: None) -> Iterator[TestClient]:
    """A client of the running application, with an empty database."""
    create_db_tables_sync(*TABLES)
    with TestClient(app, base_url=settings.BASE_URL) as client:
        yield client
    drop_db_tables_sync(*TABLES)
