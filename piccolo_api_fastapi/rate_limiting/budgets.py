"""Budgets, which stores charge, from limits such as `10/minute`."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, TypeAlias

from fastapi import params

from piccolo_api_fastapi.errors import ConfigurationError

from .algorithms.gcra import Rate
from .algorithms.grammar import LONGEST, SECOND, Limit, parse
from .algorithms.strict_log import MAXIMUM, StrictRate
from .stores.store import REMEMBERED, AnyRate, Budget

Limits: TypeAlias = str | Sequence[str]
"""One limit string, or several."""

LONGEST_BLOCK = 366 * 24 * 3600 * SECOND


class Budgets:
    """
    The budgets of one `RateLimit`, one for each scope and set of limits.

    Args:
        burst: As for `RateLimit`.
        block: As for `RateLimit`.
        strict: As for `RateLimit`.

    Raises:
        ConfigurationError: `burst` is below 1, or was given with `strict`.
    """

    def __init__(self, burst: int | None, block: timedelta | None, *, strict: bool) -> None:
        self._burst = burst
        self._strict = strict
        self._block = 0 if block is None else block // timedelta(microseconds=1)
        self._made: dict[tuple[Limits, str], Budget] = {}
        if burst is not None and (strict or burst < 1):
            raise ConfigurationError(
                f"burst is {burst}; use 1 or more, and omit it with strict=True."
            )

    def source(self, limits: Sequence[Any]) -> Any:
        """
        The limit strings of a `RateLimit`, or the function or dependency that returns them.

        Raises:
            ConfigurationError: The arguments are neither.
        """
        if limits and all(isinstance(limit, str) for limit in limits):
            self.of(tuple(limits), "")
            return tuple(limits)
        if len(limits) == 1 and (callable(limits[0]) or isinstance(limits[0], params.Depends)):
            return limits[0]
        raise ConfigurationError(
            "RateLimit takes strings such as '10/minute', or one function or dependency."
        )

    def of(self, limits: Limits, scope: str) -> Budget:
        """
        The budget of a scope.

        Args:
            limits: The limits.
            scope: The name of what is limited.

        Raises:
            ConfigurationError: A limit can't be parsed, or contradicts the other settings.
        """
        limits = limits if isinstance(limits, str) else tuple(limits)
        if (budget := self._made.get((limits, scope))) is None:
            if len(self._made) >= REMEMBERED:
                self._made.clear()
            budget = self._made[limits, scope] = Budget(scope, self._rates(limits))
        return budget

    def _rates(self, limits: Limits) -> list[AnyRate]:
        texts = (limits,) if isinstance(limits, str) else limits
        parsed = [limit for text in texts for limit in parse(text)]
        if len(set(parsed)) < len(parsed):
            raise ConfigurationError(f"A limit occurs twice in {', '.join(texts)!r}; remove one.")
        shortest = min(parsed, key=lambda limit: limit.period)
        return [
            self._strict_rate(limit)
            if self._strict
            else self._rate(limit, self._burst if limit is shortest else None)
            for limit in parsed
        ]

    def _rate(self, limit: Limit, burst: int | None) -> Rate:
        rate = Rate(limit, burst, self._block)
        if rate.tolerance > LONGEST:
            raise ConfigurationError(
                f"A burst of {burst} takes longer than 100 years to refill at {limit}; use less."
            )
        self._check_block(limit, rate.tolerance)
        return rate

    def _strict_rate(self, limit: Limit) -> StrictRate:
        if limit.amount > MAXIMUM:
            raise ConfigurationError(
                f"{limit} is too large for strict=True, use {MAXIMUM} or less."
            )
        self._check_block(limit, limit.period)
        return StrictRate(limit, self._block)

    def _check_block(self, limit: Limit, window: int) -> None:
        if 0 < self._block < window or self._block > LONGEST_BLOCK:
            raise ConfigurationError(
                f"block must be {window / SECOND:g} s or more for {limit}, and at most 366 days."
            )
