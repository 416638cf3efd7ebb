"""`MemoryStore`: counts in the memory of one process."""

import threading
import time

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.configuration import configured
from piccolo_api_fastapi.errors import ConfigurationError
from piccolo_api_fastapi.rate_limiting import hints
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import microseconds

from .store import ADMITTED, REFUSED, REMEMBERED, AnyRate, Budget, Marks, State, Verdict, settle


@configured
class MemoryStore:
    """
    Counts in the memory of this process: the fastest store, and exact for one worker.

    ```python
    from piccolo_api_fastapi import MemoryStore, RateLimit

    limit = RateLimit("10/minute", store=MemoryStore(max_keys=10_000))
    ```

    Memory is bounded, without a timer: each limit has two generations of keys, and the older one
    is dropped as a whole once all its keys have expired.

    Args:
        max_keys: The number of keys that a limit stores, at least 100. Beyond it, the least
            recently used keys are evicted early, except those that were refused.
        clock: The clock, by default the monotonic one.

    Raises:
        ConfigurationError: `max_keys` is below 100.
    """

    def __init__(self, *, max_keys: int = 100_000, clock: Clock | None = None) -> None:
        if max_keys < 100:  # noqa: PLR2004
            raise ConfigurationError(f"max_keys is {max_keys}; use 100 or more.")
        self._half = max_keys // 2
        self._clock = clock
        self._tables: dict[str, list[_Table]] = {}
        self._lock = threading.Lock()  # for event loops in other threads

    async def take(
        self,
        budget: Budget,
        key: str,
        cost: int = 1,
        marks: Marks | None = None,
        *,
        again: bool = False,  # noqa: ARG002 - refusals are not cached here
    ) -> Verdict:
        """See `Store.take`."""
        now = time.monotonic_ns() // 1000 if self._clock is None else microseconds(self._clock)
        with self._lock:
            tables = self._tables.get(budget.id) or self._make(budget, now)
            if cost > 0 and len(tables) == 1:
                return tables[0].take(key, now, cost)
            states = [table.find(key, now) for table in tables]
            verdict = settle(budget, states, now, cost, marks)
            if cost:
                for table, state in zip(tables, verdict.states, strict=True):
                    table.new[key] = state
                    if not verdict.allowed and table.rate.wait(state, now, cost) > 0:
                        table.refused[key] = None
            return verdict

    async def reset(self, budget: Budget, key: str) -> None:
        """See `Store.reset`."""
        with self._lock:
            for table in self._tables.get(budget.id, ()):
                table.forget(key)

    def clear(self) -> None:
        """Forget all keys."""
        self._tables.clear()

    def __len__(self) -> int:
        return sum(
            len(table.new.keys() | table.old.keys())
            for tables in self._tables.values()
            for table in tables
        )

    def _make(self, budget: Budget, now: int) -> "list[_Table]":
        hints.check_workers()
        if len(self._tables) >= REMEMBERED:
            self._tables = {name: kept for name, kept in self._tables.items() if _live(kept, now)}
        tables = [_Table(rate, self._half, budget.scope) for rate in budget.rates]
        self._tables[budget.id] = tables
        return tables


class _Table:
    """The states of one limit, in two generations."""

    __slots__ = ("half", "new", "old", "rate", "refused", "scope", "turn_at")

    def __init__(self, rate: AnyRate, half: int, scope: str) -> None:
        self.rate = rate
        self.half = half
        self.scope = scope
        self.new: dict[str, State] = {}
        self.old: dict[str, State] = {}
        self.refused: dict[str, None] = {}
        self.turn_at = 0

    def take(self, key: str, now: int, cost: int) -> Verdict:
        """
        Charge a budget that has one limit, which is the usual case.

        `settle` does the same for several. It would take 2.4 µs here; this takes 0.9 µs.
        """
        state = self.find(key, now)
        after = self.rate.admit(state, now, cost)
        if after is not None:
            self.new[key] = after
            return Verdict(ADMITTED, now, (after,))
        if self.rate.block or key not in self.new:
            state = self.new[key] = self.rate.refuse(state, now)
        self.refused[key] = None
        return Verdict(REFUSED, now, (state,))

    def find(self, key: str, now: int) -> State:
        """The state of a key."""
        if now >= self.turn_at or len(self.new) >= self.half:
            self._turn(now)
        state = self.new.get(key)
        return self.old.get(key, self.rate.fresh) if state is None else state

    def forget(self, key: str) -> None:
        """Forget a key."""
        self.new.pop(key, None)
        self.old.pop(key, None)
        self.refused.pop(key, None)

    def _turn(self, now: int) -> None:
        """
        Start a new generation.

        If it is time, the dropped keys have expired: none was written for a whole life. If the
        generation is full, refused keys move on, so that a flood of keys frees none of them.
        """
        if now >= self.turn_at:
            in_time = now < self.turn_at + self.rate.life
            self.new, self.old = {}, self.new if in_time else {}
            self.refused = {}
            self.turn_at = now + self.rate.life
            return
        alive = (state for key, state in self.old.items() if key not in self.new)
        if any(self.rate.until_reset(state, now) for state in alive):
            hints.report("evicted", self.scope)
        refused = list(self.refused)[-self.half // 2 :]
        moving = {key: self.new[key] for key in refused if self._is_refused(key, now)}
        self.new, self.old = moving, self.new
        self.refused = dict.fromkeys(moving)
        self.turn_at = now + self.rate.life

    def _is_refused(self, key: str, now: int) -> bool:
        return self.rate.wait(self.new[key], now, 1) > 0


def _live(tables: "list[_Table]", now: int) -> bool:
    """Whether any state still counts."""
    return any(now < table.turn_at + table.rate.life for table in tables)
