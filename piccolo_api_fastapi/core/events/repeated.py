"""Events that a stranger can cause at will: at most one a second, with their number."""

import asyncio
from collections.abc import Hashable
from contextvars import Context
from dataclasses import dataclass, replace
from typing import TypeAlias
from weakref import WeakKeyDictionary

from .events import AuthEvent, emit, located, tell

REPORT_EVERY = 1.0
"""Seconds between two events of one kind, so that a flood of requests is no flood of events."""

MAXIMUM_KINDS = 1000
"""Kinds that are told apart at a time. Beyond it, events are counted by their name alone."""

_Kinds: TypeAlias = dict[Hashable, "_Repeats"]

_running: WeakKeyDictionary[asyncio.AbstractEventLoop, _Kinds] = WeakKeyDictionary()
"""The kinds of which an event was emitted less than a second ago, in each event loop."""


@dataclass(slots=True)
class _Repeats:
    """
    The events of one kind since the last one that was emitted.

    Args:
        timer: Emits them.
        count_as: The name of the number in the data of the event.
        latest: The latest event. Where it differs from the others, its data is None.
        count: The number of events.
    """

    timer: asyncio.TimerHandle
    count_as: str
    latest: AuthEvent | None = None
    count: int = 0

    def add(self, event: AuthEvent) -> None:
        others = event.data if self.latest is None else self.latest.data
        data = {
            name: value if others.get(name) == value else None for name, value in event.data.items()
        }
        self.latest = replace(event, data=data)
        self.count += 1


async def emit_counted(event: AuthEvent, kind: Hashable, count_as: str = "refused") -> None:
    """
    Emit an event, at most once a second for each kind.

    The first event of a second is emitted as `emit` does it. Further events are counted, and
    told together as soon as the second is over. What differs among them is None.

    Args:
        event: The event.
        kind: What the event is counted by, beside its name and user.
        count_as: The name of the number in the data of the event.
    """
    if (first := _count(event, kind, count_as)) is not None:
        await emit(first)


def tell_counted(event: AuthEvent, kind: Hashable, count_as: str = "refused") -> None:
    """As `emit_counted`, by `tell`: nothing can stop or delay the operation."""
    if (first := _count(event, kind, count_as)) is not None:
        tell(first)


def forget_repeated() -> None:
    """Forget which events were emitted, so that no test inherits those of another."""
    for kinds in _running.values():
        for repeats in kinds.values():
            repeats.timer.cancel()
        kinds.clear()


def _count(event: AuthEvent, kind: Hashable, count_as: str) -> AuthEvent | None:
    """Count an event. Returns it if it must be emitted now."""
    loop = asyncio.get_running_loop()
    kinds = _running.setdefault(loop, {})
    key: Hashable = (event.name, event.user, kind, count_as)
    if key not in kinds and len(kinds) >= MAXIMUM_KINDS:
        key = (event.name, count_as)
    if (repeats := kinds.get(key)) is not None:
        repeats.add(located(event))
        return None
    _wait(loop, kinds, key, count_as)
    return replace(event, data={**event.data, count_as: 1})


def _wait(loop: asyncio.AbstractEventLoop, kinds: _Kinds, key: Hashable, count_as: str) -> None:
    # A context of its own: neither the client nor the transaction of the first event.
    timer = loop.call_later(REPORT_EVERY, _report, loop, kinds, key, count_as, context=Context())
    kinds[key] = _Repeats(timer, count_as)


def _report(loop: asyncio.AbstractEventLoop, kinds: _Kinds, key: Hashable, count_as: str) -> None:
    """Tell the events of the last second, if there were any, and count for another one."""
    repeats = kinds.pop(key)
    if (latest := repeats.latest) is not None:
        _wait(loop, kinds, key, count_as)
        tell(replace(latest, data={**latest.data, count_as: repeats.count}))
