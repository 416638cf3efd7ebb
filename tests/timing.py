"""Whether two kinds of request can be told apart by the time they take, in as few as it needs."""

from collections.abc import Awaitable, Callable

from piccolo_api_fastapi.testing import timing_auc

CHANCE = 0.44, 0.56
"""Where chance alone leaves a hundred of each, three times in four."""


async def told_apart(
    first: Callable[[], Awaitable[float]],
    second: Callable[[], Awaitable[float]],
    pairs: int = 100,
) -> float:
    """
    Measure, and where it seems that they differ, measure four times as many more, and then as
    many again: a busy machine makes few measurements differ by chance.

    Args:
        first: Makes a request of one kind; returns how long the answer took.
        second: Likewise of the other.
        pairs: How many of each, to begin with.

    Returns:
        The area under the ROC curve of a guess by time: 0.5 tells nothing.
    """
    area = await timing_auc(first, second, pairs)
    if CHANCE[0] <= area <= CHANCE[1]:
        return area
    area = await timing_auc(first, second, 4 * pairs)
    if CHANCE[0] <= area <= CHANCE[1]:
        return area
    return await timing_auc(first, second, 4 * pairs)
