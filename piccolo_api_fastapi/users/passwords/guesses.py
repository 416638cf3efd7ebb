"""Limits on password guesses: one at a time per account, with longer waits after failures."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, TypeAlias

from piccolo.engine.sqlite import SQLiteEngine
from piccolo.table import Table

from piccolo_api_fastapi.clock import Clock
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.core.database.failure_counters import (
    FREE_FAILURES,
    MOST_FAILURES,
    wait_after,
)
from piccolo_api_fastapi.core.database.transactions import engine_of
from piccolo_api_fastapi.core.events.events import AuthEvent, emit
from piccolo_api_fastapi.errors import HasherBusy, InvalidCredentials, Unavailable

LEASE = 15_000
"""Milliseconds that the check of a guess may take. After them its process counts as dead."""

PATIENCE = 5.0
"""Seconds that a guess waits for earlier guesses at the same account."""

ASK_EVERY = 0.02
"""Seconds between two looks at whether another process has finished its check."""

Outcome: TypeAlias = Literal["right", "wrong", "not tried"]


@dataclass(frozen=True, slots=True)
class Guess:
    """
    One guess at a password.

    Args:
        key: The digest of the name that it counts for.
        user: The primary key of the user, if the user exists.
        is_admitted: Whether the password is checked. If not, the guess is refused unchecked.
        failures: The number of failures in a row, including this guess.
        lease: The time by which the check must end, in milliseconds since 1970.
    """

    key: str
    user: Any
    is_admitted: bool
    failures: int
    lease: int


class _Lock(asyncio.Lock):
    """A lock that knows how many hold it or wait."""

    users = 0


class KeyedLocks:
    """A lock for each key and event loop, kept as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: dict[tuple[int, str], _Lock] = {}

    @asynccontextmanager
    async def hold(self, key: str, patience: float) -> AsyncIterator[None]:
        """
        Hold the lock of a key.

        Args:
            key: The key, such as the name that is being guessed at.
            patience: Seconds to wait for it.

        Raises:
            HasherBusy: The lock could not be acquired within `patience` seconds.
        """
        name = (id(asyncio.get_running_loop()), key)
        lock = self._locks.setdefault(name, _Lock())
        lock.users += 1
        try:
            await _acquire(lock, patience)
            try:
                yield
            finally:
                lock.release()
        finally:
            lock.users -= 1
            if not lock.users:
                del self._locks[name]


async def _acquire(lock: asyncio.Lock, patience: float) -> None:
    """
    Acquire a lock in time. `asyncio.wait_for` may lose one that comes as its caller is cancelled
    (python/cpython#86296), and nobody would get it again.
    """
    acquiring = asyncio.ensure_future(lock.acquire())
    try:
        await asyncio.wait({acquiring}, timeout=patience)
    except asyncio.CancelledError:
        if not acquiring.cancel():  # it came at this very moment
            lock.release()
        raise
    if acquiring.cancel():
        raise HasherBusy


