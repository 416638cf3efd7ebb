"""
What an answer says of its limits.

`RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-10, section 4:
lists of strings with parameters, as RFC 9651 writes them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from piccolo_api_fastapi.clock import utcnow


class Standing(NamedTuple):
    """
    How a client stands with one limit.

    Attributes:
        name: What the limit is called.
        quota: How many it admits at once.
        window: In how many seconds.
        remaining: How many it admits now.
        more: Seconds until it admits more than now.
        reset: Seconds until it admits all.
    """

    name: str
    quota: int
    window: int
    remaining: int
    more: int
    reset: int


HeaderWriter: TypeAlias = Callable[[Sequence[Standing]], Mapping[str, str]]
"""Makes the headers from how a client stands with every limit of a request."""


def rate_limit_headers(standings: Sequence[Standing]) -> Mapping[str, str]:
    """
    `RateLimit-Policy` with every limit, and `RateLimit` with the one that is used up first.

    The time in the latter is that until there is more, not until there is all.
    """
    if len(standings) == 1:  # without the detours
        ((name, quota, window, remaining, more, _),) = standings
        return {
            "RateLimit-Policy": _policy(name, quota, window),
            "RateLimit": f'"{name}";r={remaining};t={more}',
        }
    policies = {name: _policy(name, quota, window) for name, quota, window, *_ in standings}
    least = tightest(standings)
    return {
        "RateLimit-Policy": ", ".join(policies.values()),
        "RateLimit": f'"{least.name}";r={least.remaining};t={least.more}',
    }


@lru_cache(maxsize=1024)
def _policy(name: str, quota: int, window: int) -> str:
    return f'"{name}";q={quota};w={window}'


def legacy_headers(standings: Sequence[Standing]) -> Mapping[str, str]:
    """The same, and `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds since 1970)."""
    least = tightest(standings)
    return {
        **rate_limit_headers(standings),
        "X-RateLimit-Limit": str(least.quota),
        "X-RateLimit-Remaining": str(least.remaining),
        "X-RateLimit-Reset": str(int(utcnow().timestamp()) + least.reset),
    }


def tightest(standings: Iterable[Standing]) -> Standing:
    """The one that admits least, and of those the one that does so longest."""
    first, *others = standings
    for other in others:
        if (other.remaining, -other.more) < (first.remaining, -first.more):
            first = other
    return first
