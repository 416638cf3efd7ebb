"""Events about credentials of several kinds."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

SIGN_OUT_EVENTS = declare_events(
    EventKind(
        "credentials_ended",
        "A user signed out everywhere: all sessions, apps, API tokens and other credentials ended, "
        "except the one of the request.",
        ("kept",),
    ),
)

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
