"""Single-use codes for a user who has lost the authenticator."""

from .events import EVENTS
from .service import RecoveryCodes
from .tables import RecoveryCode

__all__ = ["EVENTS", "RecoveryCode", "RecoveryCodes"]
