"""Logging in: an identifier, a password and a second factor become a proven user."""

from .attempts import Challenge, LoginAttempt
from .router import reauthentication_router
from .schemas import EnrolmentRequiredOut, MFARequiredOut, SignedIn, UserOut
from .service import Login, LoginHook

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
