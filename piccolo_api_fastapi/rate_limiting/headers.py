"""
The response headers of limits.

`RateLimit` and `RateLimit-Policy` are those of draft-ietf-httpapi-ratelimit-headers-10, section 4:
lists of strings with parameters, as RFC 9651 writes them.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from piccolo_api_fastapi.clock import utcnow


class Standing(NamedTuple):
    """
    What one limit has left for a client.

    ```python
    from piccolo_api_fastapi import Standing


    def remaining_only(standings: list[Standing]) -> dict[str, str]:
        return {"X-Remaining": str(min(standing.remaining for standing in standings))}
    ```

    Attributes:
        name: The limit, such as `10/minute`.
        quota: The number that the limit admits at once.
        window: The seconds in which the quota is refilled.
        remaining: The number that the limit admits now.
        more: The seconds until it admits more than now.
        reset: The seconds until it admits the whole quota.
    """

    name: str
    quota: int
    window: int
    remaining: int
    more: int
    reset: int


HeaderWriter: TypeAlias = Callable[[Sequence[Standing]], Mapping[str, str]]
"""Returns the response headers for the standings of a request's limits."""


def rate_limit_headers(standings: Sequence[Standing]) -> Mapping[str, str]:
    """
    Return `RateLimit-Policy` for all limits, and `RateLimit` for the one that is used up first.

    ```python
    from piccolo_api_fastapi import RateLimit, rate_limit_headers

    limit = RateLimit("10/minute", headers=rate_limit_headers)  # the default
    ```

    `t` in `RateLimit` is the time until more requests are admitted, not until all are.
    """
    if len(standings) == 1:  # the usual case, without the loops below
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
    """
    Return those of `rate_limit_headers`, and `X-RateLimit-Limit`, `-Remaining` and `-Reset`.

    ```python
    from piccolo_api_fastapi import RateLimit, legacy_headers

    limit = RateLimit("10/minute", headers=legacy_headers)
    ```

    `X-RateLimit-Reset` is in seconds since 1970.
    """
    least = tightest(standings)
    return {
        **rate_limit_headers(standings),
        "X-RateLimit-Limit": str(least.quota),
        "X-RateLimit-Remaining": str(least.remaining),
        "X-RateLimit-Reset": str(int(utcnow().timestamp()) + least.reset),
    }


def tightest(standings: Iterable[Standing]) -> Standing:
    """The standing with the least remaining, and the longest time until there is more."""
    first, *others = standings
    for other in others:
        if (other.remaining, -other.more) < (first.remaining, -first.more):
            first = other
    return first
