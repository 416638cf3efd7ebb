"""Events about permissions."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "authz_fail",
        "A guard or the CSRF check answered 403, or asked for step-up (401).",
        ("reason", "needed", "scheme", "route", "ip", "user_agent", "refused"),
        outcome="failure",
    ),
)
