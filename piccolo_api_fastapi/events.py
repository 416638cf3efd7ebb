"""What happened, for whoever wants to know: one event an operation, told to every listener."""

import inspect
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, TypeAlias

logger = logging.getLogger("piccolo_api_fastapi")


@dataclass(frozen=True, slots=True)
class AuthEvent:
    """
    One thing that happened. It never carries a password, a token or a cookie.

    Args:
        name: A name of the OWASP Logging Vocabulary, for example `authn_token_reuse`.
        at: When, aware and in UTC.
        user: The primary key of the user, where one is known.
        data: Details that are safe to log.
    """

    name: str
    at: datetime
    user: Any = None
    data: Mapping[str, Any] = field(default_factory=dict)


Listener: TypeAlias = Callable[[AuthEvent], Awaitable[None] | None]
"""Is told of every event; sync or async."""

_listeners: list[Listener] = []


def subscribe(listener: Listener) -> Callable[[], None]:
    """
    Tell `listener` of every event of this process from now on.

    Returns:
        A function that ends it.
    """
    _listeners.append(listener)
    return lambda: _listeners.remove(listener)


async def emit(event: AuthEvent) -> None:
    """Log an event and tell the listeners; one that fails is logged and disturbs nobody."""
    logger.info("%s user=%s", event.name, event.user, extra={"auth_event": event})
    for listener in tuple(_listeners):
        try:
            told = listener(event)
            if inspect.isawaitable(told):
                await told
        except Exception:  # noqa: PERF203 - one listener must not stop the next
            logger.exception("A listener failed on %s", event.name)
