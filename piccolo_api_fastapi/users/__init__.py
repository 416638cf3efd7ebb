"""Users, their passwords, and finding them by what they type."""

from .passwords.breached import BreachedPasswords
from .users import Password, PasswordFailures, Proof, User, Users, is_service

__all__ = [
    "BreachedPasswords",
    "Password",
    "PasswordFailures",
    "Proof",
    "User",
    "Users",
    "is_service",
]
