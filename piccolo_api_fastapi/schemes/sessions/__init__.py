"""Sessions for browsers: a cookie, and a row that users can list and end."""

from .commands import list_sessions
from .dependencies import SessionAuth
from .events import EVENTS
from .queries import delete_expired_sessions
from .router import session_router
from .schemas import SessionOut
from .tables import Session

__all__ = [
    "EVENTS",
    "Session",
    "SessionAuth",
    "SessionOut",
    "delete_expired_sessions",
    "list_sessions",
    "session_router",
]
