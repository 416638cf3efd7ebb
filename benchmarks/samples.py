"""Samples of interleaved rounds: medians, spread, and ratios of the same round."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Figure:
    """
    A median with its spread.

    Args:
        median: Of all samples.
        spread: Half the distance between the quartiles, as a part of the median.
        count: How many samples.
    """

    median: float
    spread: float
    count: int


def figure(samples: Sequence[float]) -> Figure:
    """The median of samples."""
    median = statistics.median(samples)
    if len(samples) < 2 or median == 0:
        return Figure(median, 0.0, len(samples))
    low, _, high = statistics.quantiles(samples, n=4, method="inclusive")
    return Figure(median, (high - low) / 2 / median, len(samples))


def ratio(one: Sequence[float], other: Sequence[float]) -> Figure:
    """The median of the ratios of the same round, which the machine slowed down alike."""
    return figure([a / b for a, b in zip(one, other, strict=True)])


def paired(one: Mapping[str, float], other: Mapping[str, float]) -> Figure:
    """
    The same, of samples by the number of their round: of the rounds that both were in.

    Raises:
        KeyError: There is none.
    """
    both = one.keys() & other.keys()
    if not both:
        raise KeyError("rounds")
    return ratio([one[number] for number in both], [other[number] for number in both])


def percentile(samples: Sequence[float], part: float) -> float:
    """The smallest sample that this part of them does not exceed."""
    ordered = sorted(samples)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def as_json(value: Figure, digits: int = 4) -> dict[str, Any]:
    """For the results file."""
    return {
        name: round(number, digits) if isinstance(number, float) else number
        for name, number in asdict(value).items()
    }
