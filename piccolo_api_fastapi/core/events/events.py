"""What happened, for whoever wants to know: one event an operation, told to every listener."""

import asyncio
import inspect
import logging
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from contextvars import Context
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Literal, TypeAlias

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.database.transactions import after_commit
from piccolo_api_fastapi.core.http.client import current_client

from .telemetry import record_event

logger = logging.getLogger("piccolo_api_fastapi")

LISTENER_SECONDS = 10.0
"""How long an async `after_commit` listener may take; then it is cancelled, and that is logged."""

_CRITICAL = re.compile(r"_reuse$")
_FAILED = re.compile(r"_(fail|fail_max|lock|reuse|exceeded|unavailable|misconfigured)$")
_GRAVE = re.compile(r"^user_deleted$")


@dataclass(frozen=True, slots=True)
class AuthEvent:
    """
    One thing that happened. It never carries a password, a token or a cookie.

    Args:
        name: A name of the OWASP Logging Vocabulary, for example `authn_token_reuse`.
        at: When, aware and in UTC.
        user: The primary key of the user, where one is known.
        data: Details that are safe to log: text, numbers and truth values.
    """

    name: str
    at: datetime
    user: Any = None
    data: Mapping[str, Any] = field(default_factory=dict)

    @property
    def outcome(self) -> Literal["success", "failure"]:
        """Whether the operation did what was asked."""
        return "failure" if _FAILED.search(self.name) else "success"

    @property
    def level(self) -> int:
        """How grave it is, as a level of `logging`."""
        if _CRITICAL.search(self.name):
            return logging.CRITICAL
        grave = _FAILED.search(self.name) or _GRAVE.search(self.name)
        return logging.WARNING if grave else logging.INFO

    def fields(self) -> dict[str, Any]:
        """The event as plain values, for JSON: the details, `event`, `at`, `outcome`, `user`."""
        user = None if self.user is None else str(self.user)
        own = {"event": self.name, "at": self.at.isoformat(), "outcome": self.outcome, "user": user}
        return {**self.data, **own}


Listener: TypeAlias = Callable[[AuthEvent], Awaitable[None] | None]
"""Is told of every event; sync or async."""

When: TypeAlias = Literal["before_commit", "after_commit"]

TOLD_AT_ONCE = 100
"""Listeners that are being told by `tell`; while so many hang, no more are."""

_telling: set[asyncio.Task[None]] = set()
_listeners: dict[When, list[Listener]] = {"before_commit": [], "after_commit": []}


def subscribe(listener: Listener, *, when: When = "after_commit") -> Callable[[], None]:
    """
    Tell `listener` of every event of this process from now on.

    Args:
        listener: Any callable that takes the event.
        when: `after_commit`, when what happened is certain: a listener that fails, or takes more
            than `LISTENER_SECONDS`, is logged and disturbs nobody. Or `before_commit`, in the
            transaction of the change: what it writes is committed with it, and what it raises
            undoes it; an `AuthError` is the answer.

    Returns:
        A function that ends it.
    """
    _listeners[when].append(listener)
    return lambda: _listeners[when].remove(listener)


def _located(event: AuthEvent) -> AuthEvent:
    if (client := current_client()) is None:
        return event
    data = {"ip": client.ip, "user_agent": client.user_agent, **event.data}
    return replace(event, data=data)


async def emit(event: AuthEvent) -> None:
    """
    Tell of an event: in the open transaction, and once it is committed.

    Raises:
        Exception: Whatever a `before_commit` listener raised.
    """
    event = _located(event)
    for listener in tuple(_listeners["before_commit"]):
        await _tell(listener, event)
    await after_commit(partial(_publish, event))


def tell(event: AuthEvent) -> None:
    """
    Tell of what is no change in a database, such as the refusal of a limit.

    No listener can stop it or hold it up: an async one goes on in a task of its own, outside the
    open transaction, one of `before_commit` too, for `LISTENER_SECONDS`, and what it raises is
    logged.
    """
    event = _located(event)
    log_event(event)
    record_event(event)
    if len(_telling) >= TOLD_AT_ONCE:
        logger.error("Listeners are too slow to be told of %s", event.name)
        return
    for listener in (*_listeners["before_commit"], *_listeners["after_commit"]):
        if (told := _call(listener, event)) is not None:
            waiting = _wait_for(told, event)
            task = Context().run(asyncio.get_running_loop().create_task, waiting)
            _telling.add(task)  # which nobody else keeps
            task.add_done_callback(_telling.discard)


@asynccontextmanager
async def telling(
    name: str, clock: Clock, *errors: type[Exception], user: Any = None
) -> AsyncIterator[None]:
    """
    Tell of a failure when one of these errors is raised within.

    Args:
        name: The name of the event.
        clock: Tells when.
        errors: Which errors.
        user: The primary key of the user, where one is known.
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
    """Tell a listener, which must not stop the next; returns what there is to wait for."""
    try:
        told = listener(event)
    # Nothing was awaited: if this is a cancellation, it is not ours.
    except (Exception, asyncio.CancelledError) as error:  # noqa: BLE001
        _log_failure(event, error)
        return None
    return told if inspect.isawaitable(told) else None


async def _wait_for(told: Awaitable[Any], event: AuthEvent) -> None:
    """Wait for a listener in a task of its own, whose cancellation is not that of the caller."""
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
    Log an event to `piccolo_api_fastapi`, at its level.

    The record has it twice: as `auth_event`, and as plain values in `auth_fields`.
    """
    extra = {"auth_event": event, "auth_fields": event.fields()}
    logger.log(event.level, "%s user=%s", event.name, event.user, extra=extra)
