"""Users, their passwords, and looking them up by username or e-mail address."""

from .commands import unlock_user
from .events import EVENTS
from .passwords.breached import BreachedPasswords
from .passwords.guesses import delete_old_guesses
from .passwords.hasher import PasswordHasher, PBKDF2Hasher
from .passwords.policy import PasswordPolicy
from .passwords.service import Comparison
from .proof import Proof
from .roles import Role, Roles, UserRole
from .roles.commands import grant_role
from .roles.held import HeldPermissions
from .tables import FoldedIdentifiers, Password, PasswordFailures, User, UserT, is_service
from .users import Users, or_default

__all__ = [
    "EVENTS",
    "BreachedPasswords",
    "Comparison",
    "FoldedIdentifiers",
    "HeldPermissions",
    "PBKDF2Hasher",
    "Password",
    "PasswordFailures",
    "PasswordHasher",
    "PasswordPolicy",
    "Proof",
    "Role",
    "Roles",
    "User",
    "UserRole",
    "UserT",
    "Users",
    "delete_old_guesses",
    "grant_role",
    "is_service",
    "or_default",
    "unlock_user",
]
