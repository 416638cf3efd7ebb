"""Codes on paper, for when the phone is gone."""

from .service import RecoveryCodes
from .tables import RecoveryCode

__all__ = ["RecoveryCode", "RecoveryCodes"]
