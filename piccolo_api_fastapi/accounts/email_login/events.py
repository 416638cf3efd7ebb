"""Events about log-ins by e-mail."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind("authn_email_login_requested", "A link and a code to sign in were sent."),
    EventKind(
        "authn_email_login_request_fail",
        "No user has the address, or the user is disabled: nothing was sent.",
        outcome="failure",
    ),
    EventKind(
        "authn_email_login_fail",
        "A link or a code to sign in was invalid, or the code was typed in a browser that did not "
        "ask for it.",
        ("error",),
        outcome="failure",
    ),
)
