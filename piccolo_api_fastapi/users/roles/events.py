"""Events about roles."""

from typing import Any

from piccolo_api_fastapi.core.events.declared import EventKind, declare_events

from .guarding import Actor

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


def data_of(role: str, by: Actor | None, before: str, after: str) -> dict[str, Any]:
    """
    Return the data of an event.

    Args:
        role: The name of the role.
        by: The user who changed something, or `None` for the application.
        before: What was before; see `EVENTS`.
        after: What is now.
    """
    actor = None if by is None else str(by.key)
    return {"role": role, "actor": actor, "before": before, "after": after}
