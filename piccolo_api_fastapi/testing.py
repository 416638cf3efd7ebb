"""The kit for tests of applications: act as a user, stop the clock, hash cheaply, race."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar
from uuid import uuid4

from starlette.requests import HTTPConnection

from .clock import utcnow
from .guards import Guard
from .identity import Identity, UserT
from .passwords import PasswordHasher, PBKDF2Hasher, replace_default_hasher
from .rate_limiting import no_rate_limits

ResultT = TypeVar("ResultT")

__all__ = [
    "FrozenClock",
    "acting_as",
    "assert_single_winner",
    "cheap_hasher",
    "cheap_hashing",
    "cheap_pbkdf2_hasher",
    "no_rate_limits",
    "race",
]


class FrozenClock:
    """
    A clock that stands still until it is told to move; give it as `clock=`.

    Args:
        now: Where it starts, aware.
    """

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=timezone.utc)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """The time it stands at."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """Move it on, or back."""
        self.now += by


def cheap_hasher() -> PasswordHasher:
    """Argon2id in under a millisecond. Never store what it makes."""
    return PasswordHasher(memory_kib=8, iterations=1, allow_weak=True)


def cheap_pbkdf2_hasher() -> PBKDF2Hasher:
    """The same for the interop mode."""
    return PBKDF2Hasher(iterations=1, allow_weak=True)


@contextmanager
def cheap_hashing() -> Iterator[None]:
    """Within it, everything that was not given a hasher hashes cheaply."""
    previous = replace_default_hasher(cheap_hasher())
    try:
        yield
    finally:
        replace_default_hasher(previous)


@contextmanager
def acting_as(
    guard: Guard[UserT], user: UserT, *, scopes: Iterable[str] | None = None
) -> Iterator[Identity[UserT]]:
    """
    Within it, every request that asks `guard` comes from `user`, without a login.

    What is made of the guard follows: `optional`, `require`, `Security` with scopes.

    Args:
        guard: The dependency that the application uses.
        user: Who.
        scopes: What they may do; by default what the flags of the user say.
    """
    flags = {"admin": user.admin, "superuser": user.superuser}
    granted = [name for name, is_set in flags.items() if is_set] if scopes is None else scopes
    identity = Identity(user, "testing", uuid4(), frozenset(granted), utcnow())

    async def find(_: HTTPConnection) -> Identity[UserT]:
        return identity

    patched: Any = guard
    patched.find = find
    try:
        yield identity
    finally:
        del patched.find


async def race(call: Callable[[], Awaitable[ResultT]], n: int = 24) -> list[ResultT | Exception]:
    """
    Call `n` times at once.

    Returns:
        What each call returned, or the exception it raised.
    """
    return await asyncio.gather(*(call() for _ in range(n)), return_exceptions=True)  # type: ignore[return-value]


async def assert_single_winner(call: Callable[[], Awaitable[ResultT]], n: int = 24) -> ResultT:
    """
    Call `n` times at once; exactly one may succeed.

    Args:
        call: Returns something true when it wins; raises, or returns something false, when not.
        n: How many at once.

    Returns:
        What the winner got.

    Raises:
        AssertionError: None won, or more than one.
    """
    results: list[Any] = await race(call, n)
    winners = [result for result in results if result and not isinstance(result, BaseException)]
    if len(winners) != 1:
        msg = f"{len(winners)} of {n} callers won."
        raise AssertionError(msg)
    winner: ResultT = winners[0]
    return winner
