"""Authenticator apps as a second factor, and routes to enrol them."""

from .commands import reencrypt
from .events import EVENTS
from .router import mfa_router
from .service import TOTP, Enrolment
from .tables import TOTPSecret

__all__ = ["EVENTS", "TOTP", "Enrolment", "TOTPSecret", "mfa_router", "reencrypt"]
