"""Events about passkeys."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind("authn_passkey_added", "A user added a passkey.", ("name",)),
    EventKind(
        "authn_passkey_removed", "The user or an administrator removed a passkey.", ("name",)
    ),
    EventKind("authn_passkey_renamed", "A user renamed a passkey.", ("name",)),
    EventKind(
        "authn_passkey_clone_suspected",
        "A passkey came with a counter that was seen before, so there may be a copy of it.",
        ("name",),
        outcome="failure",
    ),
)
