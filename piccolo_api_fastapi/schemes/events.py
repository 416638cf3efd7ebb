"""Events about credentials of several kinds."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

TOKEN_EVENTS = declare_events(
    EventKind(
        "authn_token_created",
        "A family of refresh tokens or an API token was created.",
        ("family", "api_token"),
    ),
    EventKind(
        "authn_token_revoked",
        "A family was revoked by its user, or an API token was revoked.",
        ("family", "api_token"),
    ),
)
