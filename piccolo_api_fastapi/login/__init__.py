"""Logging in: an identifier, a password and a second factor become a proven user."""

from .dependencies import Login, LoginHook
from .router import reauthentication_router
from .schemas import EnrolmentRequiredOut, MFARequiredOut, SignedIn, UserOut
from .service import Challenge, LoginAttempt

__all__ = [
    "Challenge",
    "EnrolmentRequiredOut",
    "Login",
    "LoginAttempt",
    "LoginHook",
    "MFARequiredOut",
    "SignedIn",
    "UserOut",
    "reauthentication_router",
]
