"""Single-use codes for a user who has lost the authenticator."""

from .service import RecoveryCodes
from .tables import RecoveryCode

__all__ = ["RecoveryCode", "RecoveryCodes"]
