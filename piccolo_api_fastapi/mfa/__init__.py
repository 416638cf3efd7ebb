"""Authenticator apps as a second factor, and routes to enrol them."""

from .dependencies import TOTP, Enrolment
from .router import mfa_router
from .tables import TOTPSecret

__all__ = ["TOTP", "Enrolment", "TOTPSecret", "mfa_router"]
