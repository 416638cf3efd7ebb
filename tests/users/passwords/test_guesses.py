"""Wrong passwords: counted in the database, waited for, forgiven."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AuthEvent,
    PasswordFailures,
    User,
    Users,
    delete_old_guesses,
)
from piccolo_api_fastapi.errors import HasherBusy, InvalidCredentials, StoreUnavailable
from piccolo_api_fastapi.testing import FrozenClock, race
from piccolo_api_fastapi.users.lookup import UserLookup
from piccolo_api_fastapi.users.passwords.guesses import KeyedLocks
from piccolo_api_fastapi.users.passwords.hasher import PasswordHasher
from tests.commands import command
from tests.conftest import PASSWORD, log_in, new_client

SECOND = timedelta(seconds=1)


async def is_right(users: Users[Any], name: str, password: str, **options: Any) -> bool:
    """Whether a password is taken for right."""
    try:
        await users.verify(name, password, **options)
    except InvalidCredentials:
        return False
    return True


async def fail(users: Users[Any], clock: FrozenClock, times: int, name: str = "ada") -> None:
    """Guess wrongly, each time as soon as that is looked at."""
    for _ in range(times):
        assert not await is_right(users, name, "wrong")
        clock.advance(timedelta(minutes=15))


async def count(name: str = "ada") -> int:
    """How many failures are counted for a user."""
    rows = await PasswordFailures.select(PasswordFailures.failed_count).where(
        PasswordFailures.user.username == name
    )
    return sum(row["failed_count"] for row in rows)


@pytest.mark.security(94)
async def test_growing_waits(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """Four wrong ones cost no wait; from the fifth on it doubles, from a second to 15 minutes."""
    for _ in range(4):
        assert not await is_right(users, "ada", "wrong")
    assert await is_right(users, "ada", PASSWORD)
    assert await count() == 0
    for _ in range(4):
        await is_right(users, "ada", "wrong")
    for wait in (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900):
        assert not await is_right(users, "ada", "wrong")
        clock.advance(timedelta(seconds=wait) - timedelta(milliseconds=1))
        assert not await is_right(users, "ada", PASSWORD)
        clock.advance(timedelta(milliseconds=1))
    assert await count() == 16
    assert await is_right(users, "ada", PASSWORD)
    assert await count() == 0


@pytest.mark.security(15)
@pytest.mark.security(94)
@pytest.mark.usefixtures("unlimited")
async def test_a_hundred_in_a_row(
    app: FastAPI, users: Users[User], ada: User, clock: FrozenClock, events: list[AuthEvent]
) -> None:
    """
    The hundredth locks the account, for cookies and tokens alike, and no waiting helps; the
    answer is that to any wrong password. An administrator, or a new password, unlocks.
    """
    await fail(users, clock, 100)
    assert await count() == 100
    clock.advance(timedelta(days=365))
    async with new_client(app) as client:
        locked, unknown = await log_in(client), await log_in(client, "nobody", "wrong")
        assert (locked.status_code, locked.content) == (401, unknown.content)
        assert locked.headers == unknown.headers
        form = {"grant_type": "password", "username": "ada", "password": PASSWORD}
        assert (await client.post("/auth/token", data=form)).status_code == 400
    assert await count() == 100
    await users.unlock(ada)
    await users.unlock(ada)  # there is nothing left to forget
    assert await is_right(users, "ada", PASSWORD)
    await fail(users, clock, 100)
    await users.set_password(ada, "another horse battery")
    assert await is_right(users, "ada", "another horse battery")
    names = Counter(event.name for event in events)
    assert names["authn_login_lock"] == 2
    assert names["authn_login_fail_max"] == 2 * 95
    assert names["authn_login_unlock"] == 1
    lock = next(event for event in events if event.name == "authn_login_lock")
    assert (lock.user, lock.data) == (ada.id, {"failures": 100, "reason": "maxretries"})
    assert lock.outcome == "failure"


async def test_success_after_failures(
    users: Users[User], ada: User, clock: FrozenClock, events: list[AuthEvent]
) -> None:
    """A right password after so many wrong ones that one had to wait is told."""
    await fail(users, clock, 4)
    assert await is_right(users, "ada", PASSWORD)
    assert events == []
    await fail(users, clock, 5)
    assert await is_right(users, "ada", PASSWORD)
    assert [(event.name, event.data) for event in events] == [
        ("authn_login_fail_max", {"failures": 5}),
        ("authn_login_successafterfail", {"failures": 5}),
    ]


@pytest.mark.security(16)
async def test_only_its_own(users: Users[User], ada: User, grace: User, clock: FrozenClock) -> None:
    """A right password of one user forgives nothing of another's."""
    await fail(users, clock, 3)
    assert await is_right(users, "grace", PASSWORD)
    assert (await count(), await count("grace")) == (3, 0)


