"""Events about codes sent by e-mail."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "authn_code_not_sent",
        "`EmailCode` could not send a code.",
        ("factor", "error"),
        outcome="failure",
    ),
)
