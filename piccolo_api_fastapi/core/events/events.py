"""Events: each operation emits one, and every listener receives it."""

import asyncio
import inspect
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeAlias

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.core.database.transactions import after_commit
from piccolo_api_fastapi.core.http.client import current_client

from .declared import EVENTS, Outcome
from .telemetry import record_event

logger = logging.getLogger("piccolo_api_fastapi")

LISTENER_SECONDS = 10.0
"""The time limit of an async `after_commit` listener. Then it is cancelled, and that is logged."""


@dataclass(frozen=True, slots=True)
class AuthEvent:
    """
    An event. It never contains a password, a token or a cookie.

    ```python
    from piccolo_api_fastapi import AuthEvent, subscribe

    def alert(event: AuthEvent) -> None:
        if event.name == "authn_token_reuse":
            print("Tokens of user", event.user, "were stolen.")

    unsubscribe = subscribe(alert)
    ```

    Args:
        name: A name of the OWASP Logging Vocabulary, for example `authn_token_reuse`.
        at: The time of the event, aware and in UTC.
        user: The primary key of the user, if it is known.
        data: Details that are safe to log: strings, numbers and booleans.
    """

    name: str
    at: datetime
    user: Any = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> Outcome:
        """Return whether the operation succeeded, as the feature declared; see `EventKind`."""
        kind = EVENTS.get(self.name)
        return kind.outcome if kind else "success"

    @property
    def level(self) -> int:
        """Return the severity, as a level of `logging`."""
        kind = EVENTS.get(self.name)
        if kind is not None and kind.level is not None:
            return kind.level
        return logging.WARNING if self.outcome == "failure" else logging.INFO

    def fields(self) -> dict[str, Any]:
        """Return plain values for JSON: the details, `event`, `at`, `outcome` and `user`."""
        user = None if self.user is None else str(self.user)
        own = {"event": self.name, "at": self.at.isoformat(), "outcome": self.outcome, "user": user}
        return {**self.data, **own}


Listener: TypeAlias = Callable[[AuthEvent], Awaitable[None] | None]
"""A function that receives every event, sync or async."""

When: TypeAlias = Literal["before_commit", "after_commit"]

TOLD_AT_ONCE = 100
"""The maximum number of listeners that `tell` waits for. Beyond it, events are not delivered."""

_telling: set[asyncio.Task[None]] = set()
_listeners: dict[When, list[Listener]] = {"before_commit": [], "after_commit": []}


@configured
def subscribe(listener: Listener, *, when: When = "after_commit") -> Callable[[], None]:
    """
    Call a listener with every event of this process from now on.

    ```python
    from piccolo_api_fastapi import AuthEvent, subscribe

    async def send_to_siem(event: AuthEvent) -> None:
        print(event.fields())

    unsubscribe = subscribe(send_to_siem)
    unsubscribe()
    ```

    Args:
        listener: A function that takes the event, sync or async.
        when: `after_commit` calls the listener once the change is certain. If it fails, or takes
            longer than `LISTENER_SECONDS`, that is logged and has no other effect.
            `before_commit` calls it in the transaction of the change. Its writes are committed
            with the change, and an exception rolls the change back. If it raises an `AuthError`,
            that is the response.

    Returns:
        A function that unsubscribes the listener.
    """
    _listeners[when].append(listener)
    return lambda: _listeners[when].remove(listener)


def located(event: AuthEvent) -> AuthEvent:
    """The event with the address and the browser of the client that is being served."""
    if (client := current_client()) is None:
        return event
    data = {"ip": client.ip, "user_agent": client.user_agent, **event.data}
    return replace(event, data=data)


async def emit(event: AuthEvent) -> None:
    """
    Emit an event: to `before_commit` listeners now, and to the others after the commit.

    Raises:
        Exception: A `before_commit` listener failed.
    """
    event = located(event)
    for listener in tuple(_listeners["before_commit"]):
        await _tell(listener, event)
    await after_commit(partial(_publish, event))


def tell(event: AuthEvent) -> None:
    """
    Emit an event that changes nothing in the database, such as the refusal of a rate limit.

    Listeners can neither stop nor delay the operation. Async ones, even those of `before_commit`,
    run in their own tasks, outside the open transaction, for at most `LISTENER_SECONDS`. Their
    exceptions are logged.
    """
    event = located(event)
    log_event(event)
    record_event(event)
    if len(_telling) >= TOLD_AT_ONCE:
        logger.error("Listeners are too slow: %s was not delivered", event.name)
        return
    for listener in (*_listeners["before_commit"], *_listeners["after_commit"]):
        if (told := _call(listener, event)) is not None:
            waiting = _wait_for(told, event)
            task = Context().run(asyncio.get_running_loop().create_task, waiting)
            _telling.add(task)  # the only reference
            task.add_done_callback(_telling.discard)


@asynccontextmanager
async def telling(
    name: str, clock: Clock, *errors: type[Exception], user: Any = None
) -> AsyncIterator[None]:
    """
    Return a context that emits an event if one of these errors is raised in it.

    Args:
        name: The name of the event.
        clock: The clock for the time of the event.
        errors: The errors that count as failures.
        user: The primary key of the user, if it is known.
    """
    try:
        yield
    except errors as error:
        await emit(AuthEvent(name, clock(), user, {"error": type(error).__name__}))
        raise


async def _publish(event: AuthEvent) -> None:
    for listener in (log_event, record_event, *_listeners["after_commit"]):
        if (told := _call(listener, event)) is not None:
            await _wait_for(told, event)


def _call(listener: Callable[[AuthEvent], Any], event: AuthEvent) -> Awaitable[Any] | None:
    """Call a listener, which must not stop the next one. Returns its awaitable, if any."""
    try:
        told = listener(event)
    # Nothing was awaited, so a cancellation comes from the listener.
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
        _log_failure(event, error)
        return None
    return told if inspect.isawaitable(told) else None


async def _wait_for(told: Awaitable[Any], event: AuthEvent) -> None:
    """Wait for a listener in its own task, so that cancelling it does not cancel the caller."""
    task = asyncio.ensure_future(told)
    task.add_done_callback(partial(_log_end, event))
    try:
        await asyncio.wait({task}, timeout=LISTENER_SECONDS)
    finally:
        task.cancel()


def _log_end(event: AuthEvent, task: "asyncio.Future[Any]") -> None:
    if error := asyncio.CancelledError() if task.cancelled() else task.exception():
        _log_failure(event, error)


def _log_failure(event: AuthEvent, error: BaseException) -> None:
    logger.error("A listener failed on %s", event.name, exc_info=error)


async def _tell(listener: Callable[[AuthEvent], Any], event: AuthEvent) -> None:
    told = listener(event)
    if inspect.isawaitable(told):
        await told


def log_event(event: AuthEvent) -> None:
    """
    Log an event to the logger `piccolo_api_fastapi`, at its level.

    The record has the event as `auth_event`, and its plain values as `auth_fields`.
    """
    fields = event.fields()
    words = (f"{name}={_word(fields.get(name))}" for name in ("user", "ip", "at"))
    extra = {"auth_event": event, "auth_fields": fields}
    logger.log(event.level, "%s %s", event.name, " ".join(words), extra=extra)


def _word(value: Any) -> str:
    """Return a value as one word: `-` for none, and characters that break a line replaced."""
    text = "-" if value is None else str(value)
    return "".join(c if c.isprintable() and c != " " else "?" for c in text)
