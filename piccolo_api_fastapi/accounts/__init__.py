"""Accounts: register, verify an address, reset and change a password, change and close."""

from .events import EVENTS
from .router import accounts_router
from .routers import (
    change_email_router,
    change_password_router,
    me_router,
    register_router,
    reset_password_router,
    verify_email_router,
)
from .service import Accounts

__all__ = [
    "EVENTS",
    "Accounts",
    "accounts_router",
    "change_email_router",
    "change_password_router",
    "me_router",
    "register_router",
    "reset_password_router",
    "verify_email_router",
]
