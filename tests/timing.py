"""Whether two kinds of request can be told apart by the time they take, in as few as it needs."""

from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from piccolo_api_fastapi import Users
from piccolo_api_fastapi.testing import auc, timing_auc

CHANCE = 0.44, 0.56
"""Where chance alone leaves a hundred of each, three times in four."""

LOOKS = 1, 4, 16
"""How many times the pairs have been measured at each look."""


async def told_apart(
    first: Callable[[], Awaitable[float]],
    second: Callable[[], Awaitable[float]],
    pairs: int = 100,
) -> float:
    """
    Measure, and where it seems that they differ, go on to four times as many, and then to
    sixteen times: a busy machine makes few measurements differ by chance.

    Args:
        first: Makes a request of one kind; returns how long the answer took.
        second: Likewise of the other.
        pairs: How many of each, to begin with.

    Returns:
        The area under the ROC curve of a guess by time: 0.5 tells nothing.
    """
    times: tuple[list[float], list[float]] = ([], [])
    kinds = noting(first, times[0]), noting(second, times[1])
    area = 0.0
    for look in LOOKS:
        await timing_auc(*kinds, look * pairs - len(times[0]))
        area = auc(*times)
        if CHANCE[0] <= area <= CHANCE[1]:
            break
    return area


def noting(
    ask: Callable[[], Awaitable[float]], times: list[float]
) -> Callable[[], Awaitable[float]]:
    """Makes the same request, and notes how long the answer took."""

    async def noted() -> float:
        times.append(await ask())
        return times[-1]

    return noted


def asks_of(pairs: int) -> int:
    """How often each kind is asked at most, with one request before the first look."""
    return 1 + pairs * LOOKS[-1]


async def add_users(users: Users[Any], addresses: Iterable[str]) -> None:
    """Add users without passwords, whose names are their addresses, in one statement."""
    password = users.passwords.column(None)
    rows = [
        users.table(username=address, email=address, active=True, password=password)
        for address in addresses
    ]
    await users.table.insert(*rows)
