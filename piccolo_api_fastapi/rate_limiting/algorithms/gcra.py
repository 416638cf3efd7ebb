"""
GCRA, the default algorithm: its state is one number for each key.

The generic cell rate algorithm (ITU-T I.371) keeps the *theoretical arrival time* (TAT): when the
key would be as if it had never been used. A request of cost `c` moves it `c` intervals on, and is
refused if the result is more than the tolerance ahead of now. Times are whole microseconds.

The Lua script of `RedisStore` and the SQL of `PiccoloStore` repeat these rules, because a charge
is one step of the server.
"""

from .grammar import Limit

BLOCKED = 5 * 10**15
"""A TAT of at least this is the end of a block plus this. It is a time in June 2128: other TATs
reach it earlier by at most the tolerance of their limit."""


class Rate:
    """
    A limit by GCRA. The state of a key is its TAT.

    Args:
        limit: The number and the period.
        burst: The number that is admitted at once, by default that of the limit.
        block: The microseconds for which a key is refused after a refusal, or 0.

    Attributes:
        interval: The microseconds that a cost of 1 adds, rounded up so that the limit holds.
        tolerance: The microseconds that the TAT may be ahead of now.
        most: The greatest cost that can ever be admitted.
        life: The microseconds after which an unchanged state equals that of a fresh key.
        tag: The text that distinguishes the states of this limit from those of others.
        name: The name in headers.
        window: The microseconds in which a whole burst is refilled.
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
    """The state of an unknown key."""

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
        """The time until `cost` is admitted; 0 or less if it is admitted now."""
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
        """The state after a refusal, which starts a block but never extends one."""
        return BLOCKED + now + self.block if self.block and tat < BLOCKED else tat

    def refund(self, tat: int, now: int, cost: int, mark: int | None) -> int:
        """
        The state after the refund of a charge. A block is not shortened.

        Only the part that has not been refilled by now is refunded; other requests may have used
        the rest.

        Args:
            tat: The state.
            now: The present time.
            cost: The cost of the charge.
            mark: The mark of the charge, or `None` if it is unknown.
        """
        if tat >= BLOCKED:
            return tat
        given = cost * self.interval
        if mark is not None:
            given = max(min(given, mark - now), 0)
        return min(tat, max(now, tat - given))

    def mark(self, tat: int, _: int) -> int:
        """The mark of a charge: the state after it, which is when it is refilled."""
        return tat

    def remaining(self, tat: int, now: int) -> int:
        """How much is admitted now."""
        if tat >= BLOCKED:
            return 0 if self.wait(tat, now, 1) else self.burst
        return (
            max(self.tolerance - max(tat - now, 0), 0) // self.interval
        )  # a clock may be set back

    def until_reset(self, tat: int, now: int) -> int:
        """The time until the state equals that of a fresh key."""
        return max(tat - BLOCKED - now if tat >= BLOCKED else tat - now, 0)

    def until_more(self, tat: int, now: int) -> int:
        """The time until one more is admitted than now; 0 if all are."""
        debt = self.until_reset(tat, now)
        return debt if tat >= BLOCKED or not debt else self._more(debt)

    def figures(self, tat: int, now: int) -> tuple[int, int, int]:
        """`remaining`, `until_more` and `until_reset` at once, for the headers of responses."""
        if now < tat < BLOCKED:
            debt = tat - now
            return max((self.tolerance - debt) // self.interval, 0), self._more(debt), debt
        return self.remaining(tat, now), self.until_more(tat, now), self.until_reset(tat, now)

    def _more(self, debt: int) -> int:
        """As `until_more`. Longer than an interval if the clock was set back."""
        return max(debt % self.interval or self.interval, debt - self.tolerance + self.interval)
