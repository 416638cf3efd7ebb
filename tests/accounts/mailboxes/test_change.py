"""Changes of address, and how they are undone."""

import itertools
from datetime import timedelta
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from piccolo_api_fastapi import (
    Accounts,
    AuthEvent,
    EmailChange,
    EmailStatus,
    Session,
    Ticket,
    User,
    Users,
    delete_expired_email_changes,
    subscribe,
)
from piccolo_api_fastapi.mail import (
    AlreadyRegistered,
    ConfirmEmail,
    EmailChanged,
    EmailChangeRequested,
    ResetPassword,
)
from piccolo_api_fastapi.testing import FrozenClock, Outbox, assert_single_winner, race
from tests.accounts.conftest import (
    COOKIE,
    NEW,
    MakeApp,
    change_email,
    change_password,
    confirm,
    enter,
    link_to,
    names,
    register,
    verify,
)
from tests.conftest import PASSWORD, bearer, get_tokens, log_in, new_client


@pytest.fixture
async def ada(client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock) -> User:
    """A user with a verified address, who is signed in."""
    return await enter(client, outbox, clock)


@pytest.mark.security(24)
@pytest.mark.security(90)
async def test_email(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox, events: list[AuthEvent]
) -> None:
    """The new address confirms, the old one is told twice and works until then; others end."""
    answer = await change_email(client, "LOVELACE@example.com")
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    asked, told = outbox.messages[-2:]
    assert isinstance(asked, ConfirmEmail)
    assert isinstance(told, EmailChangeRequested)
    assert (asked.to, told.to, told.new) == (
        "lovelace@example.com",
        "ada@example.com",
        "lovelace@example.com",
    )
    async with new_client(app) as other:
        assert (await log_in(other, "ada@example.com")).status_code == 200
        assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
        assert (await other.get("/auth/me")).status_code == 401
    me = (await client.get("/auth/me")).json()
    assert (me["email"], me["email_verified"]) == ("lovelace@example.com", True)
    assert outbox.last(EmailChanged).to == "ada@example.com"
    assert (await log_in(client, "ada@example.com")).status_code == 401
    assert (await log_in(client, "lovelace@example.com")).status_code == 200
    assert "user_email_changed" in names(events)


@pytest.mark.security(24)
async def test_email_gives_a_new_cookie(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox
) -> None:
    """The session that confirms goes on under a new cookie, and the one before is dead."""
    await change_email(client)
    old = client.cookies[COOKIE]
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    assert client.cookies[COOKIE] != old
    assert (await client.get("/auth/me")).status_code == 200
    async with new_client(app) as thief:
        headers = {"Cookie": f"{COOKIE}={old}"}
        assert (await thief.get("/auth/me", headers=headers)).status_code == 401
    assert await Session.count() == 1


