"""The time that a job may take. Jobs work in rounds until it is used up."""

import itertools
import time
from collections.abc import Callable, Iterator


class Budget:
    """
    Seconds from now on, and what a job had to leave out for want of them.

    Args:
        seconds: How long the job may take.
        clock: Seconds of a clock that never goes back.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._begin = clock()
        self._until = self._begin + seconds
        self.left_out: list[str] = []

    @property
    def left(self) -> float:
        """The seconds that are left; 0 when they are used up."""
        return max(0.0, self._until - self._clock())

    @property
    def used(self) -> float:
        """The seconds since it began."""
        return self._clock() - self._begin

    def part(self, of_what_is_left: float) -> "Budget":
        """A budget of its own for a part of the job, with the same list of what was left out."""
        budget = Budget(self.left * of_what_is_left, self._clock)
        budget.left_out = self.left_out
        return budget

    def leave_out(self, what: str) -> None:
        """Print and record what could not be done in time."""
        print(f"  left out: {what}", flush=True)
        self.left_out.append(what)

    def rounds(self, least: int = 1) -> Iterator[int]:
        """The numbers of the rounds: at least one, then as long as another one fits."""
        longest = 0.0
        for number in itertools.count():
            if number >= least and self.left < longest:
                return
            begin = self._clock()
            yield number
            longest = max(longest, self._clock() - begin)
