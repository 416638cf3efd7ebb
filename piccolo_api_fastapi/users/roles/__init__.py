"""Roles: named sets of permissions, and who has which."""

from .events import EVENTS
from .guarding import Actor
from .service import Roles
from .tables import Role, UserRole

__all__ = ["EVENTS", "Actor", "Role", "Roles", "UserRole"]