@pytest.mark.security(24)
async def test_email_by_token(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """An app confirms it likewise, and goes on with its tokens; the browser is signed out."""
    await change_email(client)
    headers = bearer((await get_tokens(client))["access_token"])
    body = {"token": link_to(outbox, ConfirmEmail)}
    answer = await client.post("/auth/change-email/confirm", json=body, headers=headers)
    assert answer.status_code == 204
    assert "set-cookie" not in answer.headers
    assert (await client.get("/auth/me", headers=headers)).status_code == 200
    assert (await client.get("/auth/me")).status_code == 401


@pytest.mark.security(24)
async def test_a_session_that_ends_meanwhile(
    client: httpx.AsyncClient, ada: User, outbox: Outbox
) -> None:
    """The session of the caller ends while they confirm: nothing changes, the link stays good."""
    await change_email(client)
    token = link_to(outbox, ConfirmEmail)

    async def end_sessions(event: AuthEvent) -> None:
        if event.name == "user_email_verified":
            await Session.delete(force=True)

    stop = subscribe(end_sessions, when="before_commit")
    answer = await confirm(client, token)
    stop()
    assert (answer.status_code, answer.json()["code"]) == (401, "invalid_session")
    [user] = await User.objects()
    assert user.email == "ada@example.com"
    assert (await client.get("/auth/me")).status_code == 200
    assert (await confirm(client, token)).status_code == 204


@pytest.mark.parametrize("by", ["cookie", "token"])
async def test_a_new_password_while_the_response_is_not_read(
    app: FastAPI,
    client: httpx.AsyncClient,
    users: Users[User],
    ada: User,
    outbox: Outbox,
    caplog: pytest.LogCaptureFixture,
    by: str,
) -> None:
    """A thief who delays a request until the owner has a new password gets no link."""
    headers = {"Cookie": f"{COOKIE}={client.cookies[COOKIE]}"}
    if by == "token":
        headers = bearer((await get_tokens(client))["access_token"])

    async def stalling(scope: Any, receive: Any, send: Any) -> None:
        async def send_late(message: Any) -> None:
            if message["type"] == "http.response.start":
                await users.set_password(ada, NEW)
            await send(message)

        await app(scope, receive, send_late)

    transport = httpx.ASGITransport(stalling)
    outbox.messages.clear()
    async with httpx.AsyncClient(
        transport=transport, base_url="https://testserver", headers=headers
    ) as thief:
        assert (await change_email(thief)).status_code == 202
    assert outbox.messages == []
    assert await Ticket.count().where(Ticket.purpose == "change-email") == 0
    assert not caplog.records


@pytest.mark.security(90)
async def test_two_changes(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """The link to the first address confirms nothing once a second was asked for."""
    await change_email(client, "first@example.com")
    answer = await change_email(client, "second@example.com")
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    clock.advance(timedelta(minutes=1))
    await change_email(client, "second@example.com")
    assert (await confirm(client, link_to(outbox, ConfirmEmail, 0))).status_code == 401
    assert (await client.get("/auth/me")).json()["email"] == "ada@example.com"
    assert (await confirm(client, link_to(outbox, ConfirmEmail, 1))).status_code == 204
    told = [message for message in outbox.messages if isinstance(message, EmailChangeRequested)]
    assert [message.new for message in told] == ["first@example.com", "second@example.com"]


async def test_a_link_is_good_once(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """24 uses of one link at once: one winner, and no 500."""
    await change_email(client)
    token = link_to(outbox, ConfirmEmail)

    async def use() -> bool:
        answer = await client.post("/auth/change-email/confirm", json={"token": token})
        assert answer.status_code in (204, 401)
        return answer.status_code == 204

    await assert_single_winner(use)


async def nothing() -> None:
    """Confirm a caller who need not be authenticated."""


@pytest.mark.usefixtures("unlimited")
async def test_one_address_for_24_people(app: FastAPI, users: Users[User], outbox: Outbox) -> None:
    """24 people confirm one address at once: one winner, the others are told, no 500."""
    accounts: Accounts[User] = app.state.accounts
    tokens = []
    for number in range(24):
        user = await users.create(f"user{number}", email=f"user{number}@example.com")
        await accounts.mailboxes.change.request(user, "shared@example.com", nothing)
        tokens.append(link_to(outbox, ConfirmEmail))
    turn = itertools.count()
    async with new_client(app) as client:
        answers: list[Any] = await race(lambda: confirm(client, tokens[next(turn)]))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [204] + [409] * 23
    assert await User.count().where(User.email == "shared@example.com") == 1


@pytest.mark.security(13)
async def test_a_taken_address(
    client: httpx.AsyncClient,
    users: Users[User],
    app: FastAPI,
    ada: User,
    outbox: Outbox,
    clock: FrozenClock,
) -> None:
    """
    The answer for an address that belongs to somebody is the same; its owner is told, and when
    that fails by the next request at once.
    """
    grace = await users.create("grace", PASSWORD, email="grace@example.com")
    accounts: Accounts[User] = app.state.accounts
    await accounts.mailboxes.verification.mark_verified(grace.id, grace.email)
    answer = await change_email(client, "grace@example.com")
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    told = [message for message in outbox.messages if isinstance(message, AlreadyRegistered)]
    assert [message.to for message in told] == ["grace@example.com"]
    outbox.is_down = True
    clock.advance(timedelta(minutes=1))
    await change_email(client, "grace@example.com")
    outbox.is_down = False
    for _ in range(2):
        await accounts.mailboxes.pacing.tell_owner(grace)
    told = [message for message in outbox.messages if isinstance(message, AlreadyRegistered)]
    assert len(told) == 2
    assert not any(isinstance(message, ConfirmEmail) for message in outbox.messages)


async def test_a_squatted_address(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox
) -> None:
    """Somebody who registered an address and never verified it gives way to who proves it."""
    async with new_client(app) as squatter:
        body = {"email": "lovelace@example.com", "password": NEW}
        await squatter.post("/auth/register", json=body)
    await change_email(client)
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    squatting = await User.objects().where(User.id != ada.id).first()
    assert squatting is not None
    assert squatting.email == squatting.username
    assert squatting.email.endswith("@no-email.invalid")


@pytest.mark.parametrize("email", ["boss@example.com", "Boss@Example.com"])
@pytest.mark.parametrize("when", ["before", "meanwhile"])
async def test_an_address_that_nobody_registered(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox, email: str, when: str
) -> None:
    """
    A user whom an administrator made, or an older application, keeps the address, verified or
    not and however it is written, and is told. Nobody else is told that.
    """
    boss = User(username="boss@example.com", email=email, active=True, admin=True)
    if when == "before":
        await User.insert(boss)
    answer = await change_email(client, "boss@example.com")
    assert (answer.status_code, answer.json()) == (202, {"status": "check_your_mail"})
    if when == "before":
        told = [message for message in outbox.messages if isinstance(message, AlreadyRegistered)]
        assert [message.to for message in told] == [email]
        assert not any(isinstance(message, ConfirmEmail) for message in outbox.messages)
    else:
        await User.insert(boss)
        answer = await confirm(client, link_to(outbox, ConfirmEmail))
        assert (answer.status_code, answer.json()["code"]) == (409, "identity_taken")
    rows = await User.select(User.email, User.username).where(User.admin.eq(value=True))
    assert rows == [{"email": email, "username": "boss@example.com"}]


async def test_a_squatted_address_in_upper_case(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox
) -> None:
    """Whoever registered it gives way however it is written."""
    squatter = User(username="Boss@example.com", email="Boss@example.com", active=True)
    await User.insert(squatter)
    status: Any = {"user": squatter.id, "email": squatter.email, "is_registered": True}
    await EmailStatus.insert(EmailStatus(**status))
    await change_email(client, "boss@example.com")
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    [row] = await User.select(User.email, User.username).where(User.id == squatter.id)
    assert row["email"] == row["username"]
    assert row["email"].endswith("@no-email.invalid")


@pytest.mark.parametrize("address", ["lovelace@example.com", "grace@example.com"])
async def test_a_change_whose_mail_fails(
    client: httpx.AsyncClient, users: Users[User], ada: User, outbox: Outbox, address: str
) -> None:
    """It is asked for again at once, whether the address is somebody's or not."""
    await users.create("grace", PASSWORD, email="grace@example.com")
    outbox.is_down = True
    assert (await change_email(client, address)).status_code == 202
    outbox.is_down = False
    assert (await change_email(client, address)).status_code == 202
    assert (await change_email(client, address)).status_code == 429


async def test_a_change_and_a_stranger(
    client: httpx.AsyncClient, ada: User, outbox: Outbox
) -> None:
    """Somebody who registers the address of a user does not keep them from changing it."""
    await register(client, username="eve", password=NEW)
    assert outbox.last(AlreadyRegistered).to == ada.email
    assert (await change_email(client)).status_code == 202


async def test_its_own_address(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """Changing to the present address does nothing."""
    sent = len(outbox.messages)
    assert (await change_email(client, "ada@example.com")).status_code == 202
    assert len(outbox.messages) == sent


async def test_a_name_that_is_an_address(
    client: httpx.AsyncClient, outbox: Outbox, clock: FrozenClock
) -> None:
    """It changes with the address, so that nobody holds the old one by name."""
    body = {"email": "ada@example.com", "password": PASSWORD}
    await client.post("/auth/register", json=body)
    await verify(client, outbox)
    await log_in(client, "ada@example.com")
    answer = await change_email(client, f"{'x' * 60}@{'y' * 50}.example.com")
    assert answer.json()["detail"][0]["type"] == "username_too_long"
    await change_email(client)
    await confirm(client, link_to(outbox, ConfirmEmail))
    assert (await client.get("/auth/me")).json()["username"] == "lovelace@example.com"
    await client.post("/auth/register", json=body)
    await verify(client, outbox)
    assert await User.count() == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"current_password": "wrong"}, 401),
        ({"current_password": None}, 401),
        ({"email": "nonsense"}, 422),
        ({"email": None}, 422),
    ],
)
async def test_wrong_email(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, body: dict[str, Any], status: int
) -> None:
    """What is wrong sends nothing."""
    sent = len(outbox.messages)
    given = {"email": "lovelace@example.com", "current_password": PASSWORD, **body}
    answer = await client.post("/auth/change-email", json=given)
    assert answer.status_code == status
    assert len(outbox.messages) == sent


