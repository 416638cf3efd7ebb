"""Where time comes from: objects take `clock=`, functions take `now`."""

from collections.abc import Callable
from datetime import datetime, timezone
from typing import TypeAlias

Clock: TypeAlias = Callable[[], datetime]
"""Gives the present time, aware and in UTC."""


def utcnow() -> datetime:
    """The present time, aware and in UTC."""
    return datetime.now(timezone.utc)
