"""Authenticator apps as a second factor, and routes to enrol them."""

from .commands import reencrypt
from .router import mfa_router
from .service import TOTP, Enrolment
from .tables import TOTPSecret

__all__ = ["TOTP", "Enrolment", "TOTPSecret", "mfa_router", "reencrypt"]
