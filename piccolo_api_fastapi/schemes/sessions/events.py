"""Events about sessions."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events
from piccolo_api_fastapi.schemes.events import SIGN_OUT_EVENTS

EVENTS = SIGN_OUT_EVENTS + declare_events(
    EventKind(
        "session_ended", "A user logged out, or ended a session from the list.", ("session",)
    ),
)
