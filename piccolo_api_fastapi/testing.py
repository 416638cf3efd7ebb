"""The kit for tests of applications: act as a user, stop the clock, hash cheaply, race."""

import asyncio
import gc
from base64 import b32decode
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from starlette.requests import HTTPConnection

from .access.guards import Guard
from .access.identity import Identity, UserT
from .access.step_up import PASSWORD, Factors
from .login.mfa.one_time_codes import Authenticator
from .mail.messages import LinkMessage, Message
from .rate_limiting import no_rate_limits
from .users.passwords.hasher import PasswordHasher, PBKDF2Hasher, replace_default_hasher

ResultT = TypeVar("ResultT")
MessageT = TypeVar("MessageT", bound=Message)

__all__ = [
    "FrozenClock",
    "Outbox",
    "acting_as",
    "assert_single_winner",
    "auc",
    "cheap_hasher",
    "cheap_hashing",
    "cheap_pbkdf2_hasher",
    "no_rate_limits",
    "race",
    "timing_auc",
    "totp_code",
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


def totp_code(uri: str, at: datetime) -> str:
    """
    What an authenticator app shows.

    Args:
        uri: The `otpauth_uri` that it was enrolled with.
        at: When, aware.
    """
    query = dict(parse_qsl(urlsplit(uri).query))
    secret, digits, period = b32decode(query["secret"]), query["digits"], query["period"]
    authenticator = Authenticator(secret, int(digits), int(period), query["algorithm"])
    return authenticator.code(authenticator.step(at))


@contextmanager
def acting_as(
    guard: Guard[UserT],
    user: UserT,
    *,
    scopes: Iterable[str] | None = None,
    factors: Factors | Iterable[str] = (PASSWORD,),
) -> Iterator[Identity[UserT]]:
    """
    Within it, every request that asks `guard` comes from `user`, without a login.

    What is made of the guard follows: `optional`, `require`, `Security` with scopes.

    Args:
        guard: The dependency that the application uses.
        user: Who.
        scopes: What they may do; by default what the flags of the user say.
        factors: What they have presented: the names of factors for just now, or when each.
    """
    flags = {"admin": user.admin, "superuser": user.superuser}
    granted = [name for name, is_set in flags.items() if is_set] if scopes is None else scopes
    now = guard.now()
    presented = factors if isinstance(factors, Mapping) else dict.fromkeys(factors, now)
    identity = Identity(user, "testing", uuid4(), frozenset(granted), now, presented)

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
        raise AssertionError(f"{len(winners)} of {n} callers won.")
    winner: ResultT = winners[0]
    return winner


class Outbox:
    """
    A `mail=` that keeps messages instead of sending them.

    Args:
        is_down: Whether it fails instead; it can be set at any time.
    """

    def __init__(self, *, is_down: bool = False) -> None:
        self.messages: list[Message] = []
        self.is_down = is_down

    async def __call__(self, message: Message) -> None:
        """
        Keep a message.

        Raises:
            ConnectionError: It is down.
        """
        if self.is_down:
            raise ConnectionError
        self.messages.append(message)

    def last(self, kind: type[MessageT]) -> MessageT:
        """
        The last message, which is of this kind.

        Raises:
            AssertionError: There is none, or it is another.
        """
        if not self.messages or not isinstance(self.messages[-1], kind):
            raise AssertionError(f"The last message is no {kind.__name__}: {self.messages[-1:]}")
        return self.messages[-1]

    def token(self, kind: type[LinkMessage]) -> str:
        """The secret in the link of the last message, which is of this kind."""
        return self.last(kind).link.partition("#token=")[2]


async def timing_auc(
    first: Callable[[], Awaitable[float]], second: Callable[[], Awaitable[float]], pairs: int = 200
) -> float:
    """
    How well one can tell two kinds of request by the time they take: 0.5 is not at all, 0 and 1
    are always. It is the area under the ROC curve of that guess.

    Args:
        first: Makes a request of one kind; returns how long the answer took.
        second: Likewise of the other.
        pairs: How many of each, in turn.
    """
    times: tuple[list[float], list[float]] = ([], [])
    asked = ((times[0], first), (times[1], second))
    gc.disable()
    try:
        for pair in range(pairs):
            # In turns, since each answer is followed by work that the next one may feel.
            for measured, ask in asked if pair % 2 else reversed(asked):
                measured.append(await ask())
    finally:
        gc.enable()
    return auc(*times)


def auc(first: Sequence[float], second: Sequence[float]) -> float:
    """
    How well one can tell two kinds of request by times that were measured: see `timing_auc`.

    Args:
        first: Of one kind.
        second: Of the other.
    """
    wins = sum((a < b) + (a == b) / 2 for a in first for b in second)
    return wins / (len(first) * len(second))