async def undo(client: httpx.AsyncClient, token: str) -> httpx.Response:
    """Follow the link to the old address."""
    return await client.post("/auth/change-email/undo", json={"token": token})


@pytest.mark.usefixtures("unlimited")
async def test_undo(
    client: httpx.AsyncClient,
    app: FastAPI,
    ada: User,
    outbox: Outbox,
    clock: FrozenClock,
    events: list[AuthEvent],
) -> None:
    """
    A thief changes the address, the password, and the address again. The owner takes the account
    back by the link of the first change, and nothing of the thief's is good any more.
    """
    for address in ("thief@example.com", "hideout@example.com"):
        await change_email(client, address)
        await confirm(client, link_to(outbox, ConfirmEmail))
        clock.advance(timedelta(minutes=2))
    assert (await change_password(client)).status_code == 204
    first, second = link_to(outbox, EmailChanged, 0), link_to(outbox, EmailChanged, 1)

    async def use() -> bool:
        answer = await undo(client, first)
        assert answer.status_code in (204, 401)
        return answer.status_code == 204

    await assert_single_winner(use)
    assert (await client.get("/auth/me")).status_code == 401
    for password in (PASSWORD, NEW):
        assert (await log_in(client, "ada", password)).status_code == 401
    assert (await undo(client, second)).status_code == 401
    message = outbox.last(ResetPassword)
    assert message.to == "ada@example.com"
    body = {"token": outbox.token(ResetPassword), "password": "the owner's battery"}
    assert (await client.post("/auth/reset-password", json=body)).status_code == 204
    await log_in(client, "ada@example.com", "the owner's battery")
    assert (await client.get("/auth/me")).json()["email_verified"] is True
    assert {"user_email_change_undone", "user_email_undo_fail"} <= set(names(events))


