"""`sign_up=True`: a link or a code makes the account of an address that nobody has."""

from datetime import timedelta

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import AuthEvent, EmailStatus, Password, Session, Ticket, User, Users
from piccolo_api_fastapi.mail import SignInByEmail
from piccolo_api_fastapi.testing import FrozenClock, Outbox, assert_single_winner
from piccolo_api_fastapi.testing.kit import race
from tests.accounts.conftest import MakeApp, names, register
from tests.accounts.email_login.conftest import (
    ADA,
    ask,
    ask_by_app,
    code,
    is_refused,
    link,
    press,
    type_code,
    type_in_app,
    wrong,
)
from tests.conftest import log_in, new_client


@pytest.fixture
def app(make_app: MakeApp) -> FastAPI:
    """An application into which everybody may sign up by mail."""
    return make_app(sign_up=True)


@pytest.mark.parametrize("kind", ["link", "code"])
async def test_a_new_user(
    client: httpx.AsyncClient, outbox: Outbox, events: list[AuthEvent], kind: str
) -> None:
    """The account is made by the press, not by the request: verified, and without a password."""
    await ask(client)
    assert await User.count() == 0
    message = outbox.last(SignInByEmail)
    assert (len(message.code), message.username) == (8, "")
    answer = await (
        press(client, link(outbox)) if kind == "link" else type_code(client, message.code)
    )
    [user] = await User.objects()
    assert answer.json() == {
        "status": "signed_in",
        "user": {"id": user.id, "username": ADA, "email": ADA},
    }
    assert (await client.get("/auth/me")).json()["email_verified"] is True
    assert await Password.count() == 0
    assert names(events).count("user_created") == names(events).count("user_email_verified") == 1


@pytest.mark.security(169)
@pytest.mark.parametrize("kind", ["link", "code"])
async def test_once(client: httpx.AsyncClient, outbox: Outbox, kind: str) -> None:
    """What made an account makes it once, even if it was deleted since."""
    await ask(client)
    cookies, token, digits = dict(client.cookies), link(outbox), code(outbox)
    await (press(client, token) if kind == "link" else type_code(client, digits))
    await User.delete(force=True)
    client.cookies.update(cookies)
    assert is_refused(await press(client, token))
    assert is_refused(await type_code(client, digits))
    assert await User.count() == 0


async def test_an_app(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """Likewise."""
    login = await ask_by_app(client)
    assert (await type_in_app(client, login, code(outbox))).status_code == 200
    assert await User.count() == 1


async def test_the_next_log_in(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """It finds the same account."""
    for _ in range(2):
        await ask(client)
        assert (await press(client, link(outbox))).status_code == 200
        clock.advance(timedelta(minutes=1))
    assert await User.count() == 1


@pytest.mark.security(177)
@pytest.mark.usefixtures("unlimited")
@pytest.mark.parametrize("kind", ["link", "code"])
async def test_at_once(client: httpx.AsyncClient, outbox: Outbox, kind: str) -> None:
    """24 redemptions at once make one account and one session."""
    await ask(client)
    token, digits = link(outbox), code(outbox)

    async def use() -> bool:
        answer = await (press(client, token) if kind == "link" else type_code(client, digits))
        assert answer.status_code in (200, 401), answer.text
        return answer.status_code == 200

    if kind == "link":
        await assert_single_winner(use, 10)  # an eleventh press is one too many anyway
    else:
        await assert_single_winner(use)
    assert await User.count() == await Session.count() == 1


@pytest.mark.security(177)
@pytest.mark.usefixtures("unlimited")
async def test_at_once_with_a_registration(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """24 redemptions and a registration by password of one address: one account."""
    await ask(client)
    token, digits, number = link(outbox), code(outbox), iter(range(100))

    async def use() -> int:
        turn = next(number)
        if turn == 12:
            return (await register(client)).status_code
        answer = await (press(client, token) if turn % 2 else type_code(client, digits))
        return answer.status_code

    statuses = await race(use, 25)
    assert set(statuses) <= {200, 202, 401}
    assert statuses.count(200) <= 1
    [user] = await User.objects()
    assert user.email == ADA
    assert await EmailStatus.count() == 1


@pytest.mark.security(177)
@pytest.mark.security(173)
async def test_registered_in_the_meantime(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """Somebody registered the address since: the mail is refused, and the next one signs in."""
    await ask(client)
    token, digits = link(outbox), code(outbox)
    await register(client, username="thief")
    assert is_refused(await press(client, token))
    assert is_refused(await type_code(client, digits))
    clock.advance(timedelta(minutes=1))
    await ask(client)
    assert (await press(client, link(outbox))).json()["user"]["username"] == "thief"
    assert (await log_in(client, "thief")).status_code == 401


async def test_an_address_that_is_no_username(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """A username is made up."""
    long = f"{'a' * 60}@{'b' * 50}.example.com"
    await ask(client, long)
    answer = await press(client, link(outbox))
    assert answer.json()["user"]["email"] == long
    assert answer.json()["user"]["username"].startswith("user-")


async def test_an_address_that_is_a_username(
    client: httpx.AsyncClient, users: Users[User], outbox: Outbox
) -> None:
    """An older user whose name is this address keeps it."""
    other = await users.create("other", email="other@example.com")
    await User.update({User.username: ADA}).where(User.id == other.id)
    await ask(client)
    assert is_refused(await press(client, link(outbox)))
    assert await User.count() == 1


@pytest.mark.security(171)
@pytest.mark.usefixtures("unlimited")
async def test_five_guesses(client: httpx.AsyncClient, outbox: Outbox) -> None:
    """A code to an address that nobody has can be guessed at five times, too."""
    await ask(client)
    for _ in range(5):
        assert is_refused(await type_code(client, wrong(code(outbox))))
    assert is_refused(await type_code(client, code(outbox)))
    assert await User.count() == 0


@pytest.mark.parametrize("email", ["ada@localhost", "ada@intranet.local"])
async def test_addresses_that_nobody_can_register(
    client: httpx.AsyncClient, outbox: Outbox, email: str
) -> None:
    """They get the same answer, and no mail."""
    assert (await ask(client, email)).status_code == 202
    assert outbox.messages == []


async def test_off(make_app: MakeApp, database: object, outbox: Outbox) -> None:
    """Without `sign_up` an unknown address gets nothing, and no row is stored."""
    async with new_client(make_app()) as client:
        await ask(client)
    assert outbox.messages == []
    assert await Ticket.count() == 0
