"""The interface of stores, and the rules of a charge."""

from collections.abc import Sequence
from hashlib import blake2b
from itertools import repeat
from typing import Any, NamedTuple, Protocol, TypeAlias

from piccolo_api_fastapi.rate_limiting.algorithms.gcra import Rate
from piccolo_api_fastapi.rate_limiting.algorithms.strict_log import StrictRate

AnyRate: TypeAlias = Rate | StrictRate
State: TypeAlias = Any
"""What a limit knows of a key: a TAT or a log."""

Marks: TypeAlias = Sequence[int]
"""Identifies a charge, by one number for each limit."""

LONGEST_KEY = 64
"""Characters; longer keys are stored as digests."""

ADMITTED, REFUSED = True, False

REMEMBERED = 4096
"""The number of budgets in a cache. Beyond it, those that can be made again are dropped."""


class Verdict(NamedTuple):
    """
    The decision of a store.

    Args:
        allowed: Whether all limits admitted the cost. Otherwise none was charged.
        now: The time of the decision, by the clock of the store.
        states: The state of the key in each limit afterwards.
        newest: The time of the last charge, if other processes use the store; otherwise 0.
    """

    allowed: bool
    now: int
    states: Sequence[State]
    newest: int = 0


class Budget:
    """
    Limits that are charged together or not at all.

    Budgets with equal scopes and limits share their counts, in all processes that use a store.

    Args:
        scope: The name of what is limited.
        rates: The limits.

    Attributes:
        id: The text that identifies the budget.
        most: The greatest cost that can ever be admitted.
        pace: The microseconds in which a cost of 1 is refilled.
    """

    __slots__ = ("id", "most", "pace", "rates", "scope")

    def __init__(self, scope: str, rates: Sequence[AnyRate]) -> None:
        self.scope = scope
        self.rates = tuple(rates)
        self.most = min(rate.most for rate in rates)
        self.pace = max(rate.limit.period // rate.limit.amount for rate in rates)
        self.id = "|".join([scope, *(rate.tag for rate in rates)])


def digest(text: str) -> str:
    """A digest of a text, of 32 characters."""
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def compact(key: str) -> str:
    """The form in which a key is stored: its text, or a digest if that is long."""
    text = str(key)
    return text if len(text) <= LONGEST_KEY else digest(text)


def row_name(budget: Budget, key: str) -> str:
    """The name of a key's states in a shared store. It reveals neither key nor budget."""
    return digest(
        f"{len(budget.id)}|{budget.id}|{key}"
    )  # the length keeps keys out of other budgets


def marks_of(budget: Budget, charge: Verdict) -> Marks:
    """The marks of a charge, which a refund needs."""
    pairs = zip(budget.rates, charge.states, strict=True)
    return [rate.mark(state, charge.now) for rate, state in pairs]


class Store(Protocol):
    """Holds the states of all keys. `MemoryStore`, `RedisStore` and `PiccoloStore` are stores."""

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
        Charge a budget in one atomic step.

        Args:
            budget: The budget to charge.
            key: The key to charge.
            cost: How much; 0 only reads, a negative cost refunds.
            marks: The marks of the charge to refund, or `None` for the latest.
            again: Whether to ask the server even if it refused the key a moment ago.

        Raises:
            StoreDown: The store does not answer.
            StoreBusy: This process has too many calls in progress.
        """
        ...

    async def reset(self, budget: Budget, key: str) -> None:
        """
        Forget a key and its block.

        Raises:
            StoreDown: The store does not answer.
            StoreBusy: This process has too many calls in progress.
        """
        ...


class StoreDown(Exception):
    """The store does not answer."""


class StoreBusy(Exception):
    """The store may be up, but this process has too many calls in progress."""


def settle(
    budget: Budget, states: Sequence[State], now: int, cost: int, marks: Marks | None
) -> Verdict:
    """
    Apply a charge to the states of a key, for stores that compute in Python.

    Args:
        budget: The budget to charge.
        states: The state of the key in each limit.
        now: The present time.
        cost: As for `Store.take`.
        marks: As for `Store.take`.
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
