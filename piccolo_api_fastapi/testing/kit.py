"""Tools for tests: act as a user, stop the clock, hash cheaply, capture mail, race."""

import asyncio
import gc
from base64 import b32decode
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlsplit
from uuid import uuid4

from starlette.requests import HTTPConnection

from piccolo_api_fastapi.access.guards import Guard
from piccolo_api_fastapi.access.identity import ACCOUNT, Identity, UserT
from piccolo_api_fastapi.access.step_up import PASSWORD, Factors
from piccolo_api_fastapi.login.mfa.one_time_codes import Authenticator
from piccolo_api_fastapi.mail.delivery import replace_mail
from piccolo_api_fastapi.mail.message import LinkMessage, Message
from piccolo_api_fastapi.users import Users
from piccolo_api_fastapi.users.passwords.hasher import (
    PasswordHasher,
    PBKDF2Hasher,
    replace_default_hasher,
)

ResultT = TypeVar("ResultT")
MessageT = TypeVar("MessageT", bound=Message)


class FrozenClock:
    """
    A clock that stands still until `advance` is called. Pass it as `clock=`.

    ```python
    from datetime import timedelta
    from piccolo_api_fastapi import Users
    from piccolo_api_fastapi.testing import FrozenClock

    clock = FrozenClock()
    users = Users(clock=clock)
    clock.advance(timedelta(days=1))
    ```

    Args:
        now: The time at the start, aware.
    """

    def __init__(self, now: datetime = datetime(2026, 1, 1, tzinfo=timezone.utc)) -> None:
        self.now = now

    def __call__(self) -> datetime:
        """Return the time."""
        return self.now

    def advance(self, by: timedelta) -> None:
        """Move the clock by a time, which may be negative."""
        self.now += by


def cheap_hasher() -> PasswordHasher:
    """
    Return an Argon2id hasher that takes less than a millisecond. Never use it in production.

    ```python
    from piccolo_api_fastapi import Users
    from piccolo_api_fastapi.testing import cheap_hasher

    users = Users(hasher=cheap_hasher())
    ```
    """
    return PasswordHasher(memory_kib=8, iterations=1, allow_weak=True)


def cheap_pbkdf2_hasher() -> PBKDF2Hasher:
    """
    Return a PBKDF2 hasher for the interop mode that is as fast. Never use it in production.

    ```python
    from piccolo_api_fastapi import Users
    from piccolo_api_fastapi.testing import cheap_pbkdf2_hasher

    users = Users(hasher=cheap_pbkdf2_hasher(), interop=True)
    ```
    """
    return PBKDF2Hasher(iterations=1, allow_weak=True)


@contextmanager
def cheap_hashing() -> Iterator[None]:
    """
    Return a context in which everything without its own hasher hashes cheaply.

    ```python
    from piccolo_api_fastapi import Users
    from piccolo_api_fastapi.testing import cheap_hashing

    with cheap_hashing():
        user = await Users().create("ada", "correct horse battery staple")
    ```
    """
    previous = replace_default_hasher(cheap_hasher())
    try:
        yield
    finally:
        replace_default_hasher(previous)


