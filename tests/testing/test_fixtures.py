"""The fixtures that applications import."""

from datetime import datetime, timezone

from piccolo_api_fastapi import User, Users
from piccolo_api_fastapi.mail import AccountClosed
from piccolo_api_fastapi.mail.delivery import Delivery
from piccolo_api_fastapi.rate_limiting import limiter
from piccolo_api_fastapi.testing import Outbox
from piccolo_api_fastapi.testing.fixtures import cheap_passwords, outbox, unlimited
from piccolo_api_fastapi.users.passwords.hasher import default_hasher

__all__ = ["cheap_passwords", "outbox", "unlimited"]


async def test_outbox(outbox: Outbox, users: Users[User], ada: User) -> None:
    """It has the messages, whatever sends them."""
    production = Outbox(is_down=True)
    delivery = Delivery(production, users)
    at = datetime(2026, 1, 1, tzinfo=timezone.utc)
    assert await delivery(AccountClosed(to="ada@example.com", username="ada", user=None, at=at))
    assert outbox.last(AccountClosed).to == "ada@example.com"


def test_unlimited(unlimited: None) -> None:
    """Nothing is counted."""
    assert not limiter.are_on()


def test_cheap_passwords() -> None:
    """Every test hashes cheaply, without asking for it."""
    assert default_hasher().memory_kib == 8
