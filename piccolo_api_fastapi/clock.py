"""The source of time: objects take `clock=`, functions take `now`."""

from collections.abc import Callable
from datetime import datetime, timezone
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""A function that returns the present time, aware and in UTC."""


def utcnow() -> datetime:
    """Return the present time, aware and in UTC."""
    return datetime.now(timezone.utc)
