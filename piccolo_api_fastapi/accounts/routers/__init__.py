"""The routers of accounts, one for each group of routes."""

from .email_address import change_email_router, verify_email_router
from .passwords import change_password_router, reset_password_router
from .profile import me_router
from .registration import register_router

__all__ = [
    "change_email_router",
    "change_password_router",
    "me_router",
    "register_router",
    "reset_password_router",
    "verify_email_router",
]
