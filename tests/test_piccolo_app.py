"""The Piccolo app and its tables."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import RefreshFamily, Session, User, auth_tables
from piccolo_api_fastapi.piccolo_app import APP_CONFIG, clean
from piccolo_api_fastapi.testing import FrozenClock
from piccolo_api_fastapi.user_tables import user_table_of
from tests.conftest import get_tokens, log_in
from tests.models import Customer, Member


def test_tables() -> None:
    """The stock ones for `User`, others for other tables, the same ones each time."""
    assert auth_tables() is auth_tables(User) or list(auth_tables()) == list(auth_tables(User))
    assert auth_tables(Customer) is auth_tables(Customer)
    assert list(APP_CONFIG.table_classes) == list(auth_tables())
    names = {
        table._meta.tablename for owner in (User, Customer, Member) for table in auth_tables(owner)
    }
    assert len(names) == 3 * len(list(auth_tables()))
    for table in set(auth_tables(Member)) - {auth_tables(Member).rate_limit_state}:
        assert user_table_of(table) is Member
        assert table._meta.get_column_by_name("user")._meta.params["on_delete"].value == "CASCADE"


async def test_clean(
    client: httpx.AsyncClient, ada: User, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """The command deletes what has expired by the real clock (D-S9)."""
    await log_in(client)
    await get_tokens(client)
    clock.advance(timedelta(days=365 * 50))
    await log_in(client)
    client.cookies.clear()
    await clean()
    assert capsys.readouterr().out == "Deleted 0 sessions, 1 refresh families and 0 tickets.\n"
    assert await Session.count() == 1
    assert await RefreshFamily.count() == 0


async def test_secret_columns(client: httpx.AsyncClient, ada: User) -> None:
    """Digests are secret columns: `exclude_secrets` and Piccolo Admin leave them out."""
    await log_in(client)
    await get_tokens(client)
    rows: list[dict[str, Any]] = []
    for table in (Session, RefreshFamily):
        rows += await table.select(exclude_secrets=True)
    for row in rows:
        assert not [value for value in row.values() if isinstance(value, str) and len(value) == 64]
