"""
Fixtures for pytest. Import those that you need into your `conftest.py`:

    from piccolo_api_fastapi.testing.fixtures import cheap_passwords, outbox, unlimited
"""

from collections.abc import Iterator

import pytest

from . import no_rate_limits
from .kit import Outbox, captured_mail, cheap_hashing

__all__ = ["cheap_passwords", "outbox", "unlimited"]


@pytest.fixture(autouse=True)
def cheap_passwords() -> Iterator[None]:
    """Hash passwords cheaply in every test of the module or folder that imports this."""
    with cheap_hashing():
        yield


@pytest.fixture
def outbox() -> Iterator[Outbox]:
    """Capture all messages, whatever the `mail=` of the application."""
    with captured_mail() as captured:
        yield captured


@pytest.fixture
def unlimited() -> Iterator[None]:
    """Limit and count nothing."""
    with no_rate_limits():
        yield
