"""Events about log-ins with a provider."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "authn_oauth_fail",
        "A log-in with a provider failed. The reason is a code of this library.",
        ("provider", "reason"),
        outcome="failure",
    ),
    EventKind(
        "authn_oauth_linked",
        "An account at a provider was linked to a user, who signs in with it from now on.",
        ("provider",),
    ),
    EventKind(
        "authn_oauth_linked_by_email",
        "An account at a provider was linked to the user who has its verified address.",
        ("provider",),
    ),
    EventKind(
        "authn_oauth_unlinked", "A user unlinked their account at a provider.", ("provider",)
    ),
)