class PasswordGuesses:
    """
    Counts wrong passwords in the database, so that a restart does not reset the counts.

    One statement counts each guess as wrong before it is checked; a right one resets the count.
    Guesses at one account are checked one after another, across all processes. Otherwise
    simultaneous right guesses would count as wrong ones.

    Args:
        table: The `PasswordFailures` table.
        users: The user table.
        clock: Returns the present time.
    """

    def __init__(self, table: type[Table], users: type[Table], clock: Clock) -> None:
        self._table: Any = table
        self._clock = clock
        self._locks = KeyedLocks()
        self._users = users

    @asynccontextmanager
    async def attempt(self, name: str, user: Any) -> AsyncIterator[Guess]:
        """
        Count a guess; the block checks it and raises `InvalidCredentials` if it is wrong.

        Args:
            name: The name that it counts for: an account, an unknown name or a known browser.
            user: The primary key of the user, if the user exists.

        Raises:
            HasherBusy: Too many guesses for this name are being checked.
        """
        key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        async with self._locks.hold(key, PATIENCE):
            guess = await self._in_turn(key, user)
            try:
                yield guess
            except Unavailable:
                await self._settle(guess, "not tried")
                raise
            except BaseException as error:  # also when the client disconnects
                await self._settle(guess, "wrong")
                if guess.is_admitted and isinstance(error, InvalidCredentials):
                    await self._tell_failure(guess)
                raise
            await self._settle(guess, "right")
            await self._tell_success(guess)

    async def forgive(self, user: Any) -> int:
        """Delete all failure counts of a user. Returns how many there were."""
        table = self._table
        return len(await table.delete().where(table.user == user).returning(table.key))

    async def _tell_failure(self, guess: Guess) -> None:
        data: dict[str, Any] = {"failures": guess.failures}
        if guess.failures >= MOST_FAILURES:
            await self._tell("authn_login_lock", guess, {**data, "reason": "maxretries"})
        elif guess.failures >= FREE_FAILURES:
            await self._tell("authn_login_fail_max", guess, data)

    async def _tell_success(self, guess: Guess) -> None:
        if guess.failures > FREE_FAILURES:
            data = {"failures": guess.failures - 1}
            await self._tell("authn_login_successafterfail", guess, data)

    async def _tell(self, name: str, guess: Guess, data: dict[str, Any]) -> None:
        await emit(AuthEvent(name, self._clock(), guess.user, data))

    async def _in_turn(self, key: str, user: Any) -> Guess:
        """Count a guess as wrong as soon as no other process is checking one."""
        loop = asyncio.get_running_loop()
        patient_until = loop.time() + PATIENCE
        while True:
            now = _milliseconds(self._clock())
            row = await self._count(key, user, now)
            if row["is_admitted"] or row["checking_until"] <= now:
                return Guess(key, user, bool(row["is_admitted"]), row["failed_count"], now + LEASE)
            if loop.time() >= patient_until:
                raise HasherBusy
            await asyncio.sleep(ASK_EVERY)

    async def _count(self, key: str, user: Any, now: int) -> dict[str, Any]:
        statement = _reserve_sql(self._table, self._users)
        rows = await self._table.raw(statement, key, user, now + LEASE, now)
        return dict(rows[0])

    async def _settle(self, guess: Guess, outcome: Outcome) -> None:
        if not guess.is_admitted:
            return
        table = self._table
        values: dict[Any, Any] = {table.checking_until: 0}
        mine = table.checking_until == guess.lease
        if outcome != "wrong":
            values[table.waits_until] = 0
            values[table.failed_count] = 0 if outcome == "right" else table.failed_count - 1
        await table.update(values).where(table.key == guess.key, mine)


async def delete_old_guesses(table: Any, *, now: datetime, batch: int = 500) -> int:
    """
    Delete counts that no longer matter. Returns the number of rows.

    ```python
    from piccolo_api_fastapi import auth_tables, delete_old_guesses
    from piccolo_api_fastapi.clock import utcnow

    deleted = await delete_old_guesses(auth_tables().password_failures, now=utcnow())
    ```
    """
    return await delete_expired_rows(table, now=now, batch=batch)


def _milliseconds(now: datetime) -> int:
    return int(now.timestamp() * 1000)


def _reserve_sql(table: type[Table], users: type[Table]) -> str:
    """
    The statement that counts a guess as wrong or refuses it, and returns which.

    Its values are the key, the user, the end of the lease and the present time.
    """
    name = table._meta.get_formatted_tablename()
    owner = users._meta.get_formatted_tablename()
    primary = users._meta.primary_key._meta.db_column_name
    # A user who is being deleted counts as unknown. SQLite has one writer at a time.
    lock = "" if isinstance(engine_of(table), SQLiteEngine) else " FOR KEY SHARE"
    now, count = 'excluded."changed_at"', 'g."failed_count" + 1'
    may = (
        f'g."waits_until" <= {now} AND g."checking_until" <= {now} '
        f'AND g."failed_count" < {MOST_FAILURES}'
    )
    return (
        f'INSERT INTO {name} AS g ("key", "user", "failed_count", "waits_until", '  # noqa: S608 - our own
        '"checking_until", "is_admitted", "changed_at") '
        f'VALUES ({{}}, (SELECT "{primary}" FROM {owner} WHERE "{primary}" = {{}}{lock}), '
        '1, 0, {}, TRUE, {}) ON CONFLICT ("key") DO UPDATE SET '
        f'"is_admitted" = ({may}), '
        f'"failed_count" = CASE WHEN {may} THEN {count} ELSE g."failed_count" END, '
        f'"waits_until" = CASE WHEN {may} THEN {wait_after(count, now)} ELSE g."waits_until" END, '
        f'"checking_until" = CASE WHEN {may} THEN excluded."checking_until" '
        'ELSE g."checking_until" END, '
        f'"changed_at" = CASE WHEN {may} THEN {now} ELSE g."changed_at" END '
        'RETURNING "is_admitted", "failed_count", "checking_until"'
    )
