"""Declared events: which events a feature emits, when, and with which data."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

from piccolo_api_fastapi.errors import ConfigurationError

Outcome: TypeAlias = Literal["success", "failure"]


@dataclass(frozen=True, slots=True)
class EventKind:
    """
    An event that a feature can emit.

    Args:
        name: The name of the event, of the OWASP Logging Vocabulary where it has one.
        meaning: When it is emitted: one phrase, in Markdown.
        data: The names in `AuthEvent.data`.
        outcome: Whether it tells that an operation succeeded.
        level: The severity, as a level of `logging`. By default, a failure is a `WARNING` and a
            success is `INFO`.
    """

    name: str
    meaning: str
    data: tuple[str, ...] = ()
    outcome: Outcome = "success"
    level: int | None = None


EVENTS: dict[str, EventKind] = {}
"""All declared events by name."""


def declare_events(*kinds: EventKind) -> tuple[EventKind, ...]:
    """
    Declare the events of a feature, for the documentation and the command `list_events`.

    ```python
    from piccolo_api_fastapi.features import EventKind, declare_events

    declare_events(
        EventKind("door_opened", "A door was opened.", ("door",)),
        EventKind("door_jammed", "A door did not open.", ("door",), outcome="failure"),
    )
    ```

    Args:
        kinds: The events.

    Returns:
        The events, to be exported by the feature.

    Raises:
        ConfigurationError: Another feature has declared an event of this name.
    """
    for kind in kinds:
        if EVENTS.setdefault(kind.name, kind) != kind:
            raise ConfigurationError(f"The event {kind.name} is declared twice; rename one.")
    return kinds


def events_table() -> str:
    """All declared events as a table in Markdown, in the order of their names."""
    lines = ["| event | outcome | when | data |", "|---|---|---|---|"]
    for _, kind in sorted(EVENTS.items()):
        data = ", ".join(f"`{name}`" for name in kind.data)
        lines.append(f"| `{kind.name}` | {kind.outcome} | {kind.meaning} | {data} |")
    return "\n".join(lines)