def totp_code(uri: str, at: datetime) -> str:
    """
    Return the code that an authenticator app shows.

    ```python
    from datetime import datetime, timezone
    from piccolo_api_fastapi.testing import totp_code

    uri = (
        "otpauth://totp/ada?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        "&digits=6&period=30&algorithm=SHA1"
    )
    code = totp_code(uri, datetime.now(timezone.utc))
    ```

    Args:
        uri: The `otpauth_uri` from the enrolment.
        at: The time, aware.
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
    permissions: Iterable[str] = (),
    factors: Factors | Iterable[str] = (PASSWORD,),
) -> Iterator[Identity[UserT]]:
    """
    Return a context in which every request that `guard` checks comes from `user`.

    ```python
    from fastapi import Depends, FastAPI
    from fastapi.testclient import TestClient
    from piccolo_api_fastapi import SessionAuth, User
    from piccolo_api_fastapi.testing import acting_as

    app, current_user = FastAPI(), SessionAuth()

    @app.get("/", dependencies=[Depends(current_user)])
    async def home() -> str:
        return "Hello!"

    with acting_as(current_user, User(id=1, username="ada", active=True)):
        assert TestClient(app).get("/").status_code == 200
    ```

    This includes guards made from it, by `optional`, `require`, or `Security` with scopes.

    Args:
        guard: The guard that the application uses.
        user: The user.
        scopes: The scopes of the credential. By default, those that the user has: `account`, those
            of the flags, those from `Users(scopes_of=…)`, and the permissions of their roles.
        permissions: Permissions that the credential has besides, as if by a role.
        factors: The factors presented: names for factors presented now, or a time for each.
    """
    flags = {ACCOUNT: True, "admin": user.admin, "superuser": user.superuser}
    granted = [name for name, is_set in flags.items() if is_set] if scopes is None else scopes
    added = frozenset(permissions)
    now = guard.now()
    presented = factors if isinstance(factors, Mapping) else dict.fromkeys(factors, now)
    identity = Identity(user, "testing", uuid4(), frozenset(granted) | added, now, presented)

    async def find(_: HTTPConnection) -> Identity[UserT]:
        if scopes is not None:
            return identity
        return replace(identity, scopes=await _scopes_of(guard, user) | added)

    patched: Any = guard
    patched.find = find
    try:
        yield identity
    finally:
        del patched.find


async def _scopes_of(guard: Guard[UserT], user: UserT) -> frozenset[str]:
    """Return the scopes of a user by the first scheme that knows its users."""
    owners = (getattr(scheme, "users", None) for scheme in guard.schemes)
    users: Any = next(filter(None, owners), None) or Users(type(user))
    scopes: frozenset[str] = await users.scopes_of(user)
    return scopes


async def race(call: Callable[[], Awaitable[ResultT]], n: int = 24) -> list[ResultT | Exception]:
    """
    Call a function several times concurrently.

    ```python
    from piccolo_api_fastapi.testing import race

    async def call() -> int:
        return 1

    assert await race(call, n=3) == [1, 1, 1]
    ```

    Args:
        call: The async function.
        n: The number of calls.

    Returns:
        The result of each call, or the exception that it raised.
    """
    return await asyncio.gather(*(call() for _ in range(n)), return_exceptions=True)  # type: ignore[return-value]


async def assert_single_winner(call: Callable[[], Awaitable[ResultT]], n: int = 24) -> ResultT:
    """
    Call a function several times concurrently, and assert that exactly one call succeeds.

    ```python
    from piccolo_api_fastapi.testing import assert_single_winner

    coupons = ["summer"]

    async def redeem() -> str | None:
        return coupons.pop() if coupons else None

    assert await assert_single_winner(redeem) == "summer"
    ```

    Args:
        call: The async function. A call succeeds if it returns something truthy.
        n: The number of calls.

    Returns:
        The result of the call that succeeded.

    Raises:
        AssertionError: No call succeeded, or more than one did.
    """
    results: list[Any] = await race(call, n)
    winners = [result for result in results if result and not isinstance(result, BaseException)]
    if len(winners) != 1:
        raise AssertionError(f"{len(winners)} of {n} calls succeeded, not one.")
    winner: ResultT = winners[0]
    return winner


class Outbox:
    """
    Keeps messages instead of sending them. Pass it as `mail=`.

    ```python
    from piccolo_api_fastapi import Accounts
    from piccolo_api_fastapi.testing import Outbox

    outbox = Outbox()
    accounts = Accounts(mail=outbox, base_url="https://example.com")
    assert outbox.messages == []
    ```

    Args:
        is_down: Whether sending fails. It can be changed at any time.
    """

    at_once = True

    def __init__(self, *, is_down: bool = False) -> None:
        self.messages: list[Message] = []
        self.is_down = is_down

    async def __call__(self, message: Message) -> None:
        """
        Keep a message.

        Raises:
            ConnectionError: `is_down` is set.
        """
        if self.is_down:
            raise ConnectionError
        self.messages.append(message)

    def last(self, kind: type[MessageT]) -> MessageT:
        """
        Return the last message, and assert that it is of this class.

        Args:
            kind: The class of the message.

        Raises:
            AssertionError: There is no message, or the last one is of another class.
        """
        if not self.messages or not isinstance(self.messages[-1], kind):
            raise AssertionError(f"The last message is not a {kind.__name__}: {self.messages[-1:]}")
        return self.messages[-1]

    def token(self, kind: type[LinkMessage]) -> str:
        """Return the secret in the link of the last message, which must be of this class."""
        return self.last(kind).link.partition("#token=")[2]


@contextmanager
def captured_mail() -> Iterator[Outbox]:
    """
    Return a context in which an `Outbox` keeps all messages of the process.

    Use it for an application that is built when its module is imported, with the `mail=` of
    production.

    ```python
    from piccolo_api_fastapi.testing import captured_mail

    with captured_mail() as outbox:
        assert outbox.messages == []
    ```
    """
    outbox = Outbox()
    previous = replace_mail(outbox)
    try:
        yield outbox
    finally:
        replace_mail(previous)


async def timing_auc(
    first: Callable[[], Awaitable[float]], second: Callable[[], Awaitable[float]], pairs: int = 200
) -> float:
    """
    Measure whether two kinds of request can be told apart by their response times.

    ```python
    from piccolo_api_fastapi.testing import timing_auc

    async def unknown_user() -> float:
        return 0.1  # the seconds that a request took

    assert await timing_auc(unknown_user, unknown_user, pairs=5) == 0.5
    ```

    Args:
        first: Makes a request of the first kind, and returns the time that it took.
        second: Makes a request of the second kind, and returns the time that it took.
        pairs: The number of requests of each kind, in turn.

    Returns:
        The area under the ROC curve: 0.5 if the times do not differ, 0 or 1 if they always do.
    """
    times: tuple[list[float], list[float]] = ([], [])
    asked = ((times[0], first), (times[1], second))
    gc.disable()
    try:
        for pair in range(pairs):
            # Alternate, since background work of a request may slow down the next one.
            for measured, ask in asked if pair % 2 else reversed(asked):
                measured.append(await ask())
    finally:
        gc.enable()
    return auc(*times)


def auc(first: Sequence[float], second: Sequence[float]) -> float:
    """
    Compute whether two kinds of request can be told apart by measured times; see `timing_auc`.

    ```python
    from piccolo_api_fastapi.testing import auc

    assert auc([0.1, 0.2], [0.3, 0.4]) == 1
    ```

    Args:
        first: The times of the first kind.
        second: The times of the second kind.
    """
    wins = sum((a < b) + (a == b) / 2 for a in first for b in second)
    return wins / (len(first) * len(second))
