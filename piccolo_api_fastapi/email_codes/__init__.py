"""Codes sent by e-mail, as a second factor."""

from .dependencies import EmailCode
from .tables import SentCode

__all__ = ["EmailCode", "SentCode"]
