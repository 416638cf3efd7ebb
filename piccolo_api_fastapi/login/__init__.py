"""Logging in with a password and a second factor."""

from .attempts import LoginAttempt, LoginHook
from .challenges import Challenge
from .events import EVENTS
from .router import reauthentication_router
from .schemas import EnrolmentRequiredOut, MFARequiredOut, SignedIn, UserOut
from .service import Login

__all__ = [
    "EVENTS",
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