async def test_both_names_count_together(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """The username and the address are one account, however they are written."""
    for name in ("ada", "ADA", "ada@example.com", "Ada@EXAMPLE.com"):
        await fail(users, clock, 1, name)
    assert await count() == 4
    assert await PasswordFailures.count() == 1


async def test_names_that_nobody_has(users: Users[User], clock: FrozenClock) -> None:
    """They wait alike, are forgotten after a day, and cost one row however they are written."""
    for name in ("nobody", "NOBODY", "x" * 500, "\ud800", "a\x00b"):
        assert not await is_right(users, name, "wrong")
    rows = await PasswordFailures.select().order_by(PasswordFailures.failed_count)
    assert [row["failed_count"] for row in rows] == [2, 3]
    assert {row["user"] for row in rows} == {None}
    assert await delete_old_guesses(PasswordFailures, now=clock.now + timedelta(days=1)) == 0
    later = clock.now + timedelta(days=1, seconds=1)
    assert await delete_old_guesses(PasswordFailures, now=later) == 2


async def test_what_is_kept(users: Users[User], ada: User, grace: User, clock: FrozenClock) -> None:
    """Failures of a user stay until they are forgiven, and go with the user."""
    await fail(users, clock, 1)
    await is_right(users, "grace", PASSWORD)
    later = clock.now + timedelta(days=365)
    assert await delete_old_guesses(PasswordFailures, now=later) == 1
    assert await count() == 1
    await User.delete().where(User.id == ada.id)
    assert await PasswordFailures.count() == 0


@pytest.mark.security(95)
@pytest.mark.parametrize("name", ["ada", "nobody"])
async def test_many_at_once(
    users: Users[User], ada: User, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Of 24 wrong ones at once five are looked at; each is checked when no other is."""
    under_way, most, looked_at = 0, 0, 0
    verify = PasswordHasher.verify

    async def spy(self: PasswordHasher, encoded: str | None, password: str) -> None:
        nonlocal under_way, most, looked_at
        under_way, most = under_way + 1, max(most, under_way + 1)
        looked_at += encoded is not None
        try:
            await verify(self, encoded, password)
        finally:
            under_way -= 1

    monkeypatch.setattr(PasswordHasher, "verify", spy)
    results = await race(lambda: is_right(users, name, "wrong"))
    assert results == [False] * 24
    assert most == 1
    assert looked_at == (5 if name == "ada" else 0)
    rows = await PasswordFailures.select(PasswordFailures.failed_count)
    assert [row["failed_count"] for row in rows] == [5]


async def test_many_right_ones_at_once(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """24 right ones at once are all right, after four wrong ones, in two processes as in one."""
    await fail(users, clock, 4)
    elsewhere: Users[User] = Users(clock=clock)  # knows nothing of who is waiting here
    calls = [is_right(one, "ada", PASSWORD) for one in (users, elsewhere) for _ in range(12)]
    assert await asyncio.gather(*calls) == [True] * 24
    assert await count() == 0


async def test_a_process_that_died(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """A guess whose process was killed while it was checked counts, and blocks for 15 seconds."""
    await is_right(users, "ada", "wrong")
    lease = int((clock.now + 15 * SECOND).timestamp() * 1000)
    await PasswordFailures.update({PasswordFailures.checking_until: lease}, force=True)
    waiting = asyncio.create_task(is_right(users, "ada", PASSWORD))
    await asyncio.sleep(0)
    clock.advance(15 * SECOND)
    assert await waiting
    assert await count() == 0


async def test_who_waits_too_long(
    users: Users[User], ada: User, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who can't be looked at in time is told to come back, and not counted."""
    monkeypatch.setattr("piccolo_api_fastapi.users.passwords.guesses.PATIENCE", 0.01)
    await is_right(users, "ada", "wrong")
    lease = int((clock.now + 15 * SECOND).timestamp() * 1000)
    await PasswordFailures.update({PasswordFailures.checking_until: lease}, force=True)
    with pytest.raises(HasherBusy):
        await users.verify("ada", PASSWORD)
    assert await count() == 1


async def test_who_was_not_looked_at(
    users: Users[User], ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A password that was not hashed, since too many were, is no failure."""

    async def busy(*_: Any) -> None:
        raise HasherBusy

    await is_right(users, "ada", "wrong")
    with monkeypatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", busy)
        with pytest.raises(HasherBusy):
            await users.verify("ada", PASSWORD)
    assert await count() == 1


async def test_an_outage_during_the_check(
    users: Users[User], ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guess whose hash can't be renewed, since the database went away, is no failure."""

    async def gone(*_: Any) -> bool:
        raise ConnectionResetError

    stronger: Users[User] = Users(
        hasher=PasswordHasher(memory_kib=16, iterations=1, allow_weak=True), clock=users.clock
    )
    await is_right(users, "ada", "wrong")
    with monkeypatch.context() as patch:
        patch.setattr("piccolo_api_fastapi.users.passwords.queries.replace_column", gone)
        with pytest.raises(StoreUnavailable):
            await stronger.verify("ada", PASSWORD)
    assert await count() == 1


@pytest.mark.security(95)
async def test_a_lease_that_ran_out(
    users: Users[User], ada: User, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A right guess whose check took too long resets nothing that was counted since."""
    begun, go_on = asyncio.Event(), asyncio.Event()
    verify = PasswordHasher.verify

    async def slow(self: PasswordHasher, encoded: str | None, password: str) -> None:
        if password == PASSWORD:
            begun.set()
            await go_on.wait()
        await verify(self, encoded, password)

    monkeypatch.setattr(PasswordHasher, "verify", slow)
    late = asyncio.create_task(is_right(users, "ada", PASSWORD))
    await begun.wait()
    clock.advance(15 * SECOND)
    elsewhere: Users[User] = Users(clock=clock)
    assert not await is_right(elsewhere, "ada", "wrong")
    go_on.set()
    assert await late
    assert await count() == 2


@pytest.mark.security(99)
async def test_who_goes_away(
    users: Users[User], ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A guess counts although whoever made it went away before the answer."""
    begun = asyncio.Event()

    async def endless(*_: Any) -> None:
        begun.set()
        await asyncio.Event().wait()

    with monkeypatch.context() as patch:
        patch.setattr(PasswordHasher, "verify", endless)
        guess = asyncio.create_task(users.verify("ada", "wrong"))
        await begun.wait()
        guess.cancel()
        with pytest.raises(asyncio.CancelledError):
            await guess
    assert await count() == 1
    assert await is_right(users, "ada", PASSWORD)


async def test_counted_apart(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """What counts with something else than the account is not kept out by it, nor forgives it."""
    await fail(users, clock, 100)
    assert await is_right(users, "ada", PASSWORD, counted_as="a browser")
    assert not await is_right(users, "ada", PASSWORD)
    assert not await is_right(users, "nobody", PASSWORD, counted_as="a browser")
    assert await count() == 100


async def test_piccolo_admin(users: Users[User], ada: User, clock: FrozenClock) -> None:
    """`User.login`, by which Piccolo Admin logs people in, counts as well."""
    for _ in range(5):
        assert await User.login("ada", "wrong") is None
    assert await User.login("ada", PASSWORD) is None


async def test_a_user_who_was_just_deleted(
    users: Users[User], ada: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A user who is deleted while they log in is one who does not exist."""
    find = UserLookup.find

    async def then_deleted(self: UserLookup, identifier: str) -> Any:
        found = await find(self, identifier)
        await User.delete().where(User.username == "ada")
        return found

    monkeypatch.setattr(UserLookup, "find", then_deleted)
    assert not await is_right(users, "ada", "wrong")


async def test_the_command(
    users: Users[User], ada: User, clock: FrozenClock, capsys: pytest.CaptureFixture[str]
) -> None:
    """`piccolo piccolo_api_fastapi unlock_user ada` forgets what was tried; others it knows not."""
    await fail(users, clock, 100)
    await command("unlock_user")("ada@example.com")
    said = "ada is unlocked. Rate limits of logins go on, by default for up to three minutes.\n"
    assert capsys.readouterr().out == said
    assert await is_right(users, "ada", PASSWORD)
    with pytest.raises(SystemExit, match="no such user"):
        await command("unlock_user")("nobody")


async def test_one_at_a_time() -> None:
    """Of one key one holds the lock, of another one another; afterwards nothing is kept."""
    locks, inside = KeyedLocks(), []

    async def work(key: str) -> None:
        async with locks.hold(key, 5):
            assert key not in inside
            inside.append(key)
            await asyncio.sleep(0)
            inside.remove(key)

    await asyncio.gather(*(work(key) for key in "abab" * 6))
    assert not locks._locks


async def test_patience() -> None:
    """Who waits too long for a lock goes away, and leaves nothing behind."""
    locks = KeyedLocks()
    async with locks.hold("a", 5):
        with pytest.raises(HasherBusy):
            async with locks.hold("a", 0.001):
                pytest.fail("It is held.")
    assert not locks._locks


@pytest.mark.parametrize("moment", range(6))
async def test_who_is_cancelled(moment: int) -> None:
    """Whoever goes away while waiting, or as the lock comes, does not take it along."""
    locks, release = KeyedLocks(), asyncio.Event()

    async def hold(until: asyncio.Event | None) -> str:
        async with locks.hold("a", 5):
            if until is not None:
                await until.wait()
            return "held"

    first = asyncio.create_task(hold(release))
    await asyncio.sleep(0)
    second = asyncio.create_task(hold(asyncio.Event()))
    third = asyncio.create_task(hold(None))
    for _ in range(3):
        await asyncio.sleep(0)
    release.set()
    for _ in range(moment):
        await asyncio.sleep(0)
    second.cancel()
    assert [await first, await third] == ["held", "held"]
    with pytest.raises(asyncio.CancelledError):
        await second
    assert not locks._locks
