"""`RemoteStore`: what stores on other machines have in common, as they are slow and may fail."""

import asyncio
import logging
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

from piccolo_api_fastapi.clock import Clock, utcnow
from piccolo_api_fastapi.core.events.events import AuthEvent, tell
from piccolo_api_fastapi.rate_limiting.algorithms.grammar import SECOND, microseconds

from .store import Budget, Marks, StoreBusy, StoreDown, Verdict

logger = logging.getLogger("piccolo_api_fastapi")
ResultT = TypeVar("ResultT")

PROBE_EVERY = SECOND
"""While a store is down, one call in this time probes whether it is back."""

REMEMBER = SECOND
"""The longest time for which a refusal is repeated from memory."""

CONNECT_SECONDS = 1.0
"""The time limit of a new connection with its TLS and login, unless a call has a longer one."""


class RemoteStore(ABC):
    """
    A store on a server, which may be down, full or slow.

    After a failure, only one call a second reaches the server until it answers again. Refusals
    are cached for up to a second, so that a flood of refused requests does not reach it.

    Args:
        clock: A clock that replaces that of the server, for tests.
    """

    def __init__(self, clock: Clock | None) -> None:
        self._clock = clock
        self._denials = _Denials()
        self._is_down = False
        self._alone_until = 0

    @abstractmethod
    async def ask(self, budget: Budget, key: str, cost: int, marks: Marks | None) -> Verdict:
        """As `Store.take`; raises any error."""

    @abstractmethod
    async def forget(self, budget: Budget, key: str) -> None:
        """As `Store.reset`; raises any error."""

    async def recover(self) -> None:  # noqa: B027 - not every store has to
        """Close connections that may be broken, before the next call."""

    async def take(
        self,
        budget: Budget,
        key: str,
        cost: int = 1,
        marks: Marks | None = None,
        *,
        again: bool = False,
    ) -> Verdict:
        """See `Store.take`."""
        name = (budget.id, key)
        if cost > 0 and not again and (verdict := self._denials.find(name, cost, self._now())):
            return verdict
        given_back = self._denials.dropped
        verdict = await self._guard(lambda: self.ask(budget, key, cost, marks))
        if cost < 0:
            self._denials.drop(name)  # after the refund, so that refusals of meanwhile go too
        elif cost and not verdict.allowed and given_back == self._denials.dropped:
            pairs = zip(budget.rates, verdict.states, strict=True)
            wait = max(rate.wait(state, verdict.now, cost) for rate, state in pairs)
            self._denials.keep(name, _Denial(verdict, cost, self._now(), wait))
        return verdict

    async def reset(self, budget: Budget, key: str) -> None:
        """See `Store.reset`."""
        await self._guard(lambda: self.forget(budget, key))
        self._denials.drop((budget.id, key))

    def _newest(self, newest: int) -> int:
        """The time of the last charge; 0 by a test clock, because that may stand still."""
        return newest if self._clock is None else 0

    def _now(self) -> int:
        return microseconds(self._clock) if self._clock else time.monotonic_ns() // 1000

    async def _guard(self, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        now = self._now()
        if self._is_down:
            if now < self._alone_until:
                raise StoreDown
            self._alone_until = now + PROBE_EVERY
        try:
            result = await call()
        except StoreBusy:
            raise
        except Exception as error:  # noqa: BLE001 - a limit must not cause a 500
            await self._fell(error)
            raise StoreDown from None
        if self._is_down:
            self._rose()
        return result

    async def _fell(self, error: Exception) -> None:
        self._alone_until = self._now() + PROBE_EVERY
        was_up, self._is_down = not self._is_down, True
        await self.recover()
        if was_up:
            logger.warning("The rate limit store does not answer: %r", error)
            data = {"error": type(error).__name__}
            tell(AuthEvent("sys_rate_limit_store_down", utcnow(), data=data))

    def _rose(self) -> None:
        self._is_down = False
        logger.warning("The rate limit store answers again.")
        tell(AuthEvent("sys_rate_limit_store_up", utcnow()))


class Within:
    """
    A block with a time limit, which counts only the time in which the event loop runs.

    A stall of the loop, such as a long calculation, is no outage of the server: its response may
    have arrived meanwhile.

    Args:
        seconds: The time limit.
    """

    SLICES = 10
    """The limit is measured in so many parts. A stall takes one of them, however long it is."""

    def __init__(self, seconds: float) -> None:
        self.restart(seconds)

    def restart(self, seconds: float) -> None:
        """Give what is left of the block this time from now on."""
        self._slice = seconds / self.SLICES
        self._left = self.SLICES

    def __enter__(self) -> None:
        self._task: Any = asyncio.current_task()
        self._wait()

    def __exit__(self, kind: type[BaseException] | None, _: object, __: object) -> None:
        self._timer.cancel()
        is_over = not self._left and kind is asyncio.CancelledError
        if is_over and not (sys.version_info >= (3, 11) and self._task.uncancel()):
            raise TimeoutError

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(self._slice, self._look)

    def _look(self) -> None:
        self._left -= 1
        if self._left:
            self._wait()
        else:
            self._task.cancel()


class Gate:
    """
    Limits the number of concurrent calls. Further calls wait, no longer than a call may take.

    Args:
        size: The number of concurrent calls.
        seconds: The time limit of a call.
    """

    def __init__(self, size: int, seconds: float) -> None:
        self._size = size
        self._seconds = seconds
        self._has_answered = False
        self._free: WeakKeyDictionary[asyncio.AbstractEventLoop, asyncio.Semaphore]
        self._free = WeakKeyDictionary()

    async def run(self, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """
        Make a call, and return its result.

        Raises:
            StoreBusy: No earlier call ended in time.
        """
        free = self._free.setdefault(asyncio.get_running_loop(), asyncio.Semaphore(self._size))
        try:
            await asyncio.wait_for(free.acquire(), self._seconds)
        except (TimeoutError, asyncio.TimeoutError):
            raise StoreBusy from None
        try:
            # The first calls open their connections.
            seconds = self._seconds if self._has_answered else max(self._seconds, CONNECT_SECONDS)
            with Within(seconds):
                result = await call()
            self._has_answered = True
            return result
        finally:
            free.release()


class _Denial(NamedTuple):
    """A refusal, when it was received, and how long it holds."""

    verdict: Verdict
    cost: int
    heard_at: int
    wait: int


class _Denials:
    """The refusals of the last second, in two generations that are dropped as a whole."""

    def __init__(self, half: int = 50_000) -> None:
        self._half = half
        self._new: dict[tuple[str, str], _Denial] = {}
        self._old: dict[tuple[str, str], _Denial] = {}
        self._turn_at = 0
        self.dropped = 0

    def find(self, name: tuple[str, str], cost: int, now: int) -> Verdict | None:
        """The cached refusal of this cost or less, moved to the present time."""
        denial = self._new.get(name) or self._old.get(name)
        if denial is None or cost < denial.cost:
            return None
        since = now - denial.heard_at
        if not 0 <= since < min(denial.wait, REMEMBER):
            return None
        allowed, now, states, newest = denial.verdict
        # A recent charge stays recent: only the server knows whether it was refunded.
        return Verdict(allowed, now + since, states, newest + since)

    def keep(self, name: tuple[str, str], denial: _Denial) -> None:
        """Cache a refusal."""
        if denial.heard_at >= self._turn_at or len(self._new) >= self._half:
            self._new, self._old = {}, self._new
            self._turn_at = denial.heard_at + REMEMBER
        self._new[name] = denial

    def drop(self, name: tuple[str, str]) -> None:
        """Drop a refusal, because the key was refunded."""
        self.dropped += 1
        self._new.pop(name, None)
        self._old.pop(name, None)
