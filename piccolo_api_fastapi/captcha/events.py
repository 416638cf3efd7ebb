"""Events about CAPTCHAs."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "authn_captcha_fail",
        "A CAPTCHA was not solved.",
        ("reason", "ip", "user_agent", "refused"),
        outcome="failure",
    ),
    EventKind(
        "sys_captcha_unavailable",
        "The vendor could not be asked whether a CAPTCHA was solved.",
        ("reason", "captcha", "failures"),
        outcome="failure",
    ),
    EventKind(
        "sys_captcha_misconfigured",
        "The vendor does not know the secret, or the address of the vendor is wrong.",
        ("reason", "captcha", "failures"),
        outcome="failure",
    ),
)
