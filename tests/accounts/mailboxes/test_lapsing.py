"""Registrations that nobody verifies do not keep a name for ever."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    AuthEvent,
    EmailStatus,
    User,
    Users,
    auth_tables,
    delete_expired,
    subscribe,
)
from piccolo_api_fastapi.core.database.auth_tables import delete_expired_rows
from piccolo_api_fastapi.errors import InvalidTicket
from piccolo_api_fastapi.mail import UsernameTaken, VerifyEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox, race
from tests.accounts.conftest import MakeApp, names, orders, register, verify
from tests.conftest import log_in, new_client

NOUN = "unverified registrations"
DAY = timedelta(days=1)


async def clean(clock: FrozenClock) -> int:
    """Delete what has expired; the number of registrations."""
    return (await delete_expired(auth_tables(), now=clock.now))[NOUN]


async def usernames() -> list[str]:
    """Who is left."""
    rows = await User.select(User.username).order_by(User.username)
    return [row["username"] for row in rows]


async def test_a_squatter(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock, events: list[AuthEvent]
) -> None:
    """After 30 days, not before, the name is free for somebody else."""
    await register(client, email="nobody@example.com")
    clock.advance(30 * DAY - timedelta(seconds=1))
    assert await clean(clock) == 0
    await register(client)
    outbox.last(UsernameTaken)
    clock.advance(timedelta(seconds=1))
    assert await clean(clock) == 1
    assert events[-1].name == "user_registration_lapsed"
    assert await User.count() == await EmailStatus.count() == 0
    await register(client)
    assert (await verify(client, outbox)).json() == {"status": "verified"}
    clock.advance(400 * DAY)
    assert await clean(clock) == 0
    assert await usernames() == ["ada"]


async def test_the_mail_failed(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """It lapses as well if no mail ever reached the address; another link can be had at once."""
    outbox.is_down = True
    await register(client)
    outbox.is_down = False
    clock.advance(30 * DAY - timedelta(minutes=2))
    assert await clean(clock) == 0
    await client.post("/auth/verify-email/request", json={"email": "ada@example.com"})
    outbox.last(VerifyEmail)
    outbox.is_down = True
    clock.advance(DAY)
    await client.post("/auth/verify-email/request", json={"email": "ada@example.com"})
    clock.advance(30 * DAY - timedelta(minutes=2))
    assert await clean(clock) == 0
    clock.advance(timedelta(minutes=2))
    assert await clean(clock) == 1


async def test_who_stays(
    make_app: MakeApp, users: Users[User], outbox: Outbox, clock: FrozenClock
) -> None:
    """Whoever signed in, was activated or shut out by hand, or never registered, stays."""
    async with new_client(make_app(active_before_verified=True)) as client:
        for name in ("seen", "shutout", "unseen"):
            await register(client, username=name, email=f"{name}@example.com")
        await log_in(client, "seen")
    await User.update({User.active: False}).where(User.username == "shutout")
    async with new_client(make_app()) as client:
        for name in ("activated", "waiting"):
            await register(client, username=name, email=f"{name}@example.com")
    await User.update({User.active: True}).where(User.username == "activated")
    await users.create("made", email="made@example.com")
    clock.advance(30 * DAY)
    assert await clean(clock) == 2
    assert await usernames() == ["activated", "made", "seen", "shutout"]


async def test_another_time(
    client: httpx.AsyncClient, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time can be shorter; without one nobody lapses."""
    await register(client)
    monkeypatch.setattr(EmailStatus, "lapses_after", None)
    clock.advance(7 * DAY)
    assert NOUN not in await delete_expired(auth_tables(), now=clock.now)
    monkeypatch.setattr(EmailStatus, "lapses_after", 7 * DAY)
    assert await clean(clock) == 1


