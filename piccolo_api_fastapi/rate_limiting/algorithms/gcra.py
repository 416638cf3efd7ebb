"""
The default algorithm: one number a key says all there is to say.

The generic cell rate algorithm (ITU-T I.371) keeps the *theoretical arrival time* (TAT): when the
key would be as if it had never been used. A request of cost `c` moves it `c` intervals on, and is
refused when that would lie more than the tolerance ahead of now. Times are whole microseconds.
"""

from .grammar import Limit

BLOCKED = 5 * 10**15
"""A TAT this great is the end of a block plus this number, until 2096; all is forgiven then."""


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
        name: What it is called in headers.
        window: In how many microseconds as many come as at once.
    """

    __slots__ = (
        "block",
        "burst",
        "interval",
        "life",
        "limit",
        "most",
        "name",
        "tag",
        "tolerance",
        "window",
    )

    fresh = 0
    """The state of a key that is not known."""

    def __init__(self, limit: Limit, burst: int | None = None, block: int = 0) -> None:
        self.limit = limit
        self.burst = self.most = burst or limit.amount
        self.block = block
        self.interval = -(-limit.period // limit.amount)
        self.tolerance = self.interval * self.burst
        self.life = self.tolerance + block
        self.name = str(limit)
        self.tag = f"{limit}~{self.burst}{f'~{block}' if block else ''}"
        self.window = limit.period * self.burst // limit.amount

    def wait(self, tat: int, now: int, cost: int) -> int:
        """How long until `cost` is admitted; nothing or less when it is now."""
        if tat >= BLOCKED:
            return max(tat - BLOCKED - now, 0)
        return max(tat, now) + cost * self.interval - self.tolerance - now

    def admit(self, tat: int, now: int, cost: int) -> int | None:
        """Charge `cost`. Returns the new state, or `None` if `cost` is refused."""
        if tat >= BLOCKED:
            if tat - BLOCKED > now:
                return None
            tat = 0
        after = (tat if tat > now else now) + cost * self.interval  # noqa: FURB136 - faster
        return after if after - self.tolerance <= now else None

    def refuse(self, tat: int, now: int) -> int:
        """The state after a refusal. A block that runs is not prolonged, so that it ends."""
        return BLOCKED + now + self.block if self.block and tat < BLOCKED else tat

    def refund(self, tat: int, now: int, cost: int, mark: int | None) -> int:
        """
        The state without what is still owed of a charge; a block is not shortened.

        What was paid by time gives room to others already, and is not given twice.

        Args:
            tat: The state.
            now: The time.
            cost: What was charged.
            mark: Of the charge; `None` if that is not known.
        """
        if tat >= BLOCKED:
            return tat
        given = cost * self.interval
        if mark is not None:
            given = max(min(given, mark - now), 0)
        return min(tat, max(now, tat - given))

    def mark(self, tat: int, _: int) -> int:
        """What tells a charge from others: the state after it, until when it is owed."""
        return tat

    def remaining(self, tat: int, now: int) -> int:
        """How many are admitted now."""
        if tat >= BLOCKED:
            return 0 if self.wait(tat, now, 1) else self.burst
        return (
            max(self.tolerance - max(tat - now, 0), 0) // self.interval
        )  # a clock may be set back

    def until_reset(self, tat: int, now: int) -> int:
        """How long until it is as if nothing had been."""
        return max(tat - BLOCKED - now if tat >= BLOCKED else tat - now, 0)

    def until_more(self, tat: int, now: int) -> int:
        """How long until one more is admitted than now; 0 when all are."""
        debt = self.until_reset(tat, now)
        return debt if tat >= BLOCKED or not debt else self._more(debt)

    def figures(self, tat: int, now: int) -> tuple[int, int, int]:
        """`remaining`, `until_more` and `until_reset` at once: every answer tells them."""
        if now < tat < BLOCKED:
            debt = tat - now
            return max((self.tolerance - debt) // self.interval, 0), self._more(debt), debt
        return self.remaining(tat, now), self.until_more(tat, now), self.until_reset(tat, now)

    def _more(self, debt: int) -> int:
        """How long until one more; longer than one takes when the clock was set back."""
        return max(debt % self.interval or self.interval, debt - self.tolerance + self.interval)
