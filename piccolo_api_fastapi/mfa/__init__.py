"""Second factors: authenticator apps and recovery codes, and routes to enrol them."""

from .dependencies import TOTP, Enrolment, RecoveryCodes, SecondFactor
from .router import mfa_router
from .tables import RecoveryCode, TOTPSecret

__all__ = [
    "TOTP",
    "Enrolment",
    "RecoveryCode",
    "RecoveryCodes",
    "SecondFactor",
    "TOTPSecret",
    "mfa_router",
]
