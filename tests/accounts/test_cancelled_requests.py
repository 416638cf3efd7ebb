"""What an accepted request owes is not lost with the request."""

import asyncio
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import Accounts, AuthEvent, UnsentMail, User, subscribe
from piccolo_api_fastapi.mail import Message, PasswordChanged, ResetPassword
from piccolo_api_fastapi.mail.delivery import dependencies
from piccolo_api_fastapi.testing import FrozenClock, Outbox
from tests.accounts.conftest import NEW, MakeApp, change_password, enter, link_to, register
from tests.conftest import PASSWORD, log_in, new_client


class SlowMail:
    """Cancels the request that it sends for, before it has sent."""

    at_once = True

    def __init__(self) -> None:
        self.request: asyncio.Task[Any] | None = None
        self.sent = asyncio.Event()
        self.recipients: list[str] = []

    async def __call__(self, message: Message) -> None:
        """Send a message after the request was cancelled."""
        if self.request is not None:
            self.request.cancel()
        await asyncio.sleep(0)
        self.recipients.append(message.to)
        self.sent.set()


@pytest.mark.parametrize("path", ["register", "forgot-password", "verify-email/request"])
async def test_cancelled_after_the_answer(
    make_app: MakeApp, clock: FrozenClock, database: Any, path: str
) -> None:
    """A request that is cancelled once it is answered loses neither a registration nor mail."""
    mail = SlowMail()
    async with new_client(make_app(mail=mail)) as client:
        if path != "register":
            await register(client)
            clock.advance(timedelta(minutes=10))
        mail.recipients.clear()
        mail.sent.clear()
        body = {"email": "ada@example.com"}
        body |= {"username": "ada", "password": PASSWORD} if path == "register" else {}
        mail.request = asyncio.create_task(client.post(f"/auth/{path}", json=body))
        with pytest.raises(asyncio.CancelledError):
            await mail.request
        await asyncio.wait_for(mail.sent.wait(), 10)
        await asyncio.gather(*dependencies._running)
    assert mail.recipients == ["ada@example.com"]
    assert await User.count() == 1


async def request_reset(client: httpx.AsyncClient, outbox: Outbox) -> str:
    """The secret of a link for a new password."""
    await client.post("/auth/forgot-password", json={"email": "ada@example.com"})
    return link_to(outbox, ResetPassword)


async def test_a_process_that_ends_after_the_commit(
    app: FastAPI, client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """That the password was reset is told with the next request of the user, once."""
    await enter(client, outbox, clock)
    token = await request_reset(client, outbox)
    accounts: Accounts[User] = app.state.accounts
    # The router, which sends the mail after its response, is not reached.
    await accounts.reset_password(token, NEW)
    [row] = await UnsentMail.select()
    assert (row["kind"], row["attempts"]) == ("PasswordChanged", 0)
    at = clock.now
    clock.advance(timedelta(hours=1))
    await log_in(client, password=NEW)
    for _ in range(2):
        assert (await client.get("/auth/me")).status_code == 200
    told = [message for message in outbox.messages if isinstance(message, PasswordChanged)]
    assert [(message.to, message.at) for message in told] == [("ada@example.com", at)]
    assert await UnsentMail.count() == 0


async def test_a_change_that_is_rolled_back(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """Nobody is told of what was not done."""
    await enter(client, outbox, clock)
    sent = len(outbox.messages)

    def refuse(event: AuthEvent) -> None:
        if event.name == "authn_password_change":
            raise RuntimeError

    stop = subscribe(refuse, when="before_commit")
    assert (await change_password(client)).status_code == 500
    stop()
    assert (len(outbox.messages), await UnsentMail.count()) == (sent, 0)


async def test_mail_that_is_down(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """After the first attempt the message is due at once, after the second in five minutes."""
    await enter(client, outbox, clock)
    outbox.is_down = True
    assert (await change_password(client)).status_code == 204
    for attempts in (1, 2, 2):
        [row] = await UnsentMail.select()
        assert attempts == row["attempts"]
        await client.get("/auth/me")
    outbox.is_down = False
    clock.advance(timedelta(minutes=5))
    await client.get("/auth/me")
    assert isinstance(outbox.messages[-1], PasswordChanged)
    assert await UnsentMail.count() == 0
