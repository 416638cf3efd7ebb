"""The exact algorithm, for small numbers: a log of the admitted requests."""

from typing import TypeAlias

from .grammar import Limit

MAXIMUM = 1000
"""The greatest number of entries in a log."""

Log: TypeAlias = tuple[int, ...]
"""The end of a block, and then the times of the admitted requests, the latest first."""


class StrictRate:
    """
    A limit that holds in any window. The state of a key is its `Log`.

    Args:
        limit: The number and the period.
        block: The microseconds for which a key is refused after a refusal, or 0.

    Attributes:
        most: The greatest cost that can ever be admitted.
        life: The microseconds after which an unchanged state equals that of a fresh key.
        tag: The text that distinguishes the states of this limit from those of others.
        name: The name in headers.
        window: The period of the limit.
    """

    __slots__ = ("block", "life", "limit", "most", "name", "tag", "window")

    fresh: Log = (0,)
    """The state of an unknown key."""

    def __init__(self, limit: Limit, block: int = 0) -> None:
        self.limit = limit
        self.block = block
        self.most = limit.amount
        self.life = max(limit.period, block)
        self.name = str(limit)
        self.tag = f"{limit}~strict{f'~{block}' if block else ''}"
        self.window = limit.period

    def wait(self, log: Log, now: int, cost: int) -> int:
        """The time until `cost` is admitted; 0 or less if it is admitted now."""
        oldest = self.limit.amount - cost + 1
        until = log[oldest] + self.limit.period if len(log) > oldest else now
        return max(until, log[0]) - now

    def admit(self, log: Log, now: int, cost: int) -> Log | None:
        """Charge `cost`. Returns the new state, or `None` if `cost` is refused."""
        if self.wait(log, now, cost) > 0:
            return None
        return (log[0], *[now] * cost, *log[1 : self.limit.amount - cost + 1])

    def refuse(self, log: Log, now: int) -> Log:
        """The state after a refusal, which starts a block but never extends one."""
        if not self.block or log[0] > now:
            return log
        return (now + self.block, *log[1:])

    def refund(self, log: Log, _: int, cost: int, mark: int | None) -> Log:
        """
        The state without the entries of a charge. A block is not shortened.

        Args:
            log: The state.
            cost: The cost of the charge.
            mark: The mark of the charge, or `None` for the latest.
        """
        times = list(log[1:])
        if mark is None:
            return (log[0], *times[cost:])
        for _ in range(cost):
            if mark in times:
                times.remove(mark)
        return (log[0], *times)

    def mark(self, _: Log, now: int) -> int:
        """The mark of a charge: its time."""
        return now

    def remaining(self, log: Log, now: int) -> int:
        """How much is admitted now."""
        if log[0] > now:
            return 0
        return self.limit.amount - self._count(log, now)

    def until_reset(self, log: Log, now: int) -> int:
        """The time until the state equals that of a fresh key."""
        blocked_until, *times = log
        latest = times[0] + self.limit.period if times else now
        return max(latest, blocked_until, now) - now

    def until_more(self, log: Log, now: int) -> int:
        """The time until one more is admitted than now; 0 if all are."""
        count = self._count(log, now)
        oldest = log[count] + self.limit.period if count else now
        return max(oldest, log[0], now) - now

    def figures(self, log: Log, now: int) -> tuple[int, int, int]:
        """`remaining`, `until_more` and `until_reset` at once."""
        return self.remaining(log, now), self.until_more(log, now), self.until_reset(log, now)

    def _count(self, log: Log, now: int) -> int:
        return sum(time > now - self.limit.period for time in log[1:])
