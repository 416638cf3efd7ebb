"""Events about recovery codes."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind("authn_recovery_code_used", "A recovery code was used.", ("left",)),
    EventKind("authn_recovery_codes_replaced", "New recovery codes replaced the old ones."),
)
