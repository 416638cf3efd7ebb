"""Events about logins."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "authn_login_success",
        "The last factor was right and no hook refused.",
        ("ip", "user_agent", "factor"),
    ),
    EventKind(
        "authn_login_fail",
        "A factor was wrong, or the user is unknown or disabled; it has the user if there is one, "
        "which the response does not tell.",
        ("ip", "user_agent", "factor"),
        outcome="failure",
    ),
)
