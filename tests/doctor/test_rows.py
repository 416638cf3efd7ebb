"""Checks of rows that wait."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    SessionAuth,
    UnsentMail,
    User,
    Users,
    auth_tables,
    delete_expired,
    session_router,
)
from piccolo_api_fastapi.mail.delivery import queries
from piccolo_api_fastapi.mail.delivery.tables import MAXIMUM_ATTEMPTS
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import PASSWORD, log_in, new_client
from tests.doctor.examining import found, severities
from tests.models import Customer


async def test_expired_rows(
    app: FastAPI,
    client: httpx.AsyncClient,
    session: SessionAuth[User],
    ada: User,
    clock: FrozenClock,
) -> None:
    """Rows that expired more than a day ago; younger ones wait for the next run of `clean`."""
    assert (await log_in(client)).status_code == 200
    clock.advance(session.lifetimes.idle - timedelta(hours=1))
    await delete_expired(auth_tables(), now=clock())  # what expires earlier
    assert await severities(app, "expired_rows") == ["ok"]
    clock.advance(timedelta(hours=2))
    assert await severities(app, "expired_rows") == ["ok"]
    clock.advance(timedelta(days=1))
    [line] = await found(app, "expired_rows")
    expired = "warning: These expired more than a day ago: 1 sessions. "
    assert line == f"{expired}Run `piccolo piccolo_api_fastapi clean` daily."


async def test_expired_rows_of_an_own_table(database: Any, clock: FrozenClock) -> None:
    """The advice is the command of the application, as the other one cleans the stock tables."""
    session = SessionAuth(Users(Customer, clock=clock))
    await session.users.create("ada", PASSWORD)
    app = FastAPI()
    app.include_router(session_router(session), prefix="/auth")
    async with new_client(app) as client:
        assert (await log_in(client)).status_code == 200
    clock.advance(session.lifetimes.idle + timedelta(days=2))
    [line] = await found(app, "expired_rows")
    assert line.endswith(" Run the command `clean` of your Piccolo app for Customer daily.")


@pytest.mark.parametrize(
    ("age", "attempts", "expected"),
    [
        (timedelta(minutes=1), 1, "ok: No message to User waits."),
        (timedelta(hours=1), 0, "warning: 1 messages wait to be sent, and 0 could not be "),
        (timedelta(hours=1), MAXIMUM_ATTEMPTS, "warning: 0 messages wait to be sent, and 1 could "),
        (timedelta(days=8), 1, "warning: 0 messages wait to be sent, and 1 could not be "),
    ],
)
async def test_unsent_mail(
    app: FastAPI, ada: User, clock: FrozenClock, age: timedelta, attempts: int, expected: str
) -> None:
    """Messages that wait for long, and those that are not tried again."""
    message = {"user": ada.id, "kind": "NewSignIn", "recipient": ada.email, "data": "{}"}
    at = clock() - age
    await queries.keep(UnsentMail, message, at=at, due=at, attempts=attempts)
    [line] = await found(app, "unsent_mail")
    assert line.startswith(expected)
    assert await severities(app, "expired_rows") == ["ok"]  # they have a check of their own
