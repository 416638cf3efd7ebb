"""
The default algorithm: one number a key says all there is to say.

The generic cell rate algorithm (ITU-T I.371) keeps the *theoretical arrival time* (TAT): when the
key would be as if it had never been used. A request of cost `c` moves it `c` intervals on, and is
refused when that would lie more than the tolerance ahead of now. Times are whole microseconds.
"""

from .grammar import Limit


class Rate:
    """
    A limit by GCRA. The state of a key is its TAT.

    Args:
        limit: So many in so much time.
        burst: How many may come at once; by default the number of the limit.
        block: For how long a key is refused after a refusal; 0 for no longer than it has to be.

    Attributes:
        interval: What one costs; rounded up, so that never more come than was said.
        tolerance: How far ahead of now the TAT may lie.
        most: The greatest cost that can ever be admitted.
        life: A state that was not written for this long equals that of a fresh key.
        tag: Tells the states of this limit from those of another.
    """

    __slots__ = ("block", "burst", "interval", "life", "limit", "most", "tag", "tolerance")

    fresh = 0
    """The state of a key that is not known."""

    def __init__(self, limit: Limit, burst: int | None = None, block: int = 0) -> None:
        self.limit = limit
        self.burst = self.most = burst or limit.amount
        self.block = block
        self.interval = -(-limit.period // limit.amount)
        self.tolerance = self.interval * self.burst
        self.life = self.tolerance + block
        self.tag = f"{limit}~{self.burst}"

    def wait(self, tat: int, now: int, cost: int) -> int:
        """How long until `cost` is admitted; nothing or less when it is now."""
        return max(tat, now) + cost * self.interval - self.tolerance - now

    def charge(self, tat: int, now: int, cost: int) -> int:
        """The state after `cost` was admitted."""
        return max(tat, now) + cost * self.interval

    def refuse(self, tat: int, now: int) -> int:
        """The state after a refusal. A block that runs is not prolonged, so that it ends."""
        if not self.block or tat - now > self.tolerance:
            return tat
        return now + self.block + self.tolerance - self.interval

    def refund(self, tat: int, now: int, cost: int, at: int | None) -> int:
        """
        The state without a charge, if it still counts; a block is not shortened.

        Args:
            tat: The state.
            now: The time.
            cost: What was charged.
            at: When it was; `None` if that is not known.
        """
        spent = at is not None and now - at >= self.tolerance
        if spent or tat - now > self.tolerance:
            return tat
        return min(tat, max(now, tat - cost * self.interval))

    def remaining(self, tat: int, now: int) -> int:
        """How many are admitted now."""
        return max(0, self.tolerance - max(tat - now, 0)) // self.interval

    def until_reset(self, tat: int, now: int) -> int:
        """How long until it is as if nothing had been."""
        return max(tat - now, 0)

    def until_more(self, tat: int, now: int) -> int:
        """How long until one more is admitted than now; 0 when all are."""
        debt = max(tat - now, 0)
        if debt > self.tolerance:
            return debt - self.tolerance + self.interval
        return debt % self.interval or (self.interval if debt else 0)
