"""The exact algorithm, for small numbers: a log of what was admitted."""

from typing import TypeAlias

from .grammar import Limit

MAXIMUM = 1000
"""What a key may have in its log."""

Log: TypeAlias = tuple[int, ...]
"""Until when the key is blocked, and then when each was admitted, the latest first."""


class StrictRate:
    """
    Never more than so many in any window. The state of a key is its `Log`.

    Args:
        limit: So many in so much time.
        block: For how long a key is refused after a refusal; 0 for no longer than it has to be.

    Attributes:
        most: The greatest cost that can ever be admitted.
        life: A state that was not written for this long equals that of a fresh key.
        tag: Tells the states of this limit from those of another.
        name: What it is called in headers.
        window: In how many microseconds as many come as at once.
    """

    __slots__ = ("block", "life", "limit", "most", "name", "tag", "window")

    fresh: Log = (0,)
    """The state of a key that is not known."""

    def __init__(self, limit: Limit, block: int = 0) -> None:
        self.limit = limit
        self.block = block
        self.most = limit.amount
        self.life = max(limit.period, block)
        self.name = str(limit)
        self.tag = f"{limit}~strict{f'~{block}' if block else ''}"
        self.window = limit.period

    def wait(self, log: Log, now: int, cost: int) -> int:
        """How long until `cost` is admitted; nothing or less when it is now."""
        oldest = self.limit.amount - cost + 1
        until = log[oldest] + self.limit.period if len(log) > oldest else now
        return max(until, log[0]) - now

    def admit(self, log: Log, now: int, cost: int) -> Log | None:
        """Charge `cost`. Returns the new state, or `None` if `cost` is refused."""
        if self.wait(log, now, cost) > 0:
            return None
        return (log[0], *[now] * cost, *log[1 : self.limit.amount - cost + 1])

    def refuse(self, log: Log, now: int) -> Log:
        """The state after a refusal. A block that runs is not prolonged, so that it ends."""
        if not self.block or log[0] > now:
            return log
        return (now + self.block, *log[1:])

    def refund(self, log: Log, _: int, cost: int, mark: int | None) -> Log:
        """
        The state without a charge, if it still counts; a block is not shortened.

        Args:
            log: The state.
            cost: What was charged.
            mark: Of the charge; `None` takes the latest.
        """
        times = list(log[1:])
        if mark is None:
            return (log[0], *times[cost:])
        for _ in range(cost):
            if mark in times:
                times.remove(mark)
        return (log[0], *times)

    def mark(self, _: Log, now: int) -> int:
        """What tells a charge from others: when it was."""
        return now

    def remaining(self, log: Log, now: int) -> int:
        """How many are admitted now."""
        if log[0] > now:
            return 0
        return self.limit.amount - self._count(log, now)

    def until_reset(self, log: Log, now: int) -> int:
        """How long until it is as if nothing had been."""
        blocked_until, *times = log
        latest = times[0] + self.limit.period if times else now
        return max(latest, blocked_until, now) - now

    def until_more(self, log: Log, now: int) -> int:
        """How long until one more is admitted than now; 0 when all are."""
        count = self._count(log, now)
        oldest = log[count] + self.limit.period if count else now
        return max(oldest, log[0], now) - now

    def figures(self, log: Log, now: int) -> tuple[int, int, int]:
        """`remaining`, `until_more` and `until_reset` at once."""
        return self.remaining(log, now), self.until_more(log, now), self.until_reset(log, now)

    def _count(self, log: Log, now: int) -> int:
        return sum(time > now - self.limit.period for time in log[1:])
