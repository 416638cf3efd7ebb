"""Events about sessions."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "session_ended", "A user logged out, or ended a session from the list.", ("session",)
    ),
)