async def test_disabled_meanwhile(client: httpx.AsyncClient, ada: User, outbox: Outbox) -> None:
    """
    Nobody moves the account of a user who was disabled. Whoever had it before a thief may take
    the address back, but not lift the ban.
    """
    await change_email(client)
    token = link_to(outbox, ConfirmEmail)
    await User.update({User.active: False}, force=True)
    assert (await confirm(client, token)).status_code == 401
    await User.update({User.active: True}, force=True)
    assert (await confirm(client, token)).status_code == 204
    await User.update({User.active: False}, force=True)
    sent = len(outbox.messages)
    assert (await undo(client, link_to(outbox, EmailChanged))).status_code == 204
    rows = await User.select(User.email, User.active)
    assert rows == [{"email": "ada@example.com", "active": False}]
    assert len(outbox.messages) == sent


async def test_undo_when_somebody_took_the_address(
    client: httpx.AsyncClient, app: FastAPI, ada: User, outbox: Outbox
) -> None:
    """An account that a thief made with the old address does not hinder, being unverified."""
    await change_email(client)
    await confirm(client, link_to(outbox, ConfirmEmail))
    token = link_to(outbox, EmailChanged)
    await register(client, username="thief", email="ada@example.com")
    assert (await undo(client, token)).status_code == 204
    owner = await User.objects().where(User.email == "ada@example.com").first()
    assert owner is not None
    assert owner.id == ada.id


async def test_seven_days(
    client: httpx.AsyncClient, ada: User, outbox: Outbox, clock: FrozenClock
) -> None:
    """An undo is possible for a week; then it can be swept."""
    await change_email(client)
    await confirm(client, link_to(outbox, ConfirmEmail))
    clock.advance(timedelta(days=7))
    assert (await undo(client, link_to(outbox, EmailChanged))).status_code == 401
    assert (await undo(client, "nonsense")).status_code == 401
    assert await delete_expired_email_changes(now=clock.now) == 1
    assert await EmailChange.count() == 0


async def test_a_registered_address_undoes_nothing(
    make_app: MakeApp, outbox: Outbox, clock: FrozenClock
) -> None:
    """Nor is it told, before it was verified: nobody knows whose it is."""
    async with new_client(make_app(active_before_verified=True)) as client:
        await register(client)
        await log_in(client)
        clock.advance(timedelta(minutes=1))
        await change_email(client)
        assert outbox.last(EmailChangeRequested).to == "ada@example.com"
        assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
        assert await EmailChange.count() == 0
        assert outbox.last(EmailChangeRequested).to == "ada@example.com"


async def test_an_address_that_nobody_registered_undoes(
    client: httpx.AsyncClient, users: Users[User], outbox: Outbox
) -> None:
    """Whom an administrator made, or another application, is told, verified or not."""
    await users.create("ada", PASSWORD, email="ada@example.com")
    await users.create("grace", PASSWORD)
    await log_in(client)
    await change_email(client)
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    assert outbox.last(EmailChanged).to == "ada@example.com"
    assert (await undo(client, link_to(outbox, EmailChanged))).status_code == 204
    assert await User.exists().where(User.email == "ada@example.com")
    sent = len(outbox.messages)
    await log_in(client, "grace")
    await change_email(client, "grace@example.com")
    assert (await confirm(client, link_to(outbox, ConfirmEmail))).status_code == 204
    assert len(outbox.messages) == sent + 1
