"""Events about Content Security Policies."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "sys_csp_violation",
        "A browser reported that a page violated its [Content Security Policy](csp.md).",
        (
            "directive",
            "blocked",
            "document",
            "referrer",
            "source",
            "line",
            "disposition",
            "ip",
            "user_agent",
            "reports",
        ),
        outcome="failure",
    ),
)
