"""Events about mail."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "sys_mail_fail",
        "A message could not be sent.",
        ("message", "error", "attempts"),
        outcome="failure",
    ),
)
