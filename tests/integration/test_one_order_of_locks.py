"""Changes of one user at once, while the account is closed: no deadlock, which would be a 503."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from itertools import chain, cycle, islice
from typing import Any

import httpx
import pytest
from fastapi import FastAPI, Response
from piccolo.engine.sqlite import SQLiteEngine
from starlette.requests import HTTPConnection

from piccolo_api_fastapi import (
    TOTP,
    KnownDevice,
    KnownDevices,
    RecoveryCode,
    SessionAuth,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
)
from piccolo_api_fastapi.core.database.outages import store
from piccolo_api_fastapi.core.database.transactions import transaction
from piccolo_api_fastapi.errors import AuthError
from piccolo_api_fastapi.testing import FrozenClock, Outbox, totp_code
from tests.accounts.conftest import build_with_factors
from tests.conftest import KEY, PASSWORD, log_in, new_client

pytestmark = pytest.mark.slow

Ask = Callable[[], Awaitable[int]]


@pytest.fixture
def rounds(database: Any) -> int:
    """How often to race: on SQLite there is one writer at a time, and nothing to deadlock."""
    return 1 if isinstance(database, SQLiteEngine) else 4


CLEAN = {200, 204, 401, 404, 409, 422, 429}


@pytest.fixture
def totp(users: Users[User]) -> TOTP:
    """Authenticators."""
    return TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies")


@pytest.fixture
def app(users: Users[User], session: SessionAuth[User], totp: TOTP) -> FastAPI:
    """Sessions, accounts and authenticators."""
    return build_with_factors(users, session, totp, mail=Outbox())


async def enrol(users: Users[User], totp: TOTP, clock: FrozenClock) -> tuple[str, list[str]]:
    """Make ada, with an app that works: its address, and the recovery codes."""
    ada = await users.create("ada", PASSWORD, email="ada@example.com")
    uri = (await totp.begin(ada)).uri
    codes = await totp.confirm(ada, totp_code(uri, clock.now))
    clock.advance(timedelta(minutes=2))
    return uri, codes


async def status(client: httpx.AsyncClient, method: str, path: str, body: Any = None) -> int:
    """The status of an answer."""
    return (await client.request(method, f"/auth/{path}", json=body)).status_code


async def all_at_once(asks: list[Ask]) -> list[int]:
    """What is answered to requests that are sent at once."""
    return await asyncio.gather(*(ask() for ask in asks))


@pytest.mark.usefixtures("unlimited")
async def test_factors_and_the_end_of_the_account(
    app: FastAPI, users: Users[User], totp: TOTP, clock: FrozenClock, rounds: int
) -> None:
    """24 at once enrol, remove and replace factors, log in by recovery codes and close it."""
    for closes_at in (12, 0, 16, 23)[:rounds]:
        _, codes = await enrol(users, totp, clock)
        async with new_client(app) as client, new_client(app) as stranger:
            token = (await log_in(client)).json()["challenge"]
            await status(client, "POST", "login/mfa", {"challenge": token, "code": codes[0]})
            newer = (await client.post("/auth/mfa/totp")).json()["otpauth_uri"]
            steps: list[Ask] = [
                partial(status, client, "DELETE", "mfa/totp"),
                partial(status, client, "POST", "mfa/recovery-codes"),
                partial(status, client, "POST", "mfa/totp/confirm", _code(newer, clock)),
            ]
            logins: list[Ask] = []
            for code in codes[1:7]:
                token = (await log_in(stranger)).json()["challenge"]
                body = {"challenge": token, "code": code}
                logins.append(partial(status, stranger, "POST", "login/mfa", body))
            asks = list(chain.from_iterable(zip(islice(cycle(steps), 17), cycle(logins))))[:23]
            close: Ask = partial(status, client, "DELETE", "me", {"current_password": PASSWORD})
            asks.insert(closes_at, close)
            assert {*await all_at_once(asks)} <= CLEAN
            await status(client, "DELETE", "me", {"current_password": PASSWORD})
        await User.delete(force=True)
        assert await TOTPSecret.count() == await RecoveryCode.count() == 0


def _code(uri: str, clock: FrozenClock) -> dict[str, str]:
    return {"code": totp_code(uri, clock.now)}


async def outcome(ask: Awaitable[Any]) -> str:
    """The name of the error of this library that a call raises, or nothing."""
    try:
        async with store():
            await ask
    except AuthError as error:
        return type(error).__name__
    return ""


async def delete(user: User) -> None:
    """Delete a user as `DELETE /me` does."""
    async with transaction(User):
        await User.update({User.password: User.password}).where(User.id == user.id)
        await User.delete().where(User.id == user.id)


async def test_recovery_codes_used_and_replaced(
    users: Users[User], totp: TOTP, clock: FrozenClock, rounds: int
) -> None:
    """24 at once use and replace recovery codes: each is used or replaced, and none is stuck."""
    _, codes = await enrol(users, totp, clock)
    [ada] = await User.objects()
    for _ in range(rounds):
        uses = [totp.recovery.verify(ada, code) for code in (*codes, *codes[:6])]
        ends = [totp.recovery.replace(ada) for _ in range(8)]
        mixed = chain.from_iterable(zip(uses[::2], uses[1::2], ends, strict=True))
        assert {*await asyncio.gather(*map(outcome, mixed))} <= {
            "",
            "InvalidCode",
            "TooManyRequests",
        }
        codes = await totp.recovery.replace(ada)
    assert await RecoveryCode.count() == 10


async def test_undo_links_and_the_end_of_the_account(
    app: FastAPI, users: Users[User], totp: TOTP, clock: FrozenClock, rounds: int
) -> None:
    """23 use links that undo each other, while the account is deleted."""
    change = app.state.accounts.mailboxes.change
    for _ in range(rounds):
        await enrol(users, totp, clock)
        [ada] = await User.objects()
        tokens = []
        for _ in range(8):
            link = await change.undo_link(ada, clock())
            tokens.append(link.link.partition("#token=")[2])
            clock.advance(timedelta(seconds=1))
        asks = [change.undo(tokens[n % 8]) for n in range(23)]
        asks.insert(12, delete(ada))
        assert {*await asyncio.gather(*map(outcome, asks))} <= {"", "InvalidTicket"}
        assert await User.count() == 0


async def test_browsers_and_the_end_of_the_account(users: Users[User], rounds: int) -> None:
    """23 logins with one known browser, while the account is deleted."""
    devices = KnownDevices(users)
    for _ in range(rounds):
        ada = await users.create("ada", PASSWORD)
        response = Response()
        await devices.remember(ada, HTTPConnection({"type": "http", "headers": []}), response)
        cookie = response.headers["set-cookie"].partition(";")[0].encode()
        again = HTTPConnection({"type": "http", "headers": [(b"cookie", cookie)]})
        asks: list[Any] = [devices.remember(ada, again, Response()) for _ in range(23)]
        asks.insert(12, delete(ada))
        assert {*await asyncio.gather(*map(outcome, asks))} <= {"", "InvalidCredentials"}
        assert await KnownDevice.count() == 0
