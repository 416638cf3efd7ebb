"""What a store does, and which one is asked."""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import repeat
from typing import Any, NamedTuple, Protocol, TypeAlias

from piccolo_api_fastapi.rate_limiting.algorithms.gcra import Rate
from piccolo_api_fastapi.rate_limiting.algorithms.strict_log import StrictRate

AnyRate: TypeAlias = Rate | StrictRate
State: TypeAlias = Any
"""A TAT or a log, as its rate has it."""

Marks: TypeAlias = Sequence[int]
"""One for each limit, by which a charge is known again."""


ADMITTED, REFUSED = True, False

REMEMBERED = 4096
"""Budgets, before those are forgotten that can be made again or count no more."""


class Verdict(NamedTuple):
    """
    What a store decided.

    Args:
        allowed: All limits admitted it, and were charged; or else none was.
        now: When, by the clock of the store.
        states: What each limit knows of the key since then.
        newest: When something was charged last, where other processes may do so; 0 if that is
            not known.
    """

    allowed: bool
    now: int
    states: Sequence[State]
    newest: int = 0


class Budget:
    """
    Limits that are charged together: all of them, or none.

    Budgets of equal scopes and limits are one, in every process that shares the store.

    Args:
        scope: What is limited.
        rates: How.

    Attributes:
        id: Tells it from others.
        most: The greatest cost that can ever be admitted.
        pace: In how many microseconds one comes back.
    """

    __slots__ = ("id", "most", "pace", "rates", "scope")

    def __init__(self, scope: str, rates: Sequence[AnyRate]) -> None:
        self.scope = scope
        self.rates = tuple(rates)
        self.most = min(rate.most for rate in rates)
        self.pace = max(rate.limit.period // rate.limit.amount for rate in rates)
        self.id = "|".join([scope, *(rate.tag for rate in rates)])


def digest(text: str) -> str:
    """32 characters that stand for a text, and do not tell it."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def row_name(budget: Budget, key: str) -> str:
    """What a budget knows of a key is called so where others can read it."""
    return digest(f"{len(budget.id)}|{budget.id}|{key}")  # no key reaches into another budget


def marks_of(budget: Budget, charge: Verdict) -> Marks:
    """What tells a charge from others, for each limit."""
    pairs = zip(budget.rates, charge.states, strict=True)
    return [rate.mark(state, charge.now) for rate, state in pairs]


class Store(Protocol):
    """Where the states are."""

    async def take(
        self,
        budget: Budget,
        key: str,
        cost: int = 1,
        marks: Marks | None = None,
        *,
        again: bool = False,
    ) -> Verdict:
        """
        Charge a budget, in one step that nothing comes between.

        Args:
            budget: Its limits.
            key: Whose.
            cost: How much; 0 looks and changes nothing, less gives back.
            marks: Of what is given back, see `marks_of`; without them it is the latest.
            again: Ask, whatever is remembered of a refusal a moment ago.

        Raises:
            StoreDown: It can't be asked.
            StoreBusy: Too many are asking it from here.
        """
        ...

    async def reset(self, budget: Budget, key: str) -> None:
        """
        Forget what is known of a key, a block included.

        Raises:
            StoreDown: It can't be asked.
            StoreBusy: Too many are asking it from here.
        """
        ...


class StoreDown(Exception):
    """The store does not answer."""


class StoreBusy(Exception):
    """The store may well be up, but our own line to it is full."""


def settle(
    budget: Budget, states: Sequence[State], now: int, cost: int, marks: Marks | None
) -> Verdict:
    """
    What follows from the states of a key: the rules, for stores that compute in Python.

    Args:
        budget: Its limits.
        states: What each limit knows of the key.
        now: The time.
        cost: As for `Store.take`.
        marks: The same.
    """
    pairs = list(zip(budget.rates, states, strict=True))
    if cost < 0:
        refunded = [
            rate.refund(state, now, -cost, mark)
            for (rate, state), mark in zip(pairs, marks or repeat(None), strict=False)
        ]
        return Verdict(ADMITTED, now, refunded)
    if not cost:
        allowed = all(rate.wait(state, now, 1) <= 0 for rate, state in pairs)
        return Verdict(allowed, now, states)
    charged = [rate.admit(state, now, cost) for rate, state in pairs]
    if None not in charged:
        return Verdict(ADMITTED, now, charged)
    refused = [
        rate.refuse(state, now) if after is None else state
        for (rate, state), after in zip(pairs, charged, strict=True)
    ]
    return Verdict(REFUSED, now, refused)
