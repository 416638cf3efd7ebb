"""What an accepted request owes is not lost with the request."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from piccolo_api_fastapi import User
from piccolo_api_fastapi.mail import Message
from piccolo_api_fastapi.mail.delivery import dependencies
from piccolo_api_fastapi.testing import FrozenClock
from tests.accounts.conftest import MakeApp, register
from tests.conftest import PASSWORD, new_client


class SlowMail:
    """Cancels the request that it sends for, before it has sent."""

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
