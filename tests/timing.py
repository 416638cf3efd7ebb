"""Whether two kinds of request can be told apart by the time they take, in as few as it needs."""

from collections.abc import Awaitable, Callable

from piccolo_api_fastapi.testing import timing_auc

CHANCE = 0.44, 0.56
"""Where chance alone leaves a hundred of each, three times in four."""

LOOKS = 1, 4, 16
"""How many times the pairs are measured in each look."""


async def told_apart(
    first: Callable[[], Awaitable[float]],
    second: Callable[[], Awaitable[float]],
    pairs: int = 100,
) -> float:
    """
    Measure, and where it seems that they differ, measure four times as many more, and then
    sixteen times: a busy machine makes few measurements differ by chance.

    Args:
        first: Makes a request of one kind; returns how long the answer took.
        second: Likewise of the other.
        pairs: How many of each, to begin with.

    Returns:
        The area under the ROC curve of a guess by time: 0.5 tells nothing.
    """
    area = 0.0
    for look in LOOKS:
        area = await timing_auc(first, second, look * pairs)
        if CHANCE[0] <= area <= CHANCE[1]:
            break
    return area


def asks_of(pairs: int) -> int:
    """How often each kind is asked at most, with one request before the first look."""
    return 1 + pairs * sum(LOOKS)
