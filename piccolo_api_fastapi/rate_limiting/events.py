"""Events about rate limits."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "excess_rate_limit_exceeded",
        "A [rate limit](rate_limiting.md) refused requests, counted for a second at most.",
        ("scope", "refused", "shadow"),
        outcome="failure",
    ),
    EventKind(
        "sys_rate_limit_store_down",
        "The [store](rate_limiting.md) of rate limits stopped responding.",
        ("error",),
        outcome="failure",
    ),
    EventKind("sys_rate_limit_store_up", "The store of rate limits responds again."),
)
