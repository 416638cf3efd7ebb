"""Tables that features declare, bound to user tables, and how their rows end."""

from datetime import datetime, timezone
from typing import Any

from piccolo_api_fastapi import AuthTable, EventRecord, User
from piccolo_api_fastapi.core.database.auth_tables import declared_tables, delete_expired_rows


async def test_rows_without_an_end(database: Any) -> None:
    """A table whose rows never expire loses none, and neither does one that is no auth table."""
    now = datetime(2100, 1, 1, tzinfo=timezone.utc)
    assert EventRecord.expired(now) is None
    assert await delete_expired_rows(EventRecord, now=now) == 0
    assert await delete_expired_rows(User, now=now) == 0


def test_a_base_of_several_tables() -> None:
    """A class with only what tables share is no table."""

    class Shared(AuthTable):
        noun = "shared"

    assert not hasattr(Shared, "_meta")
    assert "Shared" not in {table.__name__ for table in declared_tables()}
