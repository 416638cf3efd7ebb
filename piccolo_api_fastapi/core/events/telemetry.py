"""Events for OpenTelemetry, where FastAPI or the application has it: span events and a counter."""

import importlib
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .events import AuthEvent


def record_event(event: "AuthEvent") -> None:
    """
    Add an event to the current span, if one is recorded, and count it.

    Names and outcomes alone: traces are read by more people than logs, so they are not
    told who it was.
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
    except ImportError:  # FastAPI brings it since its own telemetry
        return None
    counter = metrics.get_meter("piccolo_api_fastapi").create_counter(
        "auth.events", unit="{event}", description="Authentication events, by name and outcome."
    )
    return trace, counter
