"""The application whose users have roles."""

from tests.roles import app, events, films, manager, office, roles, token, users

__all__ = ["app", "events", "films", "manager", "office", "roles", "token", "users"]
