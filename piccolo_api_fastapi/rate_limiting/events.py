"""Events about rate limits."""

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

EVENTS = declare_events(
    EventKind(
        "excess_rate_limit_exceeded",
        "A [rate limit](rate_limiting.md) refused a request; emitted at most once a "
        "second for each limit, with the number of refusals since the last.",
        ("scope", "refused", "shadow"),
    ),
    EventKind(
        "sys_rate_limit_store_down",
        "The [store](rate_limiting.md) of rate limits stopped responding.",
        ("error",),
    ),
    EventKind("sys_rate_limit_store_up", "The store of rate limits responds again."),
)
