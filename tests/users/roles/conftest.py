"""The application whose users have roles."""

from tests.roles import app, films, manager, office, roles, token, users

__all__ = ["app", "films", "manager", "office", "roles", "token", "users"]
