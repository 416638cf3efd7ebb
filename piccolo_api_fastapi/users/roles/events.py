"""Events about roles."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "authz_role_granted",
        "The user was given a role, or another expiry time for it. `before` and `after` are "
        "expiry times, `never` or empty.",
        ("role", "actor", "before", "after"),
    ),
    EventKind(
        "authz_role_withdrawn",
        "A role was withdrawn from the user.",
        ("role", "actor", "before", "after"),
    ),
    EventKind(
        "authz_role_changed",
        "A role was created, changed or deleted. `before` and `after` are its permissions.",
        ("role", "actor", "before", "after"),
    ),
)
