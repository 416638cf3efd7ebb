"""Events about authenticators."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind("authn_mfa_enrolled", "A user confirmed an authenticator.", ("factor",)),
    EventKind(
        "authn_mfa_removed", "The user or an administrator removed an authenticator.", ("factor",)
    ),
)
