"""Events for OpenTelemetry, if it is installed: span events and a counter."""

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .events import AuthEvent


def record_event(event: "AuthEvent") -> None:
    """
    Add an event to the current span, if it is recording, and count it.

    Only the name and the outcome are recorded, not the user: more people read traces than logs.
    """
    if (tools := _tools()) is None:
        return
    trace, counter = tools
    attributes = {"auth.event": event.name, "auth.outcome": event.outcome}
    span = trace.get_current_span()
    if span.is_recording():
        span.add_event(event.name, attributes)
    counter.add(1, attributes)


@cache
def _tools() -> tuple[Any, Any] | None:
    try:
        trace = importlib.import_module("opentelemetry.trace")
        metrics = importlib.import_module("opentelemetry.metrics")
    except ImportError:  # older versions of FastAPI do not install it
        return None
    counter = metrics.get_meter("piccolo_api_fastapi").create_counter(
        "auth.events", unit="{event}", description="Authentication events, by name and outcome."
    )
    return trace, counter
