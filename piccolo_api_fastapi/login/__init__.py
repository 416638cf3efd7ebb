"""Logging in: an identifier and a password become a proven user."""

from .dependencies import Login, LoginHook
from .schemas import SignedIn, UserOut
from .service import LoginAttempt

__all__ = ["Login", "LoginAttempt", "LoginHook", "SignedIn", "UserOut"]
