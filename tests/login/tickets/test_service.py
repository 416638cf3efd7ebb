"""Tickets from issue to sweep."""

from datetime import timedelta
from typing import Any

import pytest

from piccolo_api_fastapi import (
    ConfigurationError,
    Ticket,
    Tickets,
    User,
    Users,
    delete_expired_tickets,
)
from piccolo_api_fastapi.errors import InvalidCredentials, InvalidTicket
from piccolo_api_fastapi.testing import FrozenClock, assert_single_winner, race
from tests.conftest import reaches_no_sql

MINUTE = timedelta(minutes=1)


@pytest.fixture
def tickets(users: Users[User]) -> Tickets:
    """Tickets for one purpose, good for ten minutes and five attempts."""
    return Tickets(users, "reset", lifetime=10 * MINUTE, attempts=5)


async def test_life(tickets: Tickets, ada: User) -> None:
    """It says whose it is and what it is bound to, is burnt once, and then unknown."""
    token = await tickets.issue(ada.id, "what it is bound to")
    ticket = await tickets.present(token)
    assert (ticket.user, ticket.data, ticket.attempts) == (ada.id, "what it is bound to", 1)
    await tickets.burn(ticket)
    with pytest.raises(InvalidTicket):
        await tickets.burn(ticket)
    with pytest.raises(InvalidTicket):
        await tickets.present(token)


@pytest.mark.security(17)
async def test_the_table_opens_nothing(tickets: Tickets, ada: User) -> None:
    """No stored value is the secret, and none is accepted as one."""
    token = await tickets.issue(ada.id)
    [values] = await Ticket.select()
    for value in values.values():
        assert len(str(value)) < 16 or str(value) not in token
        with pytest.raises(InvalidTicket):
            await tickets.present(str(value))


@pytest.mark.security(41)
async def test_purpose(tickets: Tickets, users: Users[User], ada: User) -> None:
    """A ticket for another purpose is unknown."""
    other = Tickets(users, "verify", lifetime=10 * MINUTE, attempts=5)
    token = await tickets.issue(ada.id)
    with pytest.raises(InvalidTicket):
        await other.present(token)
    await other.end(ada.id)
    await tickets.present(token)


@pytest.mark.security(73)
async def test_expiry(tickets: Tickets, ada: User, clock: FrozenClock) -> None:
    """A second before its end it is good, at its end it can be neither presented nor burnt."""
    token = await tickets.issue(ada.id)
    clock.advance(10 * MINUTE - timedelta(seconds=1))
    ticket = await tickets.present(token)
    clock.advance(timedelta(seconds=1))
    with pytest.raises(InvalidTicket):
        await tickets.present(token)
    with pytest.raises(InvalidTicket):
        await tickets.burn(ticket)


@pytest.mark.security(73)
async def test_attempts(tickets: Tickets, ada: User) -> None:
    """Of 24 presentations at once, five are let through; and none after them."""
    token = await tickets.issue(ada.id)
    results = await race(lambda: tickets.present(token))
    assert sum(isinstance(result, Ticket) for result in results) == 5
    assert all(isinstance(result, Ticket | InvalidTicket) for result in results)
    with pytest.raises(InvalidTicket):
        await tickets.present(token)


@pytest.mark.security(85)
async def test_single_use(tickets: Tickets, ada: User) -> None:
    """Of 24 that burn one ticket at once, one succeeds."""
    ticket = await tickets.present(await tickets.issue(ada.id))

    async def burn() -> bool:
        await tickets.burn(ticket)
        return True

    assert await assert_single_winner(burn)


async def test_replace(tickets: Tickets, ada: User, grace: User) -> None:
    """Issued with `replace`, it ends the older ones of its user, and nobody else's."""
    hers, older = await tickets.issue(grace.id), await tickets.issue(ada.id)
    newer = await tickets.issue(ada.id, replace=True)
    with pytest.raises(InvalidTicket):
        await tickets.present(older)
    await tickets.present(newer)
    await tickets.present(hers)


@pytest.mark.security(86)
async def test_the_last_of_many(tickets: Tickets, ada: User) -> None:
    """Of 24 that are issued at once with `replace`, one is left."""
    await race(lambda: tickets.issue(ada.id, replace=True))
    assert await Ticket.count() == 1


async def test_nobody(tickets: Tickets, database: Any) -> None:
    """A user who was deleted meanwhile gets none, and that is no 500."""
    with pytest.raises(InvalidCredentials):
        await tickets.issue(10**6)


@pytest.mark.security(86)
async def test_password_change(tickets: Tickets, users: Users[User], ada: User) -> None:
    """A password change ends what was given out before."""
    token = await tickets.issue(ada.id)
    ticket = await tickets.present(token)
    await users.set_password(ada, "another horse battery")
    with pytest.raises(InvalidTicket):
        await tickets.present(token)
    with pytest.raises(InvalidTicket):
        await tickets.burn(ticket)


@reaches_no_sql
@pytest.mark.parametrize("token", ["", "tkt_", "tkt_" + "A" * 51, "\x00", "\ud800", "x" * 10_000])
async def test_malformed(tickets: Tickets, token: str) -> None:
    """What is no ticket is refused like one that is unknown."""
    with pytest.raises(InvalidTicket):
        await tickets.present(token)


async def test_sweep(tickets: Tickets, ada: User, clock: FrozenClock) -> None:
    """Expired rows are deleted, others are not."""
    await tickets.issue(ada.id)
    clock.advance(10 * MINUTE)
    live = await tickets.issue(ada.id)
    assert await delete_expired_tickets(now=clock.now) == 1
    await tickets.present(live)


@reaches_no_sql
@pytest.mark.parametrize(
    ("purpose", "lifetime", "attempts"),
    [("", MINUTE, 1), ("p" * 33, MINUTE, 1), ("p", timedelta(0), 1), ("p", MINUTE, 0)],
)
def test_configuration(
    users: Users[User], purpose: str, lifetime: timedelta, attempts: int
) -> None:
    """Settings under which no ticket could be good are refused."""
    with pytest.raises(ConfigurationError):
        Tickets(users, purpose, lifetime=lifetime, attempts=attempts)


async def test_a_ticket_of_nobody(users: Users[User]) -> None:
    """A login may begin before it is known who it is; one of 24 callers uses the ticket up."""
    tickets = Tickets(users, "login of nobody", lifetime=timedelta(minutes=5), attempts=30)
    token = await tickets.issue(None, "data", replace=True)
    ticket = await tickets.present(token)
    assert (ticket.user, ticket.data) == (None, "data")

    async def burn() -> bool:
        await tickets.burn(ticket)
        return True

    assert await assert_single_winner(burn)
