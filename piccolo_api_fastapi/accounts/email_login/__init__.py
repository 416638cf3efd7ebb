"""Log-in by a link or a code that is sent by mail, without a password."""

from .events import EVENTS
from .router import email_login_router
from .service import EmailLogin

__all__ = ["EVENTS", "EmailLogin", "email_login_router"]
