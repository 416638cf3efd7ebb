"""The guards of the single statements on addresses: each row that a statement must leave alone."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from piccolo_api_fastapi import (
    TOTP,
    EmailChange,
    EmailStatus,
    Ticket,
    TOTPSecret,
    User,
    Users,
    XChaCha20Poly1305,
)
from piccolo_api_fastapi.accounts.mailboxes import change_queries, verification_queries
from piccolo_api_fastapi.accounts.mailboxes.addresses import Addresses
from piccolo_api_fastapi.errors import InvalidTicket
from piccolo_api_fastapi.login.tickets import Tickets
from piccolo_api_fastapi.testing import FrozenClock
from tests.conftest import KEY

WEEK = timedelta(days=7)


async def register(user: User, **values: Any) -> None:
    """Record that a user registered."""
    row: dict[str, Any] = {"user": user.id, "email": user.email, "is_registered": True, **values}
    await EmailStatus.insert(EmailStatus(**row))


async def status_of(user: User) -> dict[str, Any]:
    """The stored status of the user's address."""
    [row] = await EmailStatus.select().where(EmailStatus.user == user.id)
    return dict(row)


@pytest.mark.security(84)
@pytest.mark.security(85)
@pytest.mark.parametrize("ending", ["used", "expired", "another purpose"])
async def test_a_code_that_is_not_valid(
    users: Users[User], ada: User, clock: FrozenClock, ending: str
) -> None:
    """A guess finds the code until it is used or expires, and none of another purpose."""
    tickets = Tickets(users, "verify-email-code", lifetime=timedelta(minutes=15), attempts=10)
    await tickets.issue(ada.id)
    clock.advance(timedelta(minutes=14, seconds=59))
    purpose = tickets.purpose
    found = await verification_queries.count_guess(Ticket, ada.id, purpose, clock.now)
    assert found.attempts == 1
    if ending == "used":
        await tickets.burn(found)
    elif ending == "expired":
        clock.advance(timedelta(seconds=1))
    else:
        purpose = "change-email"
    with pytest.raises(InvalidTicket):
        await verification_queries.count_guess(Ticket, ada.id, purpose, clock.now)


async def test_another_address(ada: User) -> None:
    """A registration of one address says nothing about another."""
    await register(ada, activates=True)
    for question in (verification_queries.is_waiting, verification_queries.is_new):
        assert await question(EmailStatus, ada.id, ada.email)
        assert not await question(EmailStatus, ada.id, "lovelace@example.com")


async def test_a_verified_address_is_not_contested(ada: User, clock: FrozenClock) -> None:
    """Once it is verified, another registration changes nothing."""
    await register(ada, verified_at=clock.now)
    for is_compared in (True, False):
        await verification_queries.contest(EmailStatus, ada.id, is_compared=is_compared)
    status = await status_of(ada)
    assert (status["is_contested"], status["uncompared"]) == (False, 0)


@pytest.mark.parametrize("is_compared", [True, False])
async def test_a_contested_address(ada: User, clock: FrozenClock, *, is_compared: bool) -> None:
    """It is contested until it is verified, whether the passwords differ or were not compared."""
    await register(ada)
    await verification_queries.contest(EmailStatus, ada.id, is_compared=is_compared)
    before = await verification_queries.verify(EmailStatus, ada.id, ada.email, clock.now)
    assert before == verification_queries.Before(activates=False, is_contested=True, is_new=True)
    status = await status_of(ada)
    assert (status["is_contested"], status["uncompared"]) == (False, 0)
    before = await verification_queries.verify(EmailStatus, ada.id, ada.email, clock.now)
    assert before == verification_queries.Before(activates=False, is_contested=False, is_new=False)


async def test_a_user_who_signed_in_stays_disabled(ada: User, clock: FrozenClock) -> None:
    """Only a user who never signed in waits for the verification."""
    for last_login, active in ((clock.now.replace(tzinfo=None), False), (None, True)):
        await User.update({User.active: False, User.last_login: last_login}, force=True)
        await verification_queries.activate(User, ada.id)
        assert (await User.select(User.active)) == [{"active": active}]


@pytest.mark.parametrize("state", ["registered", "verified", "made by an administrator"])
async def test_an_address_that_is_released(
    ada: User, grace: User, clock: FrozenClock, state: str
) -> None:
    """Only a user who registered an address, and has not verified it, gives way."""
    await register(
        ada,
        verified_at=clock.now if state == "verified" else None,
        is_registered=state != "made by an administrator",
    )
    await change_queries.release_address(User, EmailStatus, grace.id, ada.email)
    kept = await User.exists().where(User.id == ada.id, User.email == ada.email)
    assert kept is (state != "registered")


async def changes_of(user: User, now: datetime) -> list[str]:
    """The secrets that undo three changes, a day apart, the last of which is now."""
    return [
        await change_queries.remember_change(
            EmailChange, user.id, f"number{days}@example.com", at, at + WEEK
        )
        for days in (2, 1, 0)
        for at in [now - timedelta(days=days)]
    ]


@pytest.mark.security(85)
async def test_an_undo_ends_later_changes(ada: User, clock: FrozenClock) -> None:
    """The link is valid once. Links of later changes end, those of earlier ones stay."""
    first, second, third = await changes_of(ada, clock.now)
    undone = await change_queries.undo_change(EmailChange, second, clock.now)
    assert undone["email"] == "number1@example.com"
    for token in (second, third):
        with pytest.raises(InvalidTicket):
            await change_queries.undo_change(EmailChange, token, clock.now)
    assert await change_queries.undo_change(EmailChange, first, clock.now)


async def test_another_link_for_a_change(ada: User, clock: FrozenClock) -> None:
    """There is one until the change is undone or expires, and none from another address."""
    [first, *_] = await changes_of(ada, clock.now)

    async def find(email: str, now: datetime) -> bool:
        since = clock.now - WEEK
        found = await change_queries.find_change(EmailChange, ada.id, email, since, now)
        return found is not None

    assert await find("number2@example.com", clock.now)
    assert not await find("number3@example.com", clock.now)
    until = clock.now + WEEK
    assert await find("number0@example.com", until - timedelta(seconds=1))
    assert not await find("number0@example.com", until)
    await change_queries.undo_change(EmailChange, first, clock.now)
    assert not await find("number2@example.com", clock.now)


@pytest.mark.parametrize("verified", [False, True])
async def test_factors_of_a_verified_account(
    users: Users[User], ada: User, clock: FrozenClock, *, verified: bool
) -> None:
    """Second factors end only if no address of the account was ever verified."""
    await register(ada, verified_at=clock.now if verified else None)
    await TOTP(users, encryption=XChaCha20Poly1305(KEY), issuer="Movies").begin(ada)
    await change_queries.end_factors_of_new(User, EmailStatus, ada.id, only_if_contested=False)
    assert await TOTPSecret.count() == int(verified)


async def test_a_user_who_was_deleted(users: Users[User], ada: User) -> None:
    """The ticket of a user who was deleted meanwhile is invalid, as any other that is unknown."""
    addresses = Addresses(users)
    await addresses.lock(ada.id)
    await ada.remove()
    with pytest.raises(InvalidTicket):
        await addresses.lock(ada.id)