async def test_many(client: httpx.AsyncClient, users: Users[User], clock: FrozenClock) -> None:
    """More than fit a batch go in one call."""
    for number in range(5):
        user = await users.create(f"user{number}", email=f"user{number}@example.com", active=False)
        row = EmailStatus(user=user.id, email=user.email, is_registered=True, activates=True)
        row.verification_sent_at = clock.now
        await EmailStatus.insert(row)
    condition: Any = EmailStatus.expired(clock.now + 30 * DAY)
    assert await EmailStatus.delete_rows(condition, now=clock.now, batch=2) == 5


@pytest.mark.usefixtures("unlimited")
async def test_against_a_verification(
    app: FastAPI, client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """Of 12 verifications and 12 sweeps at once, one passes, and its result is there to stay."""
    verification = app.state.accounts.mailboxes.verification
    for number in range(4):
        await register(client, username=f"user{number}", email=f"user{number}@example.com")
        token = outbox.token(VerifyEmail)
        await EmailStatus.update(
            {EmailStatus.verification_sent_at: clock.now - 30 * DAY}, force=True
        )
        order = iter([number % 2 == 0, number % 2 == 1] * 12)

        async def either(order: Any = order, token: str = token) -> Any:
            return await (verification.by_link(token, None) if next(order) else clean(clock))

        results = await race(either)
        errors = [one for one in results if isinstance(one, Exception)]
        assert all(isinstance(one, InvalidTicket) for one in errors)
        is_verified = len(errors) == 11
        assert sum(one for one in results if isinstance(one, int)) == int(not is_verified)
        assert await User.exists().where(User.username == f"user{number}") is is_verified
        assert is_verified or len(errors) == 12


async def test_events(
    client: httpx.AsyncClient, clock: FrozenClock, events: list[AuthEvent]
) -> None:
    """Of 24 sweeps at once one deletes, and tells."""
    await register(client)
    clock.advance(30 * DAY)
    assert sorted(map(str, await race(lambda: clean(clock)))) == ["0"] * 23 + ["1"]
    assert names(events).count("user_registration_lapsed") == 1


@pytest.mark.parametrize("batch", [1, 500])
@pytest.mark.parametrize("kind", ["restrict", "no action", "deferred"])
async def test_what_refers_to_the_users(
    client: httpx.AsyncClient,
    clock: FrozenClock,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    batch: int,
) -> None:
    """Users whom rows of an application keep are left, the log says how many, others lapse."""
    async with orders(kind) as order:
        for name in ("kept", "lapses", "kepttoo", "lapsestoo"):
            await register(client, username=name, email=f"{name}@example.com")
            [user] = await User.objects().where(User.username == name)
            if name.startswith("kept"):
                await order.insert(order(user=user.id))
        clock.advance(30 * DAY)
        for expected in (2, 0):
            caplog.clear()
            assert await delete_expired_rows(EmailStatus, now=clock.now, batch=batch) == expected
            assert await usernames() == ["kept", "kepttoo"]
            messages = [record.getMessage() for record in caplog.records]
            assert [text[:22] for text in messages if "lapsed registrations" in text] == [
                "2 lapsed registrations"
            ]
        await order.delete(force=True)
        caplog.clear()
        assert await clean(clock) == 2
        assert not [record for record in caplog.records if "were left" in record.getMessage()]


async def test_another_error_is_raised(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    """Only what keeps a user is skipped."""

    async def fail(event: AuthEvent) -> None:
        if event.name == "user_registration_lapsed":
            raise ZeroDivisionError

    await register(client)
    clock.advance(30 * DAY)
    end = subscribe(fail, when="before_commit")
    with pytest.raises(ZeroDivisionError):
        await clean(clock)
    end()
    assert await clean(clock) == 1


async def test_a_listener_before_the_end(client: httpx.AsyncClient, clock: FrozenClock) -> None:
    """A listener before the commit clears up what keeps the user."""
    async with orders("restrict") as order:

        async def clear_up(event: AuthEvent) -> None:
            if event.name == "user_registration_lapsed":
                await order.delete().where(order.user == event.user)

        await register(client)
        [user] = await User.objects()
        await order.insert(order(user=user.id))
        clock.advance(30 * DAY)
        end = subscribe(clear_up, when="before_commit")
        assert await clean(clock) == 1
        end()
