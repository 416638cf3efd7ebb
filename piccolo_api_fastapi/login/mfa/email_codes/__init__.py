"""Codes sent by e-mail as a second factor."""

from .events import EVENTS
from .service import EmailCode
from .tables import SentCode

__all__ = ["EVENTS", "EmailCode", "SentCode"]
