"""A server that is killed while it registers, verifies, resets, changes or closes."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from piccolo_api_fastapi import (
    EmailChange,
    EmailStatus,
    Password,
    Session,
    Ticket,
    UnsentMail,
    User,
)
from tests.conftest import PASSWORD, log_in
from tests.integration.served import mailbox_of
from tests.integration.test_kill import Server

NEW = "another horse battery"

pytestmark = [pytest.mark.slow, pytest.mark.security(112)]


class Mailbox:
    """What the server has mailed."""

    def __init__(self, path: Path) -> None:
        self.path = path

    async def token(self, kind: str, number: int = 1) -> str:
        """The secret in a link of this kind; mail comes after the answer."""
        for _ in range(200):
            links = [line.split() for line in self.lines() if line.startswith(f"{kind} ")]
            if len(links) >= number:
                return links[number - 1][1].partition("#token=")[2]
            await asyncio.sleep(0.05)
        raise AssertionError(self.lines())

    def lines(self) -> list[str]:
        """All there is."""
        return self.path.read_text().splitlines() if self.path.exists() else []


@pytest.fixture
def mailbox(database: Any) -> Any:
    """The mailbox of the server, empty."""
    path = mailbox_of(database)
    path.unlink(missing_ok=True)
    yield Mailbox(path)
    path.unlink(missing_ok=True)


@pytest.fixture
async def server(database: Any, mailbox: Mailbox) -> AsyncIterator[Server]:
    """A running server on the test database."""
    server = Server(database, timedelta(0))
    server.start()
    yield server
    await server.close()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[httpx.AsyncClient]:
    """A client of that server."""
    async with server.client() as client:
        yield client


async def send_and_kill(
    server: Server, client: httpx.AsyncClient, fatal: str, path: str, **body: Any
) -> None:
    """Send a request in which, or after whose answer, the server dies; start it again."""
    method = "DELETE" if path == "me" else "POST"
    with suppress(httpx.NetworkError, httpx.RemoteProtocolError):
        headers = {"die-at": fatal}
        await client.request(method, f"/accounts/{path}", json=body, headers=headers)
    assert await server.exit_code() == -signal.SIGKILL
    server.start()


async def post(client: httpx.AsyncClient, path: str, **body: Any) -> int:
    """The status of the answer."""
    method = "DELETE" if path == "me" else "POST"
    return (await client.request(method, f"/accounts/{path}", json=body)).status_code


ADA: Any = {"username": "ada", "email": "ada@example.com", "password": PASSWORD}


async def check_invariants() -> None:
    """Every user who registered has a password and a status, and nothing is without its user."""
    users = {row["id"]: row for row in await User.select()}
    for table in (Password, EmailStatus, Session, Ticket, EmailChange):
        rows: Any = await table.select()
        assert {row["user"] for row in rows} <= set(users)
    for status in await EmailStatus.select():
        user = users[status["user"]]
        assert user["active"] is (status["verified_at"] is not None)
        assert user["email"] == status["email"]
    for user in users.values():
        assert await EmailStatus.exists().where(EmailStatus.user == user["id"])


async def enter(client: httpx.AsyncClient, mailbox: Mailbox) -> None:
    """Register, verify and log in."""
    assert await post(client, "register", **ADA) == 202
    token = await mailbox.token("VerifyEmail")
    assert await post(client, "verify-email", token=token) == 200
    assert (await log_in(client)).status_code == 200


@pytest.mark.parametrize("fatal", ["clock", "user_created", "answer"])
async def test_register(
    server: Server, client: httpx.AsyncClient, mailbox: Mailbox, fatal: str
) -> None:
    """Killed before the answer or after it: no account at all, and registering again works."""
    await send_and_kill(server, client, fatal, "register", **ADA)
    await check_invariants()
    assert await User.count() == await Password.count() == 0
    await enter(client, mailbox)
    await check_invariants()


@pytest.mark.parametrize("fatal", ["user_email_verified", "answer"])
async def test_verify(
    server: Server, client: httpx.AsyncClient, mailbox: Mailbox, fatal: str
) -> None:
    """Verified and active, or neither, and then the link still works."""
    await post(client, "register", **ADA)
    token = await mailbox.token("VerifyEmail")
    await send_and_kill(server, client, fatal, "verify-email", token=token)
    await check_invariants()
    is_done = fatal == "answer"
    assert (await log_in(client)).status_code == (200 if is_done else 401)
    assert await post(client, "verify-email", token=token) == (401 if is_done else 200)
    assert (await log_in(client)).status_code == 200
    await check_invariants()


@pytest.mark.parametrize("fatal", ["authn_password_change", "authn_password_reset", "answer"])
async def test_reset(
    server: Server, client: httpx.AsyncClient, mailbox: Mailbox, fatal: str
) -> None:
    """The new password and no session, or the old one and the session, and then the link works."""
    await enter(client, mailbox)
    await post(client, "forgot-password", email=ADA["email"])
    token = await mailbox.token("ResetPassword")
    await send_and_kill(server, client, fatal, "reset-password", token=token, password=NEW)
    await check_invariants()
    is_done = fatal == "answer"
    assert (await client.get("/accounts/me")).status_code == (401 if is_done else 200)
    assert (await log_in(client, password=PASSWORD)).status_code == (401 if is_done else 200)
    status = await post(client, "reset-password", token=token, password=NEW)
    assert status == (401 if is_done else 204)
    assert (await log_in(client, password=NEW)).status_code == 200


@pytest.mark.parametrize("fatal", ["user_email_verified", "user_email_changed", "answer"])
async def test_change_email(
    server: Server, client: httpx.AsyncClient, mailbox: Mailbox, fatal: str
) -> None:
    """The new address, verified and to be undone, or the old one, and then the link works."""
    await enter(client, mailbox)
    asked = {"email": "lovelace@example.com", "current_password": PASSWORD}
    assert await post(client, "change-email", **asked) == 202
    token = await mailbox.token("ConfirmEmail")
    await send_and_kill(server, client, fatal, "change-email/confirm", token=token)
    await check_invariants()
    is_done = fatal == "answer"
    [user] = await User.select(User.email)
    assert user["email"] == ("lovelace@example.com" if is_done else ADA["email"])
    assert await EmailChange.count() == await UnsentMail.count() == int(is_done)
    assert await post(client, "change-email/confirm", token=token) == (401 if is_done else 204)
    assert (await log_in(client, "lovelace@example.com")).status_code == 200


@pytest.mark.parametrize(
    "fatal",
    ["user_email_verified", "authn_password_change", "user_email_change_undone", "answer"],
)
async def test_undo(
    server: Server, client: httpx.AsyncClient, mailbox: Mailbox, fatal: str
) -> None:
    """
    Undone, with no password and no session left, or not at all, and then the link works. The link
    for a new password may be lost; the owner asks for another.
    """
    await enter(client, mailbox)
    await post(client, "change-email", email="thief@example.com", current_password=PASSWORD)
    token = await mailbox.token("ConfirmEmail")
    assert await post(client, "change-email/confirm", token=token) == 204
    undo = await mailbox.token("EmailChanged")
    await send_and_kill(server, client, fatal, "change-email/undo", token=undo)
    await check_invariants()
    is_done = fatal == "answer"
    [user] = await User.select(User.email)
    [password] = await Password.select(Password.hash)
    assert user["email"] == (ADA["email"] if is_done else "thief@example.com")
    assert (password["hash"] == "") is is_done
    assert await EmailChange.count().where(EmailChange.undone_at.is_not_null()) == int(is_done)
    assert await Session.count() == int(not is_done)
    assert await post(client, "change-email/undo", token=undo) == (401 if is_done else 204)
    if is_done:
        assert await post(client, "forgot-password", email=ADA["email"]) == 202
    token = await mailbox.token("ResetPassword")
    assert await post(client, "reset-password", token=token, password=NEW) == 204
    assert (await log_in(client, ADA["email"], NEW)).status_code == 200


@pytest.mark.parametrize("fatal", ["user_deleted", "answer"])
async def test_close(
    server: Server, client: httpx.AsyncClient, mailbox: Mailbox, fatal: str
) -> None:
    """Everything is gone, or everything is there."""
    await enter(client, mailbox)
    await send_and_kill(server, client, fatal, "me", current_password=PASSWORD)
    await check_invariants()
    is_done = fatal == "answer"
    assert await User.count() == await Password.count() == await Session.count() == int(not is_done)
    assert (await log_in(client)).status_code == (401 if is_done else 200)
