"""Codes on paper, for when the phone is gone."""

from .dependencies import RecoveryCodes
from .tables import RecoveryCode

__all__ = ["RecoveryCode", "RecoveryCodes"]
