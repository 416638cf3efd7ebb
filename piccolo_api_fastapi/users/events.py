"""Events about users and their passwords."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind("user_created", "`Users.create` made a user."),
    EventKind("authn_password_change", "`Users.set_password` set a password."),
    EventKind(
        "authn_login_fail_max",
        "After so many wrong passwords, the user [has to wait](brute_force.md).",
        ("failures",),
        outcome="failure",
    ),
    EventKind(
        "authn_login_lock",
        "The hundredth wrong password in a row locked the account.",
        ("failures", "reason"),
        outcome="failure",
    ),
    EventKind(
        "authn_login_successafterfail",
        "The password was right after five wrong ones or more.",
        ("failures",),
    ),
    EventKind(
        "authn_login_misconfigured",
        "The password was right, but the login does not know a second factor of the user.",
        ("factor", "ip", "user_agent"),
        outcome="failure",
    ),
    EventKind(
        "credentials_ended",
        "A user signed out everywhere, or `Users.end_credentials` was called: all sessions, apps "
        "and other credentials of the user ended, except the one that was kept.",
        ("kept",),
    ),
    EventKind("authn_login_unlock", "An administrator unlocked an account."),
    EventKind(
        "sys_breach_check_unavailable",
        "Have I Been Pwned did not respond, and the password was accepted.",
        ("error",),
        outcome="failure",
    ),
)
