"""Codes sent by e-mail as a second factor."""

from .service import EmailCode
from .tables import SentCode

__all__ = ["EmailCode", "SentCode"]
